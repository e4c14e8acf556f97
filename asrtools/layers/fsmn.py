"""SANM's memory: a depthwise convolution over time. (The FSMN of voice activity detection is another block.)"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def memory_pads(kernel_size: int, shift: int) -> tuple[int, int]:
    """Frames of zeros before and after, for a kernel that looks `shift` frames further back than ahead."""
    left = (kernel_size - 1) // 2 + max(shift, 0)
    return left, kernel_size - 1 - left


def remember(x: Tensor, weight: Tensor, pads: tuple[int, int]) -> Tensor:
    """Depthwise convolution of [B, T, D] by `weight` [D, 1, K], with zeros before and after.

    Written as a 2-D convolution in the channels-last layout, which [B, T, D] already is: no transposes.
    """
    left, right = pads
    if left or right:
        x = F.pad(x, (0, 0, left, right))
    image = x.permute(0, 2, 1).unsqueeze(2)  # [B, D, 1, T], channels last in memory
    kernel = weight.unsqueeze(2).to(x.dtype)  # [D, 1, 1, K]
    if not torch.jit.is_tracing():
        image = image.contiguous(memory_format=torch.channels_last)
    return F.conv2d(image, kernel, groups=weight.shape[0]).squeeze(2).permute(0, 2, 1)


def remember_each(x: Tensor, sizes: Sequence[int], weight: Tensor, pads: tuple[int, int]) -> Tensor:
    """`remember`, and each frame added, for sequences of `sizes` frames that stand one after another in [R, D]."""
    if len(set(sizes)) == 1:
        return remember(x.unflatten(0, (len(sizes), -1)), weight, pads).flatten(0, 1) + x
    parts = [F.pad(part, (0, 0, *pads)) for part in x.split(list(sizes))]
    return remember_joined(parts, weight) + x


def remember_joined(parts: Sequence[Tensor], weight: Tensor) -> Tensor:
    """Sequences [N + K - 1, D], each with what stands before and after it, in one convolution to [sum of N, D]."""
    extra = weight.shape[-1] - 1
    out = remember(torch.cat(list(parts))[None], weight, (0, 0))[0]
    if len(parts) == 1:
        return out
    kept, begin = [], 0
    for part in parts:
        kept.append(out[begin : begin + len(part) - extra])
        begin += len(part)
    return torch.cat(kept)
