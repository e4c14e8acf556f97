"""Feed-forward blocks that look at neighbouring frames (Ren et al. 2019, arXiv 1905.09263).

Frames of the padding are zeroed before each convolution, so that an utterance's last frames are what they are alone.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.feed_forward import PositionwiseFeedForward

LAYER_TYPES = ("linear", "conv1d", "conv1d-linear")


class ConvFeedForward(nn.Module):
    """w_2(relu(w_1(x))) with a convolution as w_1 and, for `conv1d`, as w_2."""

    def __init__(self, size: int, hidden_size: int, kernel_size: int, dropout_rate: float, ends_linear: bool):
        super().__init__()
        padding = (kernel_size - 1) // 2
        self.w_1 = nn.Conv1d(size, hidden_size, kernel_size, padding=padding)
        if ends_linear:
            self.w_2: nn.Module = nn.Linear(hidden_size, size)
        else:
            self.w_2 = nn.Conv1d(hidden_size, size, kernel_size, padding=padding)
        self.ends_linear = ends_linear
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """[B, T, D] and bool [B, T]."""
        hidden = self.dropout(F.relu(_over_time(self.w_1, x, mask)))
        return self.w_2(hidden) if self.ends_linear else _over_time(self.w_2, hidden, mask)


def _over_time(conv: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        x = x * mask[..., None]
    return conv(x.transpose(1, 2)).transpose(1, 2)


def build_feed_forward(
    layer_type: str | None,
    size: int,
    hidden_size: int,
    dropout_rate: float,
    activation_type: str = "relu",
    kernel_size: int = 1,
) -> nn.Module:
    """The block that `positionwise_layer_type` names."""
    if layer_type == "linear":
        return PositionwiseFeedForward(size, hidden_size, dropout_rate, activation_type)
    if layer_type not in LAYER_TYPES:
        known = ", ".join(LAYER_TYPES)
        raise ConfigError(f"encoder_conf.positionwise_layer_type is {layer_type!r}; known are {known}")
    return ConvFeedForward(size, hidden_size, kernel_size, dropout_rate, ends_linear=layer_type == "conv1d-linear")


def feed(block: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    """A block of either kind applied to [B, T, D]."""
    return block(x, mask) if isinstance(block, ConvFeedForward) else block(x)
