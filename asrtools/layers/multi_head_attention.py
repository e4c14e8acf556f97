"""Multi-head attention with a linear layer each for query, key and value (Vaswani et al. 2017, arXiv 1706.03762)."""

from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.attention import attend, join_heads, split_heads


class MultiHeadedAttention(nn.Module):
    """Queries [B, T, D] look at a source [B, S, D]; parameters linear_q, linear_k, linear_v, linear_out."""

    def __init__(self, num_heads: int, size: int, dropout_rate: float):
        super().__init__()
        if size % num_heads:
            raise ConfigError(f"{size} channels do not divide into {num_heads} attention heads; choose other numbers")
        self.num_heads = num_heads
        self.linear_q = nn.Linear(size, size)
        self.linear_k = nn.Linear(size, size)
        self.linear_v = nn.Linear(size, size)
        self.linear_out = nn.Linear(size, size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor | None) -> Tensor:
        """`mask` bool, True where a frame of the source may be seen, fits [B, H, T, S]."""
        return self.look(x, *self.keys_values(source), mask)

    def keys_values(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """What a source is looked at by, [B, H, S, D / H] twice."""
        return split_heads(self.linear_k(source), self.num_heads), split_heads(self.linear_v(source), self.num_heads)

    def look(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        query = split_heads(self.linear_q(x), self.num_heads)
        context = attend(query, keys, values, mask, self.dropout.p if self.training else 0.0)
        return self.linear_out(join_heads(context))
