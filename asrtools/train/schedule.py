"""Learning rates by the names that published configs use; all are functions of the optimiser's steps."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from asrtools.build import parameters_of
from asrtools.config import Config
from asrtools.errors import ConfigError
from asrtools.train.settings import keywords

# torch's that need no number of their own for every run of ours
TORCH = {
    "steplr": "StepLR",
    "multisteplr": "MultiStepLR",
    "exponentiallr": "ExponentialLR",
    "constantlr": "ConstantLR",
    "linearlr": "LinearLR",
    "polynomiallr": "PolynomialLR",
    "cosineannealinglr": "CosineAnnealingLR",
    "cosineannealingwarmrestarts": "CosineAnnealingWarmRestarts",
    "onecyclelr": "OneCycleLR",
    "cycliclr": "CyclicLR",
}


class WarmupLR(LambdaLR):
    """Rises in a line to optim_conf.lr at `warmup_steps`, then falls with the root of the step."""

    def __init__(self, optimizer: Optimizer, warmup_steps: int | float = 25000, last_epoch: int = -1):
        if warmup_steps < 1:
            raise ValueError(f"warmup_steps is {warmup_steps}; 1 or more is wanted")
        super().__init__(optimizer, lambda done: _warm(done + 1, warmup_steps), last_epoch)


class NoamLR(LambdaLR):
    """The rate of the Transformer paper, times optim_conf.lr."""

    def __init__(
        self,
        optimizer: Optimizer,
        model_size: int | float = 320,
        warmup_steps: int | float = 25000,
        last_epoch: int = -1,
    ):
        scale = model_size**-0.5
        super().__init__(
            optimizer, lambda done: scale * min((done + 1) ** -0.5, (done + 1) * warmup_steps**-1.5), last_epoch
        )


class TriStageLR(LambdaLR):
    """Rises in a line from init_lr_scale, holds, and falls exponentially to final_lr_scale (times optim_conf.lr)."""

    def __init__(
        self,
        optimizer: Optimizer,
        phase_ratio: tuple[float, float, float] | list[float] | None = None,
        max_update: int | None = None,
        warmup_steps: int = 0,
        hold_steps: int = 0,
        decay_steps: int = 0,
        init_lr_scale: float = 0.01,
        final_lr_scale: float = 0.01,
        last_epoch: int = -1,
    ):
        if phase_ratio is not None:
            if not max_update or len(phase_ratio) != 3 or abs(sum(phase_ratio) - 1) > 1e-6:
                raise ValueError(
                    f"phase_ratio is {phase_ratio} and max_update {max_update}; three parts of 1 and a number of steps "
                    "are wanted"
                )
            warmup_steps, hold_steps, decay_steps = (int(part * max_update) for part in phase_ratio)

        def scale(done: int) -> float:
            step = done + 1
            if step < warmup_steps:
                return init_lr_scale + (1 - init_lr_scale) * step / warmup_steps
            step -= warmup_steps
            if step < hold_steps:
                return 1.0
            step -= hold_steps
            if step <= decay_steps and decay_steps:
                return math.exp(math.log(final_lr_scale) * step / decay_steps)
            return final_lr_scale

        super().__init__(optimizer, scale, last_epoch)


class CustomLambdaLR(LambdaLR):
    """Rises in a line to optim_conf.lr at `warmup_steps`, then falls in a line to 0 at `total_steps`."""

    def __init__(
        self, optimizer: Optimizer, warmup_steps: int = 25000, total_steps: int = 500000, last_epoch: int = -1
    ):
        if total_steps <= warmup_steps:
            raise ValueError(f"total_steps is {total_steps}; more than warmup_steps, {warmup_steps}, is wanted")

        def scale(done: int) -> float:
            step = done + 1
            if step < warmup_steps:
                return step / warmup_steps
            return max(0.0, 1 - (step - warmup_steps) / (total_steps - warmup_steps))

        super().__init__(optimizer, scale, last_epoch)


OWN: dict[str, Callable[..., LRScheduler]] = {
    "warmuplr": WarmupLR,
    "noamlr": NoamLR,
    "tri_stage": TriStageLR,
    "custom_lambdalr": CustomLambdaLR,
}


def build_scheduler(config: Config, optimizer: Optimizer) -> LRScheduler:
    """What `scheduler` and `scheduler_conf` name; one rate for all steps where they name none."""
    given = config.values.get("scheduler")
    if not given:
        return LambdaLR(optimizer, lambda _: 1.0)
    name = str(given).lower()
    cls: Any = OWN.get(name)
    if cls is None and name in TORCH:
        cls = getattr(torch.optim.lr_scheduler, TORCH[name])
    if cls is None:
        known = ", ".join([*OWN, *TORCH])
        raise ConfigError(f"{config.origin('scheduler')}: scheduler is {given!r}; known are {known}")
    taken = ("optimizer", "last_epoch", "verbose")
    options = keywords(cls, config, "scheduler_conf", taken)
    lacking = [key for key in _required(cls) if key not in (*options, *taken)]
    if lacking:
        raise ConfigError(f"{config.origin('scheduler')}: {given} needs scheduler_conf.{lacking[0]}")
    try:
        return cls(optimizer, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{config.origin('scheduler_conf')}: scheduler_conf of {given}: {error}") from error


def _required(cls: type) -> list[str]:
    import inspect

    signature = inspect.signature(cls).parameters
    return [name for name in parameters_of(cls) or () if signature[name].default is inspect.Parameter.empty]


def _warm(step: int, warmup_steps: float) -> float:
    return warmup_steps**0.5 * min(step**-0.5, step * warmup_steps**-1.5)
