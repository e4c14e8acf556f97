"""Scaled dot-product attention over heads, the part that all attention blocks share."""

import torch
import torch.nn.functional as F
from torch import Tensor


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """[B, T, H * D] to [B, H, T, D], a view."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """[B, H, T, D] to [B, T, H * D]."""
    return x.transpose(1, 2).flatten(2)


def attend_in_bf16(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """The same with products and result in bf16, the softmax in float32; faster on a CPU than torch's own in either."""
    query, key, value = (heads.to(torch.bfloat16).contiguous() for heads in (query, key, value))
    # in one pass over the scores: to float32, scaled, and minus infinity where nothing may be seen
    hidden = torch.zeros(1) if mask is None else torch.zeros(mask.shape).masked_fill_(~mask, float("-inf"))
    scores = torch.add(hidden, query @ key.transpose(2, 3), alpha=query.shape[-1] ** -0.5)
    return scores.softmax(-1).to(torch.bfloat16) @ value


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float = 0.0) -> Tensor:
    """[B, H, T, D] by [B, H, S, D]; `mask` is bool, True where a key may be seen, and fits [B, H, T, S]."""
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
