"""Position-wise feed-forward blocks."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.layers.activation import activation
from asrtools.layers.norm import LayerNorm


class PositionwiseFeedForward(nn.Module):
    """w_2(activation(w_1(x))), of encoders."""

    half_layers = ("w_1",)  # whose result stays in 16 bits where the layer is rounded to them
    norms_hidden = False

    def __init__(self, size: int, hidden_size: int, dropout_rate: float, activation_type: str = "relu"):
        super().__init__()
        self.w_1 = nn.Linear(size, hidden_size)
        self.w_2 = nn.Linear(hidden_size, size)
        self.dropout = nn.Dropout(dropout_rate)
        self.activation: Callable[[Tensor], Tensor] = activation(activation_type)
        self.is_relu = activation_type == "relu"

    def forward(self, x: Tensor) -> Tensor:
        hidden = _relu(self.w_1, x, self.training) if self.is_relu else self.activation(self.w_1(x))
        return self.w_2(self.dropout(hidden))


class NormedFeedForward(nn.Module):
    """w_2(norm(relu(w_1(x)))) without a bias in w_2, of the Paraformer decoder."""

    half_layers = ("w_1",)
    is_relu = norms_hidden = True

    def __init__(self, size: int, hidden_size: int, dropout_rate: float, out_size: int | None = None):
        super().__init__()
        self.w_1 = nn.Linear(size, hidden_size)
        self.w_2 = nn.Linear(hidden_size, out_size or size, bias=False)
        self.dropout = nn.Dropout(dropout_rate)
        self.norm = LayerNorm(hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.w_2(self.norm(self.dropout(_relu(self.w_1, x, self.training))))


def _relu(linear: nn.Module, x: Tensor, is_training: bool) -> Tensor:
    if getattr(linear, "ends_in_relu", False):
        return linear(x)
    return F.relu(linear(x), inplace=not is_training)
