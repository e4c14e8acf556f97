"""Optimisers by the names that published configs use."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from asrtools.config import Config
from asrtools.errors import ConfigError
from asrtools.train.settings import keywords


class FairseqAdam(torch.optim.AdamW):
    """Adam as fairseq has it: eps is added before the correction of the second moment, and decay is apart."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 1e-3,
        adam_betas: tuple[float, float] | list[float] = (0.9, 0.999),
        adam_eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        fused: bool = False,
    ):
        super().__init__(
            params, lr, tuple(adam_betas), adam_eps, weight_decay=weight_decay, amsgrad=amsgrad, fused=fused
        )
        self.eps = adam_eps

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            done = next((float(self.state[p]["step"]) for p in group["params"] if self.state.get(p)), 0.0)
            group["eps"] = self.eps / math.sqrt(1 - group["betas"][1] ** (done + 1))
        return super().step(closure)


OPTIMISERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "fairseq_adam": FairseqAdam,
    "sgd": torch.optim.SGD,
    "adadelta": torch.optim.Adadelta,
    "adagrad": torch.optim.Adagrad,
    "adamax": torch.optim.Adamax,
    "asgd": torch.optim.ASGD,
    "rmsprop": torch.optim.RMSprop,
    "rprop": torch.optim.Rprop,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
}
DEFAULTS: dict[str, dict[str, Any]] = {"sgd": {"lr": 0.1}}  # where torch has another
HAS_FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad)


def build_optimizer(config: Config, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """What `optim` and `optim_conf` name (adam where they name none), in one fused pass where torch has one."""
    name = str(config.values.get("optim") or "adam").lower()
    if name == "lbfgs":
        raise ConfigError(f"{config.origin('optim')}: lbfgs evaluates a loss many times a step; adam or sgd is wanted")
    if name not in OPTIMISERS:
        raise ConfigError(f"{config.origin('optim')}: optim is {name!r}; known are {', '.join(OPTIMISERS)}")
    cls = OPTIMISERS[name]
    options = {**DEFAULTS.get(name, {}), **keywords(cls, config, "optim_conf", taken=("params",))}
    if cls in HAS_FUSED:
        options.setdefault("fused", True)
    try:
        return cls(list(parameters), **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{config.origin('optim_conf')}: optim_conf of {name}: {error}") from error
