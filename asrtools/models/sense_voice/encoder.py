"""SenseVoiceEncoderSmall: SANM blocks, with more of them behind a norm of their own."""

import math

from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.mask import padding_mask
from asrtools.layers.norm import LayerNorm
from asrtools.layers.position import SinusoidalPositionEncoder
from asrtools.layers.sanm_encoder import sanm_layers
from asrtools.register import tables

EPS = 1e-5  # of its norms


@tables.register("encoder_classes", "SenseVoiceEncoderSmall")
class SenseVoiceEncoderSmall(nn.Module):
    """Features [B, T, input_size] to [B, T, output_size].

    Parameters encoders0, encoders, after_norm, tp_encoders, tp_norm.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int = 256,
        attention_heads: int = 4,
        linear_units: int = 2048,
        num_blocks: int = 6,
        tp_blocks: int = 0,
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
        if selfattention_layer_type != "sanm":
            raise ConfigError(f"encoder_conf.selfattention_layer_type is {selfattention_layer_type!r}; should be sanm")
        self.input_size = input_size
        self.size = output_size
        self.embed = SinusoidalPositionEncoder()
        shared = (
            output_size,
            attention_heads,
            linear_units,
            dropout_rate,
            attention_dropout_rate,
            kernel_size,
            sanm_shfit or 0,
            normalize_before,
            EPS,
        )
        self.encoders0 = nn.ModuleList(sanm_layers(1, input_size, *shared))
        self.encoders = nn.ModuleList(sanm_layers(num_blocks - 1, output_size, *shared))
        self.tp_encoders = nn.ModuleList(sanm_layers(tp_blocks, output_size, *shared))
        self.after_norm = LayerNorm(output_size, EPS)
        self.tp_norm = LayerNorm(output_size, EPS)

    def output_size(self) -> int:
        return self.size

    def forward(self, feats: Tensor, feats_lens: Tensor) -> tuple[Tensor, Tensor]:
        mask = padding_mask(feats_lens, feats.shape[1])
        x = self.embed(feats * math.sqrt(self.size))
        for layer in (*self.encoders0, *self.encoders):
            x = layer(x, mask)
        x = self.after_norm(x)
        for layer in self.tp_encoders:
            x = layer(x, mask)
        return self.tp_norm(x), feats_lens
