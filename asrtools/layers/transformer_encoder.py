"""TransformerEncoder: self-attention with positions added (Vaswani et al. 2017, arXiv 1706.03762)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from asrtools.layers.conv_feed_forward import build_feed_forward, feed
from asrtools.layers.encoder_input import bare_door, build_door
from asrtools.layers.encoder_position import PositionalEncoding
from asrtools.layers.encoder_stack import Context, EncoderStack, attend_to_self
from asrtools.layers.multi_head_attention import MultiHeadedAttention
from asrtools.layers.norm import LayerNorm
from asrtools.register import tables


class TransformerLayer(nn.Module):
    """Attention and feed-forward, each with its norm; parameters self_attn, feed_forward, norm1, norm2."""

    def __init__(
        self,
        size: int,
        self_attn: nn.Module,
        feed_forward: nn.Module,
        dropout_rate: float,
        normalize_before: bool = True,
        concat_after: bool = False,
    ):
        super().__init__()
        self.self_attn = self_attn
        self.feed_forward = feed_forward
        self.norm1 = LayerNorm(size)
        self.norm2 = LayerNorm(size)
        self.dropout = nn.Dropout(dropout_rate)
        self.normalize_before = normalize_before
        if concat_after:
            self.concat_linear = nn.Linear(2 * size, size)
        self.concat_after = concat_after

    def forward(self, x: Tensor, context: Context) -> Tensor:
        return self.through(x, lambda given: attend_to_self(self.self_attn, given, context), context.mask)

    def through(self, x: Tensor, attend: Callable[[Tensor], Tensor], mask: Tensor | None) -> Tensor:
        """With any attention; `mask` bool [B, T]."""
        given = self.norm1(x) if self.normalize_before else x
        attended = attend(given)
        if self.concat_after:
            x = x + self.concat_linear(torch.cat([given, attended], -1))
        else:
            x = x + self.dropout(attended)
        if not self.normalize_before:
            x = self.norm1(x)
        fed = feed(self.feed_forward, self.norm2(x) if self.normalize_before else x, mask)
        x = x + self.dropout(fed)
        return x if self.normalize_before else self.norm2(x)


@tables.register("encoder_classes", "TransformerEncoder")
class TransformerEncoder(EncoderStack):
    """See EncoderStack."""

    def __init__(
        self,
        input_size: int,
        output_size: int = 256,
        attention_heads: int = 4,
        linear_units: int = 2048,
        num_blocks: int = 6,
        dropout_rate: float = 0.1,
        positional_dropout_rate: float = 0.1,
        attention_dropout_rate: float = 0.0,
        input_layer: str | None = "conv2d",
        normalize_before: bool = True,
        concat_after: bool = False,
        positionwise_layer_type: str = "linear",
        positionwise_conv_kernel_size: int = 1,
        padding_idx: int = -1,
        interctc_layer_idx: list | tuple = (),
        interctc_use_conditioning: bool = False,
    ):
        if input_layer is None:
            door = bare_door(input_size, output_size)
        else:
            # as published, the convolutions' positions are dropped out at dropout_rate here, the others at their own
            by_conv = input_layer.startswith("conv")
            position = PositionalEncoding(output_size, dropout_rate if by_conv else positional_dropout_rate)
            door = build_door(input_layer, input_size, output_size, dropout_rate, position, padding_idx, nn.ReLU())
        layers = [
            TransformerLayer(
                output_size,
                MultiHeadedAttention(attention_heads, output_size, attention_dropout_rate),
                build_feed_forward(
                    positionwise_layer_type,
                    output_size,
                    linear_units,
                    dropout_rate,
                    kernel_size=positionwise_conv_kernel_size,
                ),
                dropout_rate,
                normalize_before,
                concat_after,
            )
            for _ in range(num_blocks)
        ]
        super().__init__(output_size, door, layers, normalize_before, interctc_layer_idx, interctc_use_conditioning)
