"""One run of training, from what the user named to a model directory."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asrtools import build
from asrtools import config as configuration
from asrtools.config import Config
from asrtools.errors import ConfigError, ModelError
from asrtools.train.checkpoint_dir import CheckpointDir, Progress, seed_everything
from asrtools.train.data import TrainingData, open_data
from asrtools.train.distributed import Place, device_of, join, leave, own_place, wait
from asrtools.train.dropout import use_bits
from asrtools.train.log import Log
from asrtools.train.lora import add_lora
from asrtools.train.model_directory import write_model_directory
from asrtools.train.network import Trainee, build_trainee
from asrtools.train.objective import objective_of
from asrtools.train.optim import build_optimizer
from asrtools.train.preflight import preflight
from asrtools.train.schedule import build_scheduler
from asrtools.train.settings import TrainSettings, read_settings
from asrtools.train.trainer import Trainer
from asrtools.train.validation import can_decode, error_rate

# Keys at the top of a config beside its sections.
TRAINING = (
    "dataset",
    "dataset_type",
    "optim",
    "scheduler",
    "init",
    "freeze_param",
    "seed",
    "specaug",
    "input_size",
    "vocab_size",
)
PUBLISHED = ("init_param", "ignore_init_mismatch", "lora_only", "lora_bias", "jieba_usr_dict", "log_level", "model")
KNOWN = {*build.PARTS, *build.INPUTS, *TRAINING, *PUBLISHED, "disable_update", "trust_remote_code"}


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    output_dir: Path
    train: Sequence[str]
    valid: Sequence[str] = ()
    config: Path | None = None
    model: Path | None = None  # a model directory that is trained further
    init: Path | None = None  # parameters to begin with: a model directory or a file
    overrides: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    gpuids: tuple[int, ...] = ()
    remote_code: str | None = None


@dataclass(frozen=True)
class Outcome:
    progress: Progress
    averaged: tuple[str, ...]
    directory: Path
    place: Place


def train(request: Request) -> Outcome:
    """Train in this process, and in those that a launcher started beside it."""
    config = read_config(request)
    settings = read_settings(config)
    place = own_place()
    device = device_of(request.device, place, request.gpuids)
    join(place, device)
    try:
        return _train(request, config, settings, place, device)
    finally:
        leave()


def read_config(request: Request) -> Config:
    if request.remote_code:
        from asrtools.outside import import_model_file

        import_model_file(request.remote_code, request.model or Path())
    source = request.config or request.model
    if source is None:
        raise ConfigError("train: neither --config nor --model; a yaml file, or a model to go on from, is wanted")
    own = configuration.load(source)
    overrides = {key: value for key, value in request.overrides.items() if key != "model"}
    routed = _routed(own, overrides)
    config = configuration.load(source, routed)
    if not config.values.get("model"):
        raise ConfigError(f"{source}: it names no model; a registered name is wanted, such as `model: Paraformer`")
    return config


def _routed(config: Config, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the top level and of sections as they are; others under the section of the part that knows them."""
    plain = {key: value for key, value in overrides.items() if key in KNOWN or "." in key or key.endswith("_conf")}
    rest = {key: value for key, value in overrides.items() if key not in plain}
    return {**plain, **build.route_to_model(config, rest)} if rest else plain


def _train(request: Request, config: Config, settings: TrainSettings, place: Place, device: str) -> Outcome:
    seed = int(config.values.get("seed") or 0)
    directory = request.output_dir
    checkpoints = CheckpointDir(
        directory,
        settings.avg_keep_nbest_models_type,
        settings.keep_nbest_models,
        settings.avg_nbest_model,
    )
    initial = checkpoints.load_last() if settings.resume and checkpoints.last.is_file() else None
    trainee = build_trainee(config, _parameters(request, config, initial), _is_strict(request, config), seed)
    notes = [*trainee.notes, *add_lora(trainee.network, config)]
    if place.is_first:
        directory.mkdir(parents=True, exist_ok=True)
        if initial is None:
            checkpoints.clear()
        write_model_directory(config, directory)
    wait(place)
    begun = Progress(**initial["progress"]) if initial else Progress()
    log = Log(directory, place, device, begun.total_step)
    try:
        for note in notes:
            log.say(note)
        if initial:
            log.say(f"{checkpoints.last}: goes on after epoch {begun.epoch}, step {begun.step}")
        seed_everything([seed, place.rank])
        data, dev = _data(request, trainee, place, seed, log)
        if place.is_first:
            _tell_about(data, dev, trainee, directory, log, initial is None and settings.preflight)
        network = objective_of(trainee.network, data.dataset).to(device)
        if device == "cpu":
            use_bits(network)
        optimizer = build_optimizer(config, [p for p in network.parameters() if p.requires_grad])
        scheduler = build_scheduler(config, optimizer)
        decode_dev = _decoder(dev, trainee, settings, place, device)
        if initial is None and request.model is not None and decode_dev is not None:
            log.say(f"error rate of the initial model on {', '.join(request.valid)}: {decode_dev():.2f} %")
        trainer = Trainer(
            network, optimizer, scheduler, settings, place, device, log, checkpoints, decode_dev, trainee.network
        )
        progress = trainer.run(data, dev, initial)
        averaged = checkpoints.finish(progress.scores) if place.is_first else []
        wait(place)
    finally:
        log.close()
    return Outcome(progress, tuple(averaged), directory, place)


def _parameters(request: Request, config: Config, initial: Any) -> Path | None:
    """The file to begin with; none where the run goes on from a checkpoint."""
    if initial is not None:
        return None
    if request.init is not None:
        return _file_of(request.init)
    if request.model is not None or config.values.get("init_param"):
        file = config.values.get("init_param")
        if not isinstance(file, str | Path) or not Path(file).is_file():
            where = request.model or config.origin("init_param")
            raise ModelError(f"{where}: it has no parameters to go on from ({file}); its model.pt should be there")
        return Path(file)
    return None


def _is_strict(request: Request, config: Config) -> bool:
    """A model that is trained further is taken whole, unless its user says that some of it does not fit."""
    return request.model is not None and request.init is None and not config.values.get("ignore_init_mismatch")


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    file = configuration.load(path).values.get("init_param")
    if not file:
        raise ModelError(f"{path}: it has no model.pt; a model directory or a checkpoint file is wanted for --init")
    return Path(file)


def _data(
    request: Request, trainee: Trainee, place: Place, seed: int, log: Log
) -> tuple[TrainingData, TrainingData | None]:
    def opened(lists: Sequence[str], is_training: bool, like: TrainingData | None = None) -> TrainingData:
        return open_data(
            trainee.config,
            lists[0] if len(lists) == 1 else list(lists),
            frontend=trainee.frontend,
            tokenizer=trainee.tokenizer,
            network_name=str(trainee.config.values["model"]),
            rank=place.rank,
            world_size=place.world_size,
            seed=seed,
            is_training=is_training,
            like=like,
            warn=log.say,
        )

    data = opened(request.train, True)
    return data, opened(request.valid, False, data) if request.valid else None


def _tell_about(
    data: TrainingData, dev: TrainingData | None, trainee: Trainee, directory: Path, log: Log, is_first_time: bool
) -> None:
    """The report on the data before the first step; later only what is left out."""
    if is_first_time and isinstance(data, TrainingData):  # shards are not read twice
        report = preflight(data, dev, trainee.network)
        report.write(directory / "preflight.json")
        for line in str(report).splitlines():
            log.say(line)
        return
    for name, one in (("train", data), ("valid", dev)):
        for reason, count in one.dropped.items() if one is not None else ():
            log.say(f"{name}: {count} rows left out: {reason}")


def _decoder(dev: TrainingData | None, trainee: Trainee, settings: TrainSettings, place: Place, device: str) -> Any:
    """What gives the error rate on the validation list; None where there is none, or the network gives no text."""
    if dev is None or not settings.decode_dev or not can_decode(trainee):
        return None
    utterances = list(itertools.islice(dev.utterances(), settings.decode_dev))
    if not utterances:
        return None
    return lambda: error_rate(trainee, utterances, place, device)
