"""SANMEncoder: the encoder of the Paraformer family, of punctuation and of forced alignment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.feed_forward import PositionwiseFeedForward
from asrtools.layers.look_back import LookBack
from asrtools.layers.mask import padding_mask
from asrtools.layers.norm import LayerNorm
from asrtools.layers.position import SinusoidalPositionEncoder
from asrtools.layers.sanm import SanmAttention, SanmEncoderLayer
from asrtools.register import tables


@dataclass(eq=False)
class EncoderState:
    """What an encoder keeps of one stream between chunks."""

    past: LookBack | None = None  # frames that chunks look back at
    num_frames: int = 0  # whose positions have been given out


def sanm_layers(
    num: int,
    in_size: int,
    size: int,
    num_heads: int,
    linear_units: int,
    dropout_rate: float,
    attention_dropout_rate: float,
    kernel_size: int,
    shift: int,
    normalize_before: bool,
    eps: float = 1e-12,
) -> list[SanmEncoderLayer]:
    return [
        SanmEncoderLayer(
            in_size,
            size,
            SanmAttention(num_heads, in_size, size, attention_dropout_rate, kernel_size, shift),
            PositionwiseFeedForward(size, linear_units, dropout_rate),
            dropout_rate,
            normalize_before,
            eps,
        )
        for _ in range(num)
    ]


@tables.register("encoder_classes", "SANMEncoder")
class SANMEncoder(nn.Module):
    """Features [B, T, input_size] to [B, T, output_size]; parameters encoders0, encoders, after_norm."""

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
        input_layer: str | None = "pe",
        pos_enc_class: str = "SinusoidalPositionEncoder",
        normalize_before: bool = True,
        kernel_size: int = 11,
        sanm_shfit: int | None = 0,
        selfattention_layer_type: str = "sanm",
    ):
        super().__init__()
        if input_layer not in ("pe", "pe_online", None):
            raise ConfigError(f"encoder_conf.input_layer is {input_layer!r}; SANMEncoder knows pe, pe_online and null")
        if selfattention_layer_type != "sanm":
            raise ConfigError(f"encoder_conf.selfattention_layer_type is {selfattention_layer_type!r}; should be sanm")
        self.input_size = input_size
        self.size = output_size
        self.memory_shift = sanm_shfit or 0
        self.embed = None if input_layer is None else SinusoidalPositionEncoder()
        shared = (
            output_size,
            attention_heads,
            linear_units,
            dropout_rate,
            attention_dropout_rate,
            kernel_size,
            self.memory_shift,
            normalize_before,
        )
        self.encoders0 = nn.ModuleList(sanm_layers(1, input_size, *shared))
        self.encoders = nn.ModuleList(sanm_layers(num_blocks - 1, output_size, *shared))
        self.after_norm = LayerNorm(output_size) if normalize_before else None

    def output_size(self) -> int:
        return self.size

    def forward(self, feats: Tensor, feats_lens: Tensor) -> tuple[Tensor, Tensor]:
        mask = padding_mask(feats_lens, feats.shape[1])
        x = feats * math.sqrt(self.size)
        if self.embed is not None:
            x = self.embed(x)
        for layer in (*self.encoders0, *self.encoders):
            x = layer(x, mask)
        return x if self.after_norm is None else self.after_norm(x), feats_lens

    def start(self, num_kept: int) -> EncoderState:
        """Of a stream whose chunks look back at so many frames; -1: at all."""
        return EncoderState(LookBack(len(self.encoders) + 1, num_kept) if num_kept else None)

    def place(self, feats: Tensor, state: EncoderState) -> Tensor:
        """New frames of a stream [B, T, D], scaled and with the positions that follow on."""
        x = feats * math.sqrt(self.size)
        if self.embed is not None:
            x = self.embed(x, state.num_frames + 1)
        state.num_frames += feats.shape[1]
        return x

    def forward_chunk(self, x: Tensor, sizes: Sequence[int], states: Sequence[EncoderState]) -> Tensor:
        """Chunks of several streams one after another, each placed and with frames on either side that it may see.

        [R, input_size], `sizes` frames each, to as many outputs; what becomes past is for the caller to settle.
        """
        pasts = [state.past for state in states]
        for index, layer in enumerate((*self.encoders0, *self.encoders)):
            x = layer.forward_chunk(x, sizes, pasts, index)
        return x if self.after_norm is None else self.after_norm(x)
