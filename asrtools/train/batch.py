"""Batch: what a network's forward takes, with the numbers a trainer reports about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from asrtools.errors import DataError


@dataclass(frozen=True, eq=False)
class Batch:
    keys: tuple[str, ...]
    inputs: dict[str, torch.Tensor]  # by the keywords of the network's forward
    num_frames: int  # of 10 ms, without padding
    num_padded_frames: int  # as computed
    num_tokens: int
    is_repeated: bool = False  # a second time in this epoch, so that every rank has as many steps

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        return self._changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Batch":
        return self._changed(torch.Tensor.pin_memory)

    def _changed(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Batch":
        """A data set from outside may give what is no tensor, which stays as it is."""
        changed = {name: change(one) if isinstance(one, torch.Tensor) else one for name, one in self.inputs.items()}
        return replace(self, inputs=changed)


def padded(rows: Sequence[np.ndarray], value: float) -> torch.Tensor:
    """Arrays that differ in their first dimension, one below the other, filled up with `value`."""
    shapes = {row.shape[1:] for row in rows}
    if len(shapes) > 1:
        sizes = " and ".join(str(size) for (size,) in sorted(shapes))
        raise DataError(f"a batch holds rows of {sizes} values; recordings of one list should have as many channels")
    longest = max(len(row) for row in rows)
    whole = np.full((len(rows), longest, *rows[0].shape[1:]), value, dtype=rows[0].dtype)
    for place, row in zip(whole, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(whole)


def lengths(rows: Sequence[np.ndarray]) -> torch.Tensor:
    """int64 [B]"""
    return torch.tensor([len(row) for row in rows], dtype=torch.int64)
