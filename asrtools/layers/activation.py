"""Activation functions by the names that published configs give them."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from asrtools.errors import ConfigError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "hardtanh": F.hardtanh,
    "tanh": torch.tanh,
    "relu": F.relu,
    "selu": F.selu,
    "swish": F.silu,
    "gelu": F.gelu,
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    if name not in ACTIVATIONS:
        raise ConfigError(f"activation {name!r} is not known; known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
