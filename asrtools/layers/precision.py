"""Linear layers in bf16, fp16 or int8, put in place of those of a loaded network.

Norms, sums of a predictor's weights and output layers stay in float32, but for CTC's in int8. Int8 scales every row of
its input by itself (torch's own dynamic int8 takes one scale for the whole tensor), so that no result depends on its
neighbours in a batch.
"""

from collections.abc import Callable, Collection

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.processor import largest_weight, multiplies, packs_weights

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
TYPICAL_ROWS = 128  # frames of an utterance, for which weights are packed
ROUNDING = 1.5 * 2**23  # added to a small float32, it leaves the nearest whole number in the lowest byte
PRECISE = ("predictor", "output_layer", "hotword_output_layer", "lstm_proj")  # parts of names
CTC = ("ctc", "ctc_lo")  # the widest layer; products in 16 bits would round its scores, those in 8 come out in float32


class PackedLinear(nn.Linear):
    """A linear layer that keeps its weights a second time in the order in which the processor multiplies fastest.

    Without gradients only, and only on a CPU. Packed anew when the weights change.
    """

    ends_in_relu = False
    packed: Tensor | None = None
    packed_of: tuple[int, int] | None = None  # where the weights lay, and how often they had been changed

    @classmethod
    def around(cls, linear: nn.Linear) -> "PackedLinear":
        layer = cls(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        layer.weight, layer.bias = linear.weight, linear.bias
        return layer.train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() or x.device.type != "cpu" or x.dtype != torch.float32 or torch.jit.is_tracing():
            x = super().forward(x)
            return F.relu(x) if self.ends_in_relu else x
        state = (self.weight.data_ptr(), self.weight._version)
        if self.packed_of != state:
            self.packed, self.packed_of = pack(self.weight.detach()), state
        return multiply(x, self.packed, self.bias, self.ends_in_relu)


class HalfLinear(nn.Module):
    """A linear layer whose product is taken in 16 bits."""

    ends_in_relu = False
    stays_half = False  # where the result is wanted in 16 bits

    def __init__(self, linear: nn.Linear, dtype: torch.dtype, is_packed: bool = False):
        super().__init__()
        weight = linear.weight.detach().to(dtype)
        self.dtype = dtype
        self.packed = pack(weight) if is_packed else None
        self.weight = None if is_packed else nn.Parameter(weight, requires_grad=False)
        bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().to(dtype), requires_grad=False)
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        rounded = x.to(self.dtype)
        if self.packed is not None:
            product = multiply(rounded, self.packed, self.bias, self.ends_in_relu)
        else:
            product = F.linear(rounded, self.weight, self.bias)
            product = F.relu(product) if self.ends_in_relu else product
        return product if self.stays_half else product.float()


def pack(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight, TYPICAL_ROWS)


def multiply(x: Tensor, packed: Tensor, bias: Tensor | None, ends_in_relu: bool = False) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "relu" if ends_in_relu else "none", [], "")


def pack_linear_layers(network: nn.Module) -> nn.Module:
    """The network with its plain linear layers packed, for use on a CPU."""
    if packs_weights():
        replace_linear_layers(network, PackedLinear.around, keep=())
        join_relus(network)
    return network


class Int8Linear(nn.Module):
    """A linear layer in 8 bits: one scale for each output's weights, one for each row of the input."""

    ends_in_relu = False
    takes_positive = False  # where the input comes out of a relu
    may_overwrite = False  # where nobody else reads the input

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = linear.weight.detach().float()
        scales = largest_of(weight).div_(largest_weight())
        self.register_buffer("scales", scales.squeeze(1))
        integers = (weight * scales.reciprocal()).add_(ROUNDING).view(torch.int32).to(torch.int8)
        self.register_buffer("packed", torch.ops.onednn.qlinear_prepack(integers, None))
        self.register_buffer("zeros", torch.zeros(len(weight), dtype=torch.int32))
        bias = torch.zeros(len(weight)) if linear.bias is None else linear.bias.detach().float()
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.float().reshape(-1, x.shape[-1])
        scales = largest_of(rows, self.takes_positive).div_(127)
        zero = 0 if self.takes_positive else 128  # unsigned, which processors multiply fastest
        scaled = torch.mul(rows, scales.reciprocal(), out=rows if self.may_overwrite else None)
        integers = scaled.add_(ROUNDING + zero).view(torch.int32).to(torch.uint8)
        products = torch.ops.onednn.qlinear_pointwise(
            integers, 1.0, zero, self.packed, self.scales, self.zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        # in place: new memory would cost more than the sum
        out = torch.addcmul(self.bias, products, scales, out=products)
        return (out.relu_() if self.ends_in_relu else out).reshape(*x.shape[:-1], -1)


def largest_of(rows: Tensor, are_positive: bool = False) -> Tensor:
    """[R, D] to [R, 1], regardless of the sign."""
    largest = rows.amax(1, keepdim=True)
    if not are_positive:
        largest = torch.maximum(largest, rows.amin(1, keepdim=True).neg_())  # half the time of abs().amax()
    return largest.clamp_(min=1e-12)


def kind_here(kind: str, device: str) -> str:
    """`kind` where `device` computes in it, else fp32: a processor without its products would take far longer."""
    if kind not in ("fp32", *DTYPES, "int8"):
        raise ConfigError(f"dtype {kind!r} is not known; should be fp32, bf16, fp16 or int8")
    is_cpu = device.partition(":")[0] == "cpu"
    if kind == "int8" and not is_cpu:
        raise ConfigError(f"dtype int8 runs on a CPU only, and the device is {device}; take bf16 or fp16")
    return "fp32" if kind in DTYPES and is_cpu and not multiplies(DTYPES[kind]) else kind


def lower(network: nn.Module, kind: str, device: str = "cpu") -> nn.Module:
    """The network with its linear layers in `kind`: bf16, fp16 or int8 (on a CPU)."""
    if kind == "fp32":
        return network
    for module in network.modules():
        if hasattr(module, "attends_in_bf16"):
            module.attends_in_bf16 = device == "cpu" and kind != "fp16" and multiplies(torch.bfloat16)
    if kind == "int8":
        replace_linear_layers(network, Int8Linear, PRECISE)
    else:
        is_packed = kind == "bf16" and device == "cpu" and packs_weights()
        replace_linear_layers(network, lambda linear: HalfLinear(linear, DTYPES[kind], is_packed), (*PRECISE, *CTC))
        for module in network.modules():
            for name in getattr(module, "half_layers", ()):
                getattr(module, name).stays_half = True
    join_relus(network)
    return network


def join_relus(network: nn.Module) -> None:
    """Let the first layer of a feed-forward block take its relu, and the second know that its input is positive."""
    for module in network.modules():
        if getattr(module, "is_relu", False) and isinstance(module.w_1, PackedLinear | HalfLinear | Int8Linear):
            module.w_1.ends_in_relu = True
            if isinstance(module.w_2, Int8Linear):
                module.w_2.may_overwrite = True
                module.w_2.takes_positive = not module.norms_hidden


def replace_linear_layers(network: nn.Module, make: Callable[[nn.Linear], nn.Module], keep: Collection[str]) -> None:
    """Put `make` of each plain linear layer in its place, but where a part of its name is among `keep`."""
    for name, module in list(network.named_modules()):
        for child_name, child in list(module.named_children()):
            parts = f"{name}.{child_name}".split(".")
            if type(child) is nn.Linear and not any(part in keep for part in parts):
                setattr(module, child_name, make(child))
