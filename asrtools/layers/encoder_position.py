"""Positions of conformer-like encoders and of attention decoders: counted from 0, sines and cosines in turn.

Each takes frames [B, T, D] and their lengths [B], and gives the frames and what relative attention wants of the
positions, or None where the position has been added to the frames. Tables are made when they are used.
"""

import functools
import math

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError

TABLE_STEP = 1024  # rows by which a kept table grows
LEGACY_ROWS = 5000  # the legacy table counts down from here, or from the length of a longer utterance


@functools.lru_cache(maxsize=16)
def _table(begin: int, end: int, size: int, device: str) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():
        return _rows(torch.arange(begin, end, dtype=torch.float32, device=device), size)


def _rows(positions: Tensor, size: int) -> Tensor:
    """[..., T] to [..., T, size]."""
    step = -math.log(10000.0) / size
    scales = torch.exp(torch.arange(0, size, 2, dtype=torch.float32, device=positions.device) * step)
    angles = positions[..., None] * scales
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def sinusoids(begin: int, end: int, size: int, device: torch.device | str = "cpu") -> Tensor:
    """float32 [end - begin, size] of the positions from `begin` on, which may be negative."""
    if torch.jit.is_tracing():  # a table would become a constant
        return _rows(torch.arange(begin, end, device=device).float(), int(size))
    first, last = (begin // TABLE_STEP) * TABLE_STEP, -(-end // TABLE_STEP) * TABLE_STEP
    return _table(first, last, size, str(device))[begin - first : end - first]


class PositionalEncoding(nn.Module):
    """Frames scaled, positions added."""

    def __init__(self, size: int, dropout_rate: float):
        super().__init__()
        self.scale = math.sqrt(size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, lens: Tensor | None = None, first: int = 0) -> tuple[Tensor, None]:
        """`first` is the position of the first frame."""
        positions = sinusoids(first, first + x.shape[1], x.shape[2], x.device).to(x.dtype)
        return self.dropout(x * self.scale + positions), None


class ScaledPositionalEncoding(nn.Module):
    """Positions added times a learnt number; parameter alpha."""

    def __init__(self, size: int, dropout_rate: float):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(()))
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, lens: Tensor | None = None, first: int = 0) -> tuple[Tensor, None]:
        positions = sinusoids(first, first + x.shape[1], x.shape[2], x.device).to(x.dtype)
        return self.dropout(x + self.alpha * positions), None


class RelPositionalEncoding(nn.Module):
    """Frames scaled; the distances from T - 1 down to -(T - 1), [1, 2T - 1, D]."""

    def __init__(self, size: int, dropout_rate: float):
        super().__init__()
        self.scale = math.sqrt(size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, lens: Tensor | None = None) -> tuple[Tensor, Tensor]:
        num = x.shape[1]
        distances = sinusoids(1 - num, num, x.shape[2], x.device).to(x.dtype).flip(0)
        return self.dropout(x * self.scale), self.dropout(distances[None])


class LegacyRelPositionalEncoding(nn.Module):
    """Frames scaled; positions counted down from 4999, or from the end of an utterance that is longer than that.

    [1, T, D], or [B, T, D] where an utterance is.
    """

    def __init__(self, size: int, dropout_rate: float):
        super().__init__()
        self.scale = math.sqrt(size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, lens: Tensor | None = None) -> tuple[Tensor, Tensor]:
        num = x.shape[1]
        if torch.jit.is_tracing() and lens is not None:
            firsts = lens.clamp(min=LEGACY_ROWS) - 1
            rows = _rows((firsts[:, None] - torch.arange(num, device=x.device)).float(), int(x.shape[2]))
            return self.dropout(x * self.scale), self.dropout(rows)
        rows = [LEGACY_ROWS]
        if num > LEGACY_ROWS:
            rows = [num] if lens is None else [max(LEGACY_ROWS, length) for length in lens.tolist()]
        # beyond the end of an utterance the table goes on below 0; nobody looks there
        tables = [sinusoids(last - num, last, x.shape[2], x.device).to(x.dtype).flip(0) for last in rows]
        return self.dropout(x * self.scale), self.dropout(torch.stack(tables))


POSITIONS = {
    "abs_pos": PositionalEncoding,
    "scaled_abs_pos": ScaledPositionalEncoding,
    "rel_pos": RelPositionalEncoding,
    "legacy_rel_pos": LegacyRelPositionalEncoding,
}
ATTENTION_OF = {"rel_pos": "rel_selfattn", "legacy_rel_pos": "legacy_rel_selfattn"}


def position_names(rel_pos_type: str, pos_enc_layer_type: str, attention_layer_type: str) -> tuple[str, str]:
    """The published keys to the positions and the attention that they stand for together."""
    if rel_pos_type not in ("legacy", "latest"):
        raise ConfigError(f"encoder_conf.rel_pos_type is {rel_pos_type!r}; legacy or latest is wanted")
    if rel_pos_type == "legacy":
        renamed = {"rel_pos": "legacy_rel_pos", "rel_selfattn": "legacy_rel_selfattn"}
        pos_enc_layer_type = renamed.get(pos_enc_layer_type, pos_enc_layer_type)
        attention_layer_type = renamed.get(attention_layer_type, attention_layer_type)
    if pos_enc_layer_type not in POSITIONS:
        known = ", ".join(POSITIONS)
        raise ConfigError(f"encoder_conf.pos_enc_layer_type is {pos_enc_layer_type!r}; known are {known}")
    wanted = ATTENTION_OF.get(pos_enc_layer_type)
    is_relative = attention_layer_type in ATTENTION_OF.values()
    if (wanted or is_relative) and wanted != attention_layer_type:
        raise ConfigError(
            f"encoder_conf has pos_enc_layer_type {pos_enc_layer_type!r} with attention {attention_layer_type!r} and "
            f"rel_pos_type {rel_pos_type!r}; {wanted or 'selfattn'} is the attention for these positions"
        )
    return pos_enc_layer_type, attention_layer_type
