"""ConformerEncoder: self-attention and convolution (Gulati et al. 2020, arXiv 2005.08100)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.activation import activation
from asrtools.layers.conv_feed_forward import build_feed_forward, feed
from asrtools.layers.encoder_input import Door, build_door
from asrtools.layers.encoder_position import POSITIONS, position_names
from asrtools.layers.encoder_stack import (
    Context,
    EncoderStack,
    attend_to_self,
    build_attention,
    per_layer,
    skip_or_scale,
)
from asrtools.layers.fsmn import remember
from asrtools.layers.norm import LayerNorm
from asrtools.register import tables


class ConvolutionModule(nn.Module):
    """A gate, a convolution over time, a norm; parameters pointwise_conv1, depthwise_conv, norm, pointwise_conv2.

    The pointwise convolutions are linear layers over frames, and are computed as such.
    """

    def __init__(self, size: int, kernel_size: int, activation_type: str):
        super().__init__()
        if kernel_size % 2 == 0:
            raise ConfigError(f"encoder_conf.cnn_module_kernel is {kernel_size}; an odd number is wanted")
        self.pointwise_conv1 = nn.Conv1d(size, 2 * size, 1)
        self.depthwise_conv = nn.Conv1d(size, size, kernel_size, padding=(kernel_size - 1) // 2, groups=size)
        self.norm = nn.BatchNorm1d(size)
        self.pointwise_conv2 = nn.Conv1d(size, size, 1)
        self.pads = ((kernel_size - 1) // 2,) * 2
        self.activation = activation(activation_type)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """[B, T, D] and bool [B, T]."""
        x = F.glu(_pointwise(self.pointwise_conv1, x), dim=-1)
        if mask is not None:
            x = x * mask[..., None]  # what lies in the padding must not reach the last frames
        x = remember(x, self.depthwise_conv.weight, self.pads) + self.depthwise_conv.bias
        return _pointwise(self.pointwise_conv2, self.activation(self._normalize(x, mask)))

    def _normalize(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if self.norm.training and mask is not None:  # statistics of frames, not of padding
            return x.masked_scatter(mask[..., None], self.norm(x[mask]))
        return self.norm(x.flatten(0, 1)).view_as(x)


def _pointwise(conv: nn.Conv1d, x: Tensor) -> Tensor:
    return F.linear(x, conv.weight.squeeze(-1), conv.bias)


class ConformerLayer(nn.Module):
    """Half a feed-forward (macaron), attention, convolution, half a feed-forward; or whole ones without the first."""

    def __init__(
        self,
        size: int,
        self_attn: nn.Module,
        feed_forward: nn.Module,
        feed_forward_macaron: nn.Module | None,
        conv_module: nn.Module | None,
        dropout_rate: float,
        normalize_before: bool,
        concat_after: bool,
        stochastic_depth_rate: float,
    ):
        super().__init__()
        self.self_attn = self_attn
        self.feed_forward = feed_forward
        self.feed_forward_macaron = feed_forward_macaron
        self.conv_module = conv_module
        self.norm_ff = LayerNorm(size)
        self.norm_mha = LayerNorm(size)
        if feed_forward_macaron is not None:
            self.norm_ff_macaron = LayerNorm(size)
        if conv_module is not None:
            self.norm_conv = LayerNorm(size)
            self.norm_final = LayerNorm(size)
        if concat_after:
            self.concat_linear = nn.Linear(2 * size, size)
        self.ff_scale = 1.0 if feed_forward_macaron is None else 0.5
        self.dropout = nn.Dropout(dropout_rate)
        self.normalize_before = normalize_before
        self.concat_after = concat_after
        self.stochastic_depth_rate = stochastic_depth_rate

    def forward(self, x: Tensor, context: Context) -> Tensor:
        scale = skip_or_scale(self.training, self.stochastic_depth_rate)
        if not scale:
            return x
        if self.feed_forward_macaron is not None:
            norm = self.norm_ff_macaron
            fed = feed(self.feed_forward_macaron, self._before(norm, x), context.mask)
            x = self._after(norm, x + scale * self.ff_scale * self.dropout(fed))
        given = self._before(self.norm_mha, x)
        attended = attend_to_self(self.self_attn, given, context)
        if self.concat_after:
            attended = self.concat_linear(torch.cat([given, attended], -1))
        else:
            attended = self.dropout(attended)
        x = self._after(self.norm_mha, x + scale * attended)
        if self.conv_module is not None:
            convolved = self.conv_module(self._before(self.norm_conv, x), context.mask)
            x = self._after(self.norm_conv, x + scale * self.dropout(convolved))
        fed = feed(self.feed_forward, self._before(self.norm_ff, x), context.mask)
        x = self._after(self.norm_ff, x + scale * self.ff_scale * self.dropout(fed))
        return x if self.conv_module is None else self.norm_final(x)

    def _before(self, norm: nn.Module, x: Tensor) -> Tensor:
        return norm(x) if self.normalize_before else x

    def _after(self, norm: nn.Module, x: Tensor) -> Tensor:
        return x if self.normalize_before else norm(x)


@tables.register("encoder_classes", "ConformerEncoder")
class ConformerEncoder(EncoderStack):
    """See EncoderStack; layers with parameters self_attn, feed_forward, feed_forward_macaron, conv_module, norm_*."""

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
        positionwise_conv_kernel_size: int = 3,
        macaron_style: bool = False,
        rel_pos_type: str = "legacy",
        pos_enc_layer_type: str = "rel_pos",
        selfattention_layer_type: str = "rel_selfattn",
        activation_type: str = "swish",
        use_cnn_module: bool = True,
        zero_triu: bool = False,
        cnn_module_kernel: int = 31,
        padding_idx: int = -1,
        interctc_layer_idx: list | tuple = (),
        interctc_use_conditioning: bool = False,
        stochastic_depth_rate: float | list = 0.0,
    ):
        positions, attention = position_names(rel_pos_type, pos_enc_layer_type, selfattention_layer_type)
        position = POSITIONS[positions](output_size, positional_dropout_rate)
        if input_layer is None:
            door = Door(position)
        else:
            door = build_door(input_layer, input_size, output_size, dropout_rate, position, padding_idx)

        def fed() -> nn.Module:
            return build_feed_forward(
                positionwise_layer_type,
                output_size,
                linear_units,
                dropout_rate,
                activation_type,
                positionwise_conv_kernel_size,
            )

        layers = [
            ConformerLayer(
                output_size,
                build_attention(attention, attention_heads, output_size, attention_dropout_rate, zero_triu),
                fed(),
                fed() if macaron_style else None,
                ConvolutionModule(output_size, cnn_module_kernel, activation_type) if use_cnn_module else None,
                dropout_rate,
                normalize_before,
                concat_after,
                rate,
            )
            for rate in per_layer(stochastic_depth_rate, num_blocks, "stochastic_depth_rate")
        ]
        super().__init__(output_size, door, layers, normalize_before, interctc_layer_idx, interctc_use_conditioning)
