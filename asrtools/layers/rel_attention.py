"""Self-attention with relative positions (Dai et al. 2019, arXiv 1901.02860, section 3.3), as published models have it.

There are two shifts. The first, `legacy`, is done by a trick on a square matrix that wraps around: a frame ahead is
scored with the query of the next row, and all depends on the length of the utterance. It is part of what such a model
has learnt. In a padded batch it is computed with the length of each utterance, so that a row is what it is alone.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.layers.attention import join_heads, split_heads
from asrtools.layers.multi_head_attention import MultiHeadedAttention


class RelPositionMultiHeadedAttention(MultiHeadedAttention):
    """[B, T, D] with distances [1, 2T - 1, D]; parameters as without, and linear_pos, pos_bias_u, pos_bias_v."""

    def __init__(self, num_heads: int, size: int, dropout_rate: float, zero_triu: bool = False):
        super().__init__(num_heads, size, dropout_rate)
        self.linear_pos = nn.Linear(size, size, bias=False)
        self.pos_bias_u = nn.Parameter(torch.empty(num_heads, size // num_heads))
        self.pos_bias_v = nn.Parameter(torch.empty(num_heads, size // num_heads))
        nn.init.xavier_uniform_(self.pos_bias_u)
        nn.init.xavier_uniform_(self.pos_bias_v)
        self.zero_triu = zero_triu

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None, lens: Tensor | None) -> Tensor:
        """`mask` bool [B, 1, 1, T]; `lens` [B] where a row is padded, else None."""
        query = self.linear_q(x).unflatten(-1, (self.num_heads, -1))  # [B, T, H, D]
        keys, values = self.keys_values(x)
        distances = split_heads(self.linear_pos(positions), self.num_heads)  # [1, H, P, D]
        by_position = (query + self.pos_bias_v).transpose(1, 2) @ distances.transpose(2, 3)
        if torch.jit.is_tracing():
            shifted = self.shift_traced(by_position, torch.arange(x.shape[1], device=x.device), lens)
        else:
            shifted = self.shift(by_position, lens)
        bias = shifted * keys.shape[-1] ** -0.5  # [B, H, T, T]
        if mask is not None:
            bias = bias.masked_fill(~mask, float("-inf"))
        context = F.scaled_dot_product_attention(
            (query + self.pos_bias_u).transpose(1, 2),
            keys,
            values,
            attn_mask=bias,
            dropout_p=self.dropout.p if self.training else 0.0,
        )
        return self.linear_out(join_heads(context))

    def shift(self, scores: Tensor, lens: Tensor | None) -> Tensor:
        """Scores by distance [B, H, T, 2T - 1] to scores by frame [B, H, T, T]: out[i, j] = in[i, T - 1 - i + j]."""
        batch, heads, num, _ = scores.shape
        padded = F.pad(scores, (1, 0)).view(batch, heads, 2 * num, num)
        shifted = padded[:, :, 1:].view_as(scores)[..., :num]
        return shifted.tril() if self.zero_triu else shifted

    def shift_traced(self, scores: Tensor, place: Tensor, lens: Tensor | None) -> Tensor:
        """The same from `place`, the numbers of the frames [T]: views and slices would be constants of the trace."""
        distance = place[-1] - place[:, None] + place
        shifted = scores.gather(3, distance + rows_like(scores))
        return shifted * (place[:, None] >= place) if self.zero_triu else shifted


class LegacyRelPositionMultiHeadedAttention(RelPositionMultiHeadedAttention):
    """[B, T, D] with positions [1 or B, T, D] counted down; the same parameters."""

    def shift(self, scores: Tensor, lens: Tensor | None) -> Tensor:
        if lens is None:
            return self._wrap(scores)
        num = scores.shape[-1]
        rows = []
        for row, length in zip(scores, lens.tolist(), strict=True):
            alone = self._wrap(row[None, :, :length, :length])
            rows.append(F.pad(alone, (0, num - length, 0, num - length)))
        return torch.cat(rows)

    @staticmethod
    def _wrap(scores: Tensor) -> Tensor:
        """[B, H, T, T] to the same: a column of zeros before it, read on as rows of T + 1, without the first T."""
        batch, heads, num, _ = scores.shape
        padded = F.pad(scores, (1, 0)).view(batch, heads, num + 1, num)
        return padded[:, :, 1:]

    def shift_traced(self, scores: Tensor, place: Tensor, lens: Tensor | None) -> Tensor:
        """Behind a frame the row of the frame itself is read from its end on, ahead of it the next one from its begin.

        Between them, right after the frame, stands the zero.
        """
        ahead = place - place[:, None] - 2
        ends = (place[-1:] + 1)[:, None, None] if lens is None else lens[:, None, None]
        behind = (ends - 1 - place[:, None] + place).clamp(min=0).minimum(place[-1])[:, None]  # [B, 1, T, T]
        like = rows_like(scores)
        next_rows = torch.cat([scores[:, :, 1:], scores[:, :, :1]], 2)
        from_next = next_rows.gather(3, ahead.clamp(min=0) + like) * (ahead >= 0)
        found = torch.where(ahead >= -1, from_next, scores.gather(3, behind + like))
        return found * ((place[:, None] < ends) & (place < ends))[:, None]


def rows_like(scores: Tensor) -> Tensor:
    """Zeros [B, H, T, 1], by arithmetic: a shape that is asked for may be a constant of the trace."""
    return (scores[..., :1] * 0).long()
