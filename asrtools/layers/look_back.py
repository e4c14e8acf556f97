"""What streams look at again: keys and values of the past, in every layer of a network; it does not grow."""

from collections.abc import Sequence

import torch
from torch import Tensor

from asrtools.layers.attention import attend, join_heads, split_heads


class LookBack:
    """Frames of one stream before its chunk, and behind them the chunk.

    Those of the past stand in no order, for attention knows none: the newest take the place of the oldest.
    """

    def __init__(self, num_layers: int, num_kept: int):
        """`num_kept`: frames of the past; -1: all, and then it does grow."""
        self.num_layers, self.num_kept = num_layers, num_kept
        self.num_past = 0
        self._oldest = 0
        self._rows: Tensor | None = None  # [L, frames, 2 * D]

    def extend(self, layer: int, keys_values: Tensor) -> Tensor:
        """The chunk [T, 2 * D] in one layer to the past and it, [S + T, 2 * D]."""
        end = self.num_past + len(keys_values)
        if self._rows is None or self._rows.shape[1] < end:
            self._make_room(end, keys_values)
        self._rows[layer, self.num_past : end] = keys_values
        return self._rows[layer, :end]

    def settle(self, num_frames: int) -> None:
        """The first so many frames of the chunk become the past; the others come again."""
        if self._rows is None or num_frames <= 0:
            return
        begin, end = self.num_past, self.num_past + num_frames
        if self.num_kept < 0 or end <= self.num_kept:
            self.num_past = end
        elif num_frames >= self.num_kept:
            self._rows[:, : self.num_kept] = self._rows[:, end - self.num_kept : end].clone()
            self.num_past, self._oldest = self.num_kept, 0
        else:
            self._replace_oldest(max(begin, self.num_kept), end)
            self.num_past = self.num_kept

    def _replace_oldest(self, begin: int, end: int) -> None:
        while begin < end:
            num = min(end - begin, self.num_kept - self._oldest)
            self._rows[:, self._oldest : self._oldest + num] = self._rows[:, begin : begin + num]
            self._oldest = (self._oldest + num) % self.num_kept
            begin += num

    def _make_room(self, num_frames: int, like: Tensor) -> None:
        if self.num_kept < 0:
            num_frames *= 2
        else:
            num_frames += self.num_kept - self.num_past
        rows = like.new_zeros(self.num_layers, num_frames, like.shape[-1])
        if self._rows is not None:
            rows[:, : self.num_past] = self._rows[:, : self.num_past]
        self._rows = rows


def look(
    query: Tensor,
    sizes: Sequence[int],
    keys_values: Tensor,
    source_sizes: Sequence[int],
    pasts: Sequence[LookBack | None],
    layer: int,
    num_heads: int,
) -> Tensor:
    """Queries [R, D] of several streams, one after another, each by its own chunk and past, to [R, D]."""
    rows = zip(query.split(list(sizes)), keys_values.split(list(source_sizes)), pasts, strict=True)
    found = []
    for own, chunk, past in rows:
        seen = chunk if past is None else past.extend(layer, chunk)
        keys, values = seen[None].chunk(2, dim=-1)
        heads = (split_heads(part, num_heads) for part in (own[None], keys, values))
        found.append(join_heads(attend(*heads, None))[0])
    return found[0] if len(found) == 1 else torch.cat(found)
