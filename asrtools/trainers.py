"""The trainer of ModelScope's days, as older documents call it: a thin face of `train`.

from asrtools.trainers import Trainers, build_trainer
build_trainer(Trainers.speech_asr_trainer, default_args=dict(model=..., data_dir=..., work_dir=..., lr=...)).train()
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asrtools.errors import ConfigError, DataError
from asrtools.hub import model_directory
from asrtools.io.jsonl import to_line
from asrtools.io.text_file import atomic_write
from asrtools.record import Utterance
from asrtools.tasks import training_list

PARTS = {"train": ("train",), "valid": ("validation", "dev", "valid")}  # of data_dir, as the documents call them
NEEDED = ("model", "data_dir", "work_dir")
CONFIGURED = {  # what they are in a configuration
    "batch_type": "dataset_conf.batch_type",
    "num_workers": "dataset_conf.num_workers",
    "max_epoch": "train_conf.max_epoch",
    "accum_grad": "train_conf.accum_grad",
    "keep_nbest_models": "train_conf.keep_nbest_models",
    "resume": "train_conf.resume",
    "lr": "optim_conf.lr",
    "optim": "optim",
    "scheduler": "scheduler",
    "seed": "seed",
}
ARGUMENTS = (*NEEDED, "model_revision", "hub", "dataset_type", "batch_bins", "distributed", "device", *CONFIGURED)
SCALE = {"small": 1, "large": 10}  # of batch_bins in a frame of 10 ms: frames when small, ms when large


class Trainers:
    speech_asr_trainer = "speech-asr-trainer"


def build_trainer(name: str = Trainers.speech_asr_trainer, default_args: Mapping[str, Any] | None = None) -> "Trainer":
    """A trainer for `model` on the lists in `data_dir`, which writes `work_dir`."""
    if name != Trainers.speech_asr_trainer:
        raise ConfigError(f"build_trainer: there is no trainer {name!r}; {Trainers.speech_asr_trainer!r} is the one")
    return Trainer(**(default_args or {}))


class Trainer:
    """`train()` makes `work_dir` a model directory."""

    def __init__(self, **arguments: Any):
        unknown = [key for key in arguments if key not in ARGUMENTS]
        if unknown:
            raise ConfigError(f"build_trainer knows no {unknown[0]!r}; it knows {', '.join(ARGUMENTS)}")
        for key in NEEDED:
            if not arguments.get(key):
                raise ConfigError(f"build_trainer: default_args has no {key}; model, data_dir and work_dir are needed")
        kind = arguments.get("dataset_type", "small")
        if kind not in SCALE:
            raise ConfigError(f"build_trainer: dataset_type is {kind!r}; small or large is wanted")
        self.arguments = arguments

    @property
    def overrides(self) -> dict[str, Any]:
        """The configuration that the arguments stand for."""
        given = self.arguments
        found: dict[str, Any] = {}
        if "batch_bins" in given:
            found["dataset_conf.batch_type"] = "length"
            found["dataset_conf.batch_size"] = given["batch_bins"] // SCALE[given.get("dataset_type", "small")]
        return found | {CONFIGURED[key]: given[key] for key in CONFIGURED if key in given}

    def train(self) -> Any:
        """Train in this process, and in those that torch.distributed.launch started beside it.

        `distributed` without a launcher uses every GPU there is, in processes of their own.
        """
        given = self.arguments
        directory = model_directory(given["model"], given.get("hub", "ms"), given.get("model_revision"))
        work_dir = Path(given["work_dir"])
        lists = {role: as_list(given["data_dir"], role, work_dir) for role in PARTS}
        from asrtools.train import session
        from asrtools.train.distributed import num_gpus, start_workers

        num = num_gpus() if given.get("distributed") else 0
        if num > 1:
            shown = [f"++{key}={value}" for key, value in self.overrides.items()]
            places = [f"--train={lists['train']}", f"--valid={lists['valid']}", f"--output-dir={work_dir}"]
            code = start_workers([f"--model={directory}", *places, *shown], num)
            if code:
                raise ConfigError(f"{work_dir}: training ended with exit code {code}; the cause stands above")
            return None
        return session.train(
            session.Request(
                work_dir,
                [str(lists["train"])],
                [str(lists["valid"])],
                model=directory,
                overrides=self.overrides,
                device=str(given.get("device", "auto")),
            )
        )


def as_list(data_dir: Any, role: str, work_dir: Path) -> Path:
    """The jsonl list of a part of `data_dir`: a folder with train/ and validation/ or dev/, or a dict of them."""
    if isinstance(data_dir, Mapping):
        folders = [Path(str(data_dir[name])) for name in PARTS[role] if name in data_dir]
    else:
        folders = [Path(str(data_dir)) / name for name in PARTS[role]]
    folder = next((one for one in folders if one.exists()), None)
    if folder is None:
        raise DataError(f"{data_dir}: has no {' or '.join(PARTS[role])} with wav.scp and text in it")
    if folder.is_file():
        return folder
    target = work_dir / "data" / f"{role}.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    num, left = 0, []
    with atomic_write(target) as out:
        for utterance in utterances_of(folder):
            if utterance.status == "error" or not utterance.target:
                left.append(f"{utterance.key}: {utterance.error or 'has no text'}")
                continue
            out.write(to_line(utterance) + "\n")
            num += 1
    for cause in left:
        sys.stderr.write(f"trainers: left out: {cause}\n")
    if not num:
        raise DataError(f"{folder}: has no recording with a text; wav.scp and text with common keys are wanted")
    return target


def utterances_of(folder: Path) -> Iterator[Utterance]:
    """The recordings of a data directory with their texts and lengths."""
    columns = [
        training_list.read_column(kind, path) for kind, path in training_list.files_of(folder) if kind != "source"
    ]
    return training_list.with_lengths(training_list.join(training_list.read_sources(folder), columns))
