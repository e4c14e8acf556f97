"""What streams look at again: keys and values of the past, in every layer of a network; it does not grow."""

from collections.abc import Sequence

import torch
from torch import Tensor

from asrtools.layers.attention import attend


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
    size = query.shape[1] // num_heads
    context = torch.empty_like(query)
    begin = source_begin = 0
    for num, source_num, past in zip(sizes, source_sizes, pasts, strict=True):
        seen = keys_values[source_begin : source_begin + source_num]
        if past is not None:
            seen = past.extend(layer, seen)
        heads = seen.view(1, -1, 2, num_heads, size).permute(2, 0, 3, 1, 4)  # [2, 1, H, S, D]
        own = query[begin : begin + num].view(1, num, num_heads, size).transpose(1, 2)
        found = attend(own, heads[0], heads[1], None)
        context[begin : begin + num].view(1, num, num_heads, size).copy_(found.transpose(1, 2))
        begin, source_begin = begin + num, source_begin + source_num
    return context
