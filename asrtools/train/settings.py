"""What `train_conf` of a config says, with the documented names."""

import difflib
from dataclasses import dataclass, fields
from typing import Any

from asrtools.build import parameters_of
from asrtools.config import Config
from asrtools.errors import ConfigError

# Published keys of train_conf without a meaning here.
WITHOUT_MEANING = {
    "use_deepspeed",
    "deepspeed_config",
    "reset_gpu_cache",
    "use_wandb",
    "wandb_project",
    "wandb_token",
    "wandb_team",
    "wandb_exp_name",
    "effective_save_name_excludes",
    "save_init_model",
    "validate_first_step",
}
CRITERIA = ("acc", "loss", "cer")


@dataclass(frozen=True)
class TrainSettings:
    max_epoch: int = 100
    accum_grad: int = 1  # batches whose gradients make one step of the optimiser
    grad_clip: float = 10.0  # 0: none
    grad_clip_type: float = 2.0
    log_interval: int = 50  # batches
    validate_interval: int = -1  # batches; -1: as save_checkpoint_interval
    save_checkpoint_interval: int = 5000  # batches; an epoch's end is one too; 0: only there
    keep_nbest_models: int = 500
    avg_nbest_model: int = 10
    avg_keep_nbest_models_type: str = "acc"
    resume: bool = True
    use_fp16: bool = False
    use_bf16: bool = False
    find_unused_parameters: bool = True
    ema_decay: float = 0.0  # of the averaged parameters that are validated and kept; 0: none
    early_stop: int = 0  # validations without a better value, after which training ends; 0: never
    decode_dev: int = 500  # utterances of the validation list that are decoded at the end of an epoch; 0: none
    preflight: bool = True  # a report on the data before the first step
    max_steps: int = 0  # of the optimiser, after which training ends; 0: max_epoch alone counts

    @property
    def dtype(self) -> str:
        return "bf16" if self.use_bf16 else "fp16" if self.use_fp16 else "fp32"


def read_settings(config: Config) -> TrainSettings:
    """train_conf; a key that nothing knows, or a value of another kind, is an error."""
    given: dict[str, Any] = {}
    kinds = {field.name: field.type for field in fields(TrainSettings)}
    for key, value in config.section("train_conf").items():
        where = f"{config.origin(f'train_conf.{key}')}: train_conf.{key}"
        if key in WITHOUT_MEANING:
            continue
        if key not in kinds:
            near = difflib.get_close_matches(key, kinds, n=1)
            cure = f"did you mean {near[0]}?" if near else "known are " + ", ".join(kinds)
            raise ConfigError(f"{where} is no key; {cure}")
        given[key] = _checked(value, kinds[key], where)
    settings = TrainSettings(**given)
    _check_values(settings)
    return settings


def _checked(value: Any, kind: Any, where: str) -> Any:
    kind = {"int": int, "float": float, "bool": bool, "str": str}.get(kind, kind)
    if kind is bool and value in (0, 1):
        return bool(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"{where} is {value!r}; {kind.__name__} is wanted")
    return value


def _check_values(settings: TrainSettings) -> None:
    for name, least in (("max_epoch", 1), ("accum_grad", 1), ("log_interval", 1), ("keep_nbest_models", 1)):
        if getattr(settings, name) < least:
            raise ConfigError(f"train_conf.{name} is {getattr(settings, name)}; {least} or more is wanted")
    for name in ("avg_nbest_model", "grad_clip", "early_stop", "decode_dev", "max_steps", "save_checkpoint_interval"):
        if getattr(settings, name) < 0:
            raise ConfigError(f"train_conf.{name} is {getattr(settings, name)}; 0 or more is wanted")
    if settings.avg_keep_nbest_models_type not in CRITERIA:
        raise ConfigError(
            f"train_conf.avg_keep_nbest_models_type is {settings.avg_keep_nbest_models_type!r}; "
            f"{' or '.join(CRITERIA)} is wanted"
        )
    if settings.use_fp16 and settings.use_bf16:
        raise ConfigError("train_conf: use_fp16 and use_bf16 are both true; choose one")
    if not 0 <= settings.ema_decay < 1:
        raise ConfigError(f"train_conf.ema_decay is {settings.ema_decay}; 0 or more and less than 1 is wanted")


def keywords(cls: type, config: Config, section: str, taken: tuple[str, ...] = ()) -> dict[str, Any]:
    """The keywords of a section for an optimiser or a scheduler; `taken` are given by the trainer itself."""
    known = [name for name in parameters_of(cls) or () if name not in taken]
    found = config.section(section)
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            cure = f"did you mean {near[0]}?" if near else "it knows " + ", ".join(known)
            raise ConfigError(f"{config.origin(f'{section}.{key}')}: {cls.__name__} knows no {section}.{key}; {cure}")
    return found
