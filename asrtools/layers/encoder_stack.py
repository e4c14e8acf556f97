"""What encoders of the conformer kind have in common: a door, equal layers, a norm, and outputs on the way for CTC."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.mask import padding_mask
from asrtools.layers.multi_head_attention import MultiHeadedAttention
from asrtools.layers.norm import LayerNorm
from asrtools.layers.rel_attention import LegacyRelPositionMultiHeadedAttention, RelPositionMultiHeadedAttention


class Context(NamedTuple):
    """What layers are given beside the frames."""

    positions: Tensor | None
    mask: Tensor | None  # bool [B, T], None where no row is padded
    lens: Tensor | None  # [B], None where no row is padded


def build_attention(
    layer_type: str, num_heads: int, size: int, dropout_rate: float, zero_triu: bool = False
) -> MultiHeadedAttention:
    """The self-attention that `selfattention_layer_type` or `attention_layer_type` names."""
    if layer_type == "selfattn":
        return MultiHeadedAttention(num_heads, size, dropout_rate)
    if layer_type == "rel_selfattn":
        return RelPositionMultiHeadedAttention(num_heads, size, dropout_rate, zero_triu)
    if layer_type == "legacy_rel_selfattn":
        return LegacyRelPositionMultiHeadedAttention(num_heads, size, dropout_rate)
    raise ConfigError(
        f"the encoder's attention is {layer_type!r}; known are selfattn, rel_selfattn and legacy_rel_selfattn"
    )


def attend_to_self(attention: nn.Module, x: Tensor, context: Context) -> Tensor:
    seen = None if context.mask is None else context.mask[:, None, None]
    if isinstance(attention, RelPositionMultiHeadedAttention):
        return attention(x, context.positions, seen, context.lens)
    return attention(x, x, seen)


def per_layer(value: float | Sequence[float], num: int, name: str) -> list[float]:
    """A rate for all layers, or a list with one for each."""
    rates = [float(value)] * num if isinstance(value, int | float) else [float(one) for one in value]
    if len(rates) != num:
        raise ConfigError(f"encoder_conf.{name} has {len(rates)} entries for {num} layers; give one number, or {num}")
    return rates


def skip_or_scale(is_training: bool, rate: float) -> float:
    """For stochastic depth: 0 to leave a layer out, else what its residual is multiplied with."""
    if not is_training or rate == 0:
        return 1.0
    return 0.0 if torch.rand(1).item() < rate else 1 / (1 - rate)


class EncoderStack(nn.Module):
    """Features [B, T, input_size] to [B, T', size] and lengths [B]; a row is what it is alone, however it is padded.

    Parameters embed, encoders, after_norm, and conditioning_layer where CTC outputs are fed back.
    """

    def __init__(
        self,
        size: int,
        door: nn.Module,
        layers: Sequence[nn.Module],
        has_norm: bool = True,
        interctc_layer_idx: Sequence[int] | None = None,
        interctc_use_conditioning: bool = False,
        layer_drop_rate: float = 0.0,
        norms_between: bool = True,
    ):
        super().__init__()
        self.size = size
        self.embed = door
        self.encoders = nn.ModuleList(layers)
        self.after_norm = LayerNorm(size) if has_norm else None
        self.between = tuple(interctc_layer_idx or ())
        self.norms_between = norms_between
        if self.between and not 0 < min(self.between) <= max(self.between) < len(layers):
            raise ConfigError(
                f"encoder_conf.interctc_layer_idx is {list(self.between)}; 1 to {len(layers) - 1} are layers between"
            )
        self.interctc_use_conditioning = interctc_use_conditioning
        self.layer_drop_rate = layer_drop_rate
        self.conditioning_layer: nn.Module | None = None

    def output_size(self) -> int:
        return self.size

    @property
    def subsampling(self) -> int:
        """Frames of the input to one of the output."""
        return getattr(self.embed, "factor", 1)

    def condition_on(self, vocab_size: int) -> None:
        """For `interctc_use_conditioning`: the layer that takes CTC's probabilities."""
        self.conditioning_layer = nn.Linear(vocab_size, self.size)

    def forward(
        self, feats: Tensor, feats_lens: Tensor, probabilities: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """`probabilities` are CTC's of frames, wanted for conditioning."""
        encoded, lens, _ = self.with_outputs_between(feats, feats_lens, probabilities)
        return encoded, lens

    def with_outputs_between(
        self, feats: Tensor, feats_lens: Tensor, probabilities: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor, list[tuple[int, Tensor]]]:
        """Also, what came out of the layers that `interctc_layer_idx` counts from 1."""
        x, positions, lens = self.embed(feats, feats_lens)
        # an utterance that is too short for the door has no frame; one is looked at so that no softmax is empty
        seen_lens = lens.clamp(min=1)
        mask = padding_mask(seen_lens, x.shape[1])
        context = Context(positions, mask, None if mask is None else seen_lens)
        outputs = []
        for index, layer in enumerate(self.encoders, start=1):
            if skip_or_scale(self.training, self.layer_drop_rate):
                x = layer(x, context)
            if index in self.between:
                output = self.after_norm(x) if self.after_norm is not None and self.norms_between else x
                outputs.append((index, output))
                if self.conditioning_layer is not None and probabilities is not None:
                    x = x + self.conditioning_layer(probabilities(output))
        return x if self.after_norm is None else self.after_norm(x), lens, outputs
