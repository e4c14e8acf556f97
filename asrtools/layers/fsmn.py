"""SANM's memory: a depthwise convolution over time. (The FSMN of voice activity detection is another block.)"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# On a CPU a convolution's call costs more than its work on a chunk: sums over windows take a third of the time up to
# FEW_ROWS, sums over the taps of the kernel less up to MOST_ROWS.
FEW_ROWS, MOST_ROWS = 32, 512


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
        padded = F.pad(x.unflatten(0, (len(sizes), -1)), (0, 0, *pads))
        return _remember_padded(padded, weight).flatten(0, 1).add_(x)
    return remember_joined([F.pad(part, (0, 0, *pads)) for part in x.split(list(sizes))], weight).add_(x)


def remember_joined(parts: Sequence[Tensor], weight: Tensor) -> Tensor:
    """Sequences [N + K - 1, D], each with what stands before and after it, in one convolution to [sum of N, D]."""
    if len(parts) == 1:
        return _remember_padded(parts[0][None], weight)[0]
    out = _remember_padded(torch.cat(list(parts))[None], weight)[0]
    kept, begin = [], 0
    for part in parts:
        end = begin + len(part)
        kept.append(out[begin : end - weight.shape[-1] + 1])
        begin = end
    return torch.cat(kept)


def _remember_padded(padded: Tensor, weight: Tensor) -> Tensor:
    """[B, T + K - 1, D] to [B, T, D]."""
    num_rows, kernel_size = padded.shape[0] * padded.shape[1], weight.shape[-1]
    if num_rows > MOST_ROWS or padded.device.type != "cpu":
        return remember(padded, weight, (0, 0))
    taps = weight[:, 0].t().to(padded.dtype).contiguous()  # [K, D]
    if num_rows <= FEW_ROWS:
        return (padded.unfold(1, kernel_size, 1).transpose(2, 3) * taps).sum(2)  # windows [B, T, K, D]
    num_frames = padded.shape[1] - kernel_size + 1
    out = padded[:, :num_frames] * taps[0]
    for index in range(1, kernel_size):
        out.addcmul_(padded[:, index : index + num_frames], taps[index])
    return out
