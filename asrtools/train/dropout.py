"""Dropout for CPUs. torch draws a real number for every value, which takes a tenth of a training step of a Conformer;
16 random bits a value are enough, and come four at a time."""

import torch
from torch import Tensor, nn

LEVELS = 1 << 16


class BitDropout(nn.Module):
    """As nn.Dropout; the rate is rounded to 1/65536, and the scale with it."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p or not x.numel():
            return x
        num_dropped = round(self.p * LEVELS)
        if num_dropped >= LEVELS:
            return x * 0.0
        draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
        bits = draws.view(torch.int16)[: x.numel()].view(x.shape)
        # 1 where a value is kept; whole numbers become real ones many times faster than truth values do
        least = num_dropped - LEVELS // 2
        is_kept = bits.clamp_(least - 1, least).sub_(least - 1)
        return _Dropped.apply(x, is_kept, LEVELS / (LEVELS - num_dropped))


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, is_kept: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(is_kept)
        ctx.scale = scale  # type: ignore[attr-defined]
        return is_kept.to(x.dtype).mul_(x).mul_(scale)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (is_kept,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return is_kept.to(grad.dtype).mul_(grad).mul_(ctx.scale), None, None  # type: ignore[attr-defined]


def use_bits(network: nn.Module) -> nn.Module:
    """The network with BitDropout in the place of each nn.Dropout."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Dropout:
                setattr(module, name, BitDropout(child.p))
    return network
