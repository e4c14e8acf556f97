"""Sinusoidal positions as SANM models add them: counted from 1, sines in the first half, cosines in the second."""

import functools
import math

import torch
from torch import Tensor, nn

TABLE_STEP = 1024  # rows by which a kept table grows


def sinusoid(first: int, num: int, depth: int, device: torch.device | str = "cpu") -> Tensor:
    """float32 [num, depth] of the positions `first`, `first` + 1, ...; the first frame of an utterance is 1."""
    if torch.jit.is_tracing():
        return _rows(torch.arange(num, device=device) + first, int(depth))
    rows = -(-(first + num) // TABLE_STEP) * TABLE_STEP
    return _table(rows, depth, str(device))[first : first + num]


@functools.lru_cache(maxsize=16)
def _table(rows: int, depth: int, device: str) -> Tensor:
    with torch.inference_mode(False):
        return _rows(torch.arange(rows, device=device), depth)


def _rows(positions: Tensor, depth: int) -> Tensor:
    increment = torch.tensor(math.log(10000.0), dtype=torch.float32) / (depth / 2 - 1)
    scales = torch.exp(torch.arange(depth // 2, device=positions.device, dtype=torch.float32) * -increment.item())
    angles = positions.float()[:, None] * scales  # [T, depth / 2]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class SinusoidalPositionEncoder(nn.Module):
    """Adds its position to every frame of [B, T, D]; `first` is that of the first frame."""

    def forward(self, x: Tensor, first: int = 1) -> Tensor:
        num, depth = x.shape[1:]
        if first == 1:
            return x + sinusoid(first, num, depth, x.device).to(x.dtype)
        # of a stream, which may go on for hours: a table of all its positions would have no end
        return x + _rows(torch.arange(first, first + num, device=x.device), depth).to(x.dtype)
