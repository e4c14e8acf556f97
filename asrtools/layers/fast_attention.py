"""Additive self-attention, linear in the number of frames (Wu et al. 2021, Fastformer, arXiv 2108.09084)."""

import torch
from torch import Tensor, nn

from asrtools.layers.attention import join_heads, split_heads


class FastSelfAttention(nn.Module):
    """[B, T, D] to the same; parameters query, query_att, key, key_att, transform."""

    def __init__(self, num_heads: int, size: int, dropout_rate: float):
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(size, size)
        self.query_att = nn.Linear(size, num_heads)
        self.key = nn.Linear(size, size)
        self.key_att = nn.Linear(size, num_heads)
        self.transform = nn.Linear(size, size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`mask` bool [B, T]."""
        query, key = self.query(x), self.key(x)
        pooled = self.dropout(join_heads(self._pool(self.query_att(query), query, mask)))  # [B, 1, D]
        mixed = key * pooled
        pooled_key = self.dropout(self._pool(self.key_att(mixed), mixed, mask))  # [B, H, 1, D / H]
        # values are the queries, as in the paper
        weighted = join_heads(pooled_key * split_heads(query, self.num_heads))
        return self.dropout(self.transform(weighted)) + query

    def _pool(self, scores: Tensor, x: Tensor, mask: Tensor | None) -> Tensor:
        """Scores [B, T, H] and frames [B, T, D] to one frame [B, H, 1, D / H]."""
        heads = split_heads(x, self.num_heads)
        scores = scores.transpose(1, 2)[:, :, None] * heads.shape[-1] ** -0.5  # [B, H, 1, T]
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None], float("-inf"))
        return torch.softmax(scores, dim=-1) @ heads
