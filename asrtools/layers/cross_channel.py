"""MFCCAEncoder: a conformer for several microphones, each frame of which hears those around it in all channels
(Yu et al. 2022, multi-frame cross-channel attention, arXiv 2210.05265)."""

import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError, DataError
from asrtools.layers.attention import split_heads
from asrtools.layers.conformer import ConformerLayer, ConvolutionModule
from asrtools.layers.conv_feed_forward import build_feed_forward
from asrtools.layers.encoder_input import Door, build_door
from asrtools.layers.encoder_position import POSITIONS, position_names
from asrtools.layers.encoder_stack import Context, build_attention
from asrtools.layers.mask import padding_mask
from asrtools.layers.multi_head_attention import MultiHeadedAttention
from asrtools.layers.norm import LayerNorm
from asrtools.register import tables

AROUND = 2  # frames before and after that are heard too
MOST_CHANNELS = 8  # that are put together in the end; fewer are repeated


class CrossChannelLayer(nn.Module):
    """Attention across channels, then a conformer layer on each; parameters encoder_cros_channel_atten, norm_mha,
    encoder_csa."""

    def __init__(self, size: int, attention: MultiHeadedAttention, conformer: ConformerLayer, dropout_rate: float):
        super().__init__()
        self.encoder_cros_channel_atten = attention
        self.encoder_csa = conformer
        self.norm_mha = LayerNorm(size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, context: Context, num_channels: int) -> Tensor:
        """[B * C, T, D]."""
        x = x + self.dropout(self._attend(self.norm_mha(x), context.mask, num_channels))
        return self.encoder_csa(x, context)

    def _attend(self, x: Tensor, mask: Tensor | None, num_channels: int) -> Tensor:
        attention = self.encoder_cros_channel_atten
        x = x if mask is None else x * mask[..., None]
        x = x.unflatten(0, (-1, num_channels)).transpose(1, 2)  # [B, T, C, D]
        around = F.pad(x, (0, 0, 0, 0, AROUND, AROUND))  # zeros at the ends are attended to, as published
        keys, values = (
            split_heads(linear(around).flatten(0, 1), attention.num_heads)  # [B * (T + 4), H, C, D / H]
            .unflatten(0, around.shape[:2])
            .unfold(1, 2 * AROUND + 1, 1)  # [B, T, H, C, D / H, 5]
            .permute(0, 1, 2, 5, 3, 4)
            .flatten(3, 4)
            .flatten(0, 1)  # [B * T, H, 5 * C, D / H]
            for linear in (attention.linear_k, attention.linear_v)
        )
        attended = attention.look(x.flatten(0, 1), keys, values, None)
        return attended.unflatten(0, x.shape[:2]).transpose(1, 2).flatten(0, 1)


@tables.register("encoder_classes", "MFCCAEncoder")
@tables.register("encoder_classes", "mfcca_enc")
class MFCCAEncoder(nn.Module):
    """Features [B, T, C * input_size] of up to 8 channels to [B, T', output_size].

    Parameters embed, encoders, after_norm, and conv1 to conv4, which put the channels together.
    """

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
    ):
        super().__init__()
        positions, attention = position_names(rel_pos_type, pos_enc_layer_type, selfattention_layer_type)
        position = POSITIONS[positions](output_size, positional_dropout_rate)
        self.input_size, self.size = input_size, output_size
        self.embed = Door(position)
        if input_layer is not None:
            self.embed = build_door(input_layer, input_size, output_size, dropout_rate, position, padding_idx)

        def fed() -> nn.Module:
            return build_feed_forward(
                positionwise_layer_type,
                output_size,
                linear_units,
                dropout_rate,
                activation_type,
                positionwise_conv_kernel_size,
            )

        def layer() -> CrossChannelLayer:
            conformer = ConformerLayer(
                output_size,
                build_attention(attention, attention_heads, output_size, attention_dropout_rate, zero_triu),
                fed(),
                fed() if macaron_style else None,
                ConvolutionModule(output_size, cnn_module_kernel, activation_type) if use_cnn_module else None,
                dropout_rate,
                normalize_before,
                concat_after,
                0.0,
            )
            across = MultiHeadedAttention(attention_heads, output_size, attention_dropout_rate)
            return CrossChannelLayer(output_size, across, conformer, dropout_rate)

        self.encoders = nn.ModuleList(layer() for _ in range(num_blocks))
        self.after_norm = LayerNorm(output_size) if normalize_before else None
        sizes = (MOST_CHANNELS, 16, 32, 16, 1)
        for index, (given, made) in enumerate(zip(sizes, sizes[1:], strict=False), start=1):
            self.add_module(f"conv{index}", nn.Conv2d(given, made, (5, 7), padding=(2, 3)))

    def output_size(self) -> int:
        return self.size

    @property
    def subsampling(self) -> int:
        """Frames of the input to one of the output."""
        return getattr(self.embed, "factor", 1)

    def num_channels(self, feats: Tensor) -> int:
        num, rest = divmod(feats.shape[2], self.input_size)
        if rest:
            raise ConfigError(f"features have {feats.shape[2]} values; a multiple of {self.input_size} is wanted")
        if not 1 <= num <= MOST_CHANNELS:
            raise DataError(f"there are {num} channels; MFCCA hears 1 to {MOST_CHANNELS} at once")
        return num

    def forward(self, feats: Tensor, feats_lens: Tensor) -> tuple[Tensor, Tensor]:
        num = self.num_channels(feats)
        x = feats.unflatten(2, (num, -1)).transpose(1, 2).flatten(0, 1)  # [B * C, T, D]
        x, positions, lens = self.embed(x, feats_lens.repeat_interleave(num))
        seen_lens = lens.clamp(min=1)
        mask = padding_mask(seen_lens, x.shape[1])
        context = Context(positions, mask, None if mask is None else seen_lens)
        for layer in self.encoders:
            x = layer(x, context, num)
        x = x.unflatten(0, (-1, num))  # [B, C, T', D]
        x = x.repeat(1, -(-MOST_CHANNELS // num), 1, 1)[:, :MOST_CHANNELS]
        shown = None if mask is None else mask.unflatten(0, (-1, num))[:, :1, :, None]
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = conv(x if shown is None else x * shown)
        x = x.squeeze(1)
        return x if self.after_norm is None else self.after_norm(x), lens.unflatten(0, (-1, num))[:, 0]
