"""MLP with convolutional gating (Sakuma et al. 2021; its gate after Liu et al. 2021, arXiv 2105.08050)."""

import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.layers.activation import activation
from asrtools.layers.fsmn import remember
from asrtools.layers.norm import LayerNorm


class ConvolutionalSpatialGatingUnit(nn.Module):
    """One half of the channels times the other, which is convolved over time; parameters norm, conv, linear."""

    def __init__(self, size: int, kernel_size: int, dropout_rate: float, has_linear: bool, gate_activation: str):
        super().__init__()
        half = size // 2
        self.norm = LayerNorm(half)
        self.conv = nn.Conv1d(half, half, kernel_size, padding=(kernel_size - 1) // 2, groups=half)
        self.pads = ((kernel_size - 1) // 2,) * 2
        self.linear = nn.Linear(half, half) if has_linear else None
        self.activation = None if gate_activation == "identity" else activation(gate_activation)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x, gate = x.chunk(2, dim=-1)
        gate = self.norm(gate)
        if mask is not None:
            gate = gate * mask[..., None]  # what lies in the padding must not reach the last frames
        gate = remember(gate, self.conv.weight, self.pads) + self.conv.bias
        if self.linear is not None:
            gate = self.linear(gate)
        if self.activation is not None:
            gate = self.activation(gate)
        return self.dropout(x * gate)


class ConvolutionalGatingMLP(nn.Module):
    """[B, T, size] to the same; parameters channel_proj1, csgu, channel_proj2."""

    def __init__(
        self,
        size: int,
        linear_units: int,
        kernel_size: int,
        dropout_rate: float,
        use_linear_after_conv: bool,
        gate_activation: str,
    ):
        super().__init__()
        self.channel_proj1 = nn.Sequential(nn.Linear(size, linear_units))
        self.csgu = ConvolutionalSpatialGatingUnit(
            linear_units, kernel_size, dropout_rate, use_linear_after_conv, gate_activation
        )
        self.channel_proj2 = nn.Linear(linear_units // 2, size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.channel_proj2(self.csgu(F.gelu(self.channel_proj1(x)), mask))
