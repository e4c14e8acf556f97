"""Linear layers in bf16, fp16 or int8, put in place of those of a loaded network.

Norms, sums of a predictor's weights and output layers stay in float32. Int8 scales every row of its input by itself
(torch's own dynamic int8 takes one scale for the whole tensor), so that no result depends on its neighbours in a batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
PRECISE = ("predictor", "output_layer", "hotword_output_layer", "ctc", "ctc_lo", "lstm_proj")  # parts of names


class HalfLinear(nn.Module):
    """A linear layer whose product is taken in 16 bits."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype):
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().to(dtype), requires_grad=False)
        bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().to(dtype), requires_grad=False)
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias).to(x.dtype)


class Int8Linear(nn.Module):
    """A linear layer in 8 bits: one scale for each output's weights, one for each row of the input."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(1).clamp(min=1e-12) / 127
        self.register_buffer("scales", scales)
        rounded = (weight / scales[:, None]).round().to(torch.int8)
        self.register_buffer("packed", torch.ops.onednn.qlinear_prepack(rounded, None))
        self.register_buffer("zeros", torch.zeros(len(weight), dtype=torch.int32))
        bias = torch.zeros(len(weight)) if linear.bias is None else linear.bias.detach().float()
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.float().reshape(-1, x.shape[-1])
        scales = rows.abs().amax(1, keepdim=True).clamp_(min=1e-12).div_(127)
        # unsigned, about 128, which processors multiply fastest; by way of int8, whose conversion is vectorised
        integers = (rows * scales.reciprocal()).round_().to(torch.int8).view(torch.uint8).bitwise_xor_(128)
        products = torch.ops.onednn.qlinear_pointwise(
            integers, 1.0, 128, self.packed, self.scales, self.zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return torch.addcmul(self.bias, products, scales).reshape(*x.shape[:-1], -1)


def lower(network: nn.Module, kind: str, device: str = "cpu") -> nn.Module:
    """The network with its linear layers in `kind`: bf16, fp16 or int8 (on a CPU)."""
    if kind == "fp32":
        return network
    if kind not in (*DTYPES, "int8"):
        raise ConfigError(f"dtype {kind!r} is not known; should be fp32, bf16, fp16 or int8")
    if kind == "int8" and device.partition(":")[0] != "cpu":
        raise ConfigError(f"dtype int8 runs on a CPU only, and the device is {device}; take bf16 or fp16")
    for name, module in list(network.named_modules()):
        for child_name, child in list(module.named_children()):
            parts = f"{name}.{child_name}".split(".")
            if type(child) is nn.Linear and not any(part in PRECISE for part in parts):
                lowered = Int8Linear(child) if kind == "int8" else HalfLinear(child, DTYPES[kind])
                setattr(module, child_name, lowered)
    return network
