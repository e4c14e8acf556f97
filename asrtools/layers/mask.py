"""Masks from lengths; True where there is something."""

import torch
from torch import Tensor


def frame_mask(lens: Tensor, max_len: int | None = None) -> Tensor:
    """Lengths [B] to bool [B, T]."""
    if max_len is None:
        max_len = int(lens.max()) if lens.numel() else 0
    return torch.arange(max_len, device=lens.device) < lens[:, None]


def padding_mask(lens: Tensor, max_len: int) -> Tensor | None:
    """The same, or None where no row is padded, so that whole batches take the shorter way through attention."""
    if not torch.jit.is_tracing() and bool((lens == max_len).all()):
        return None
    return frame_mask(lens, max_len)
