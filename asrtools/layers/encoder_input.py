"""The door of conformer-like encoders: features to frames of the encoder's size, with positions.

Every door takes features and lengths and gives frames, what relative attention wants of the positions, and lengths.
The order of the modules makes the published parameter names (`embed.0.weight`, `embed.out.0.weight`).
"""

from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.subsampling import SHAPES, Conv2dSubsampling


class Door(nn.Sequential):
    """Layers and, last, the positions."""

    def forward(self, feats: Tensor, lens: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        *layers, position = self
        for layer in layers:
            feats = layer(feats)
        return *position(feats, lens), lens


class LinearDoor(nn.Linear):
    """Without positions."""

    def forward(self, feats: Tensor, lens: Tensor) -> tuple[Tensor, None, Tensor]:
        return super().forward(feats), None, lens


class OpenDoor(nn.Module):
    """Features as they are, without positions."""

    def forward(self, feats: Tensor, lens: Tensor) -> tuple[Tensor, None, Tensor]:
        return feats, None, lens


def build_door(
    input_layer: str | None,
    input_size: int,
    size: int,
    dropout_rate: float,
    position: nn.Module,
    padding_idx: int = -1,
    activation: nn.Module | None = None,
) -> nn.Module:
    """The door that `input_layer` names; for null see the encoders, which differ there."""
    if input_layer == "linear":
        layers = [nn.Linear(input_size, size), nn.LayerNorm(size), nn.Dropout(dropout_rate)]
        return Door(*layers, *([] if activation is None else [activation]), position)
    if input_layer == "embed":
        return Door(nn.Embedding(input_size, size, padding_idx=padding_idx % input_size), position)
    if input_layer in SHAPES:
        return Conv2dSubsampling(input_layer, input_size, size, position)
    known = ", ".join(["linear", "embed", *SHAPES])
    raise ConfigError(f"encoder_conf.input_layer is {input_layer!r}; known are {known} and null")


def bare_door(input_size: int, size: int) -> nn.Module:
    """For null: no positions, and a linear layer only where the sizes differ."""
    return OpenDoor() if input_size == size else LinearDoor(input_size, size)
