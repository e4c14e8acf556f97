"""SANM's memory: a depthwise convolution over time. (The FSMN of voice activity detection is another block.)"""

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
