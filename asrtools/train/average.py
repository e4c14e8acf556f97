"""The mean of checkpoints: in float64 of what is real, from the first of what counts."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from asrtools.checkpoint import read_state
from asrtools.errors import ModelError


def average(paths: Sequence[Path]) -> dict[str, Tensor]:
    """Means of the parameters of files that are of one model.

    Integers (how many batches a norm has seen) cannot be averaged: the greatest stands, as in the latest checkpoint.
    """
    if not paths:
        raise ModelError("average: no checkpoints; one or more are wanted")
    first = read_state(paths[0])
    sums = {
        name: value.to(torch.float64) if value.is_floating_point() else value.clone() for name, value in first.items()
    }
    for path in paths[1:]:
        state = read_state(path)
        if {name: value.shape for name, value in state.items()} != {name: one.shape for name, one in first.items()}:
            raise ModelError(f"{path}: its parameters are not those of {paths[0]}; checkpoints of one model are wanted")
        for name, value in state.items():
            if value.is_floating_point():
                sums[name] += value
            else:
                sums[name] = torch.maximum(sums[name], value)
    return {
        name: (value / len(paths)).to(first[name].dtype) if first[name].is_floating_point() else value
        for name, value in sums.items()
    }
