"""SANMVadEncoder: an encoder of streamed text, whose layers look back only, but for the last."""

import math

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.mask import frame_mask
from asrtools.layers.norm import LayerNorm
from asrtools.layers.position import SinusoidalPositionEncoder
from asrtools.layers.sanm_encoder import sanm_layers
from asrtools.register import tables


@tables.register("encoder_classes", "SANMVadEncoder")
class SANMVadEncoder(nn.Module):
    """[B, T, input_size] to [B, T, output_size]; parameters encoders0, encoders, after_norm, as SANMEncoder has.

    The last layer sees everything, except that what stands before a pause of the speaker (all but the last position
    there) does not see what follows it.
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
        input_layer: str | None = "pe",
        pos_enc_class: str = "SinusoidalPositionEncoder",
        normalize_before: bool = True,
        kernel_size: int = 11,
        sanm_shfit: int | None = 0,
        selfattention_layer_type: str = "sanm",
    ):
        super().__init__()
        if input_layer not in ("pe", None):
            raise ConfigError(f"encoder_conf.input_layer is {input_layer!r}; SANMVadEncoder knows pe and null")
        if selfattention_layer_type != "sanm":
            raise ConfigError(f"encoder_conf.selfattention_layer_type is {selfattention_layer_type!r}; should be sanm")
        self.size = output_size
        self.embed = None if input_layer is None else SinusoidalPositionEncoder()
        shared = (
            output_size,
            attention_heads,
            linear_units,
            dropout_rate,
            attention_dropout_rate,
            kernel_size,
            sanm_shfit or 0,
            normalize_before,
        )
        self.encoders0 = nn.ModuleList(sanm_layers(1, input_size, *shared))
        self.encoders = nn.ModuleList(sanm_layers(num_blocks - 1, output_size, *shared))
        self.after_norm = LayerNorm(output_size) if normalize_before else None

    def output_size(self) -> int:
        return self.size

    def forward(self, feats: Tensor, feats_lens: Tensor, vad_indexes: Tensor) -> tuple[Tensor, Tensor]:
        """`vad_indexes` [B]: how many positions stand before the pause; 0 where there is none."""
        num = feats.shape[1]
        mask = frame_mask(feats_lens, num)
        x = feats * math.sqrt(self.size)
        if self.embed is not None:
            x = self.embed(x)
        back = torch.ones(num, num, dtype=torch.bool, device=feats.device).tril()
        layers = (*self.encoders0, *self.encoders)
        for index, layer in enumerate(layers):
            is_last = index == len(layers) - 1 and index > 0
            x = layer(x, mask, seen_across_pause(vad_indexes, num) if is_last else back)
        return x if self.after_norm is None else self.after_norm(x), feats_lens


def seen_across_pause(vad_indexes: Tensor, num: int) -> Tensor:
    """bool [B, 1, num, num]: what each position may see, given where the pause is."""
    place = torch.arange(num, device=vad_indexes.device)
    pause = vad_indexes[:, None, None]
    is_hidden = (place[:, None] < pause - 1) & (place >= pause) & (pause > 0)
    return ~is_hidden[:, None]
