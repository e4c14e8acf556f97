"""SAN-M: self-attention with a memory, a depthwise convolution over the values (Gao et al. 2020, arXiv 2006.01713)."""

from collections.abc import Sequence

from torch import Tensor, nn

from asrtools.layers.attention import attend, attend_in_bf16, join_heads, split_heads
from asrtools.layers.feed_forward import PositionwiseFeedForward
from asrtools.layers.fsmn import memory_pads, remember, remember_each
from asrtools.layers.look_back import LookBack, look
from asrtools.layers.norm import LayerNorm


class SanmAttention(nn.Module):
    """[B, T, in_size] to [B, T, size]; parameters linear_q_k_v, linear_out, fsmn_block."""

    attends_in_bf16 = False  # of a network lowered to 16 or 8 bits on a CPU
    half_layers = ("linear_q_k_v",)

    def __init__(self, num_heads: int, in_size: int, size: int, dropout_rate: float, kernel_size: int, shift: int = 0):
        super().__init__()
        self.num_heads = num_heads
        self.size = size
        self.linear_out = nn.Linear(size, size)
        self.linear_q_k_v = nn.Linear(in_size, 3 * size)
        self.fsmn_block = nn.Conv1d(size, size, kernel_size, groups=size, bias=False)
        self.pads = memory_pads(kernel_size, shift)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, attention_mask: Tensor | None = None, num_chunks: int = 1
    ) -> Tensor:
        """`mask` bool [B, T], True where there is a frame; `attention_mask` what each may see, where that is less.

        With `num_chunks`, so many rows of x are one utterance, and attention goes over all of it.
        """
        query, key, value = self.linear_q_k_v(x).split(self.size, dim=-1)
        memory = self._memory(value.to(self.fsmn_block.weight.dtype), mask)
        if num_chunks > 1:
            query, key, value = (_end_to_end(part, num_chunks) for part in (query, key, value))
            mask = None if mask is None else _end_to_end(mask, num_chunks)
        heads = (split_heads(part, self.num_heads) for part in (query, key, value))
        seen = None if mask is None else mask[:, None, None]
        if attention_mask is not None:
            seen = attention_mask if seen is None else seen & attention_mask
        if self.attends_in_bf16:
            context = attend_in_bf16(*heads, seen)
        else:
            context = attend(*heads, seen, self.dropout.p if self.training else 0.0)
        context = join_heads(context)
        if num_chunks > 1:
            context = context.unflatten(1, (num_chunks, -1)).flatten(0, 1)
        return self.linear_out(context).add_(memory) if not self.training else self.linear_out(context) + memory

    def _memory(self, value: Tensor, mask: Tensor | None) -> Tensor:
        if mask is not None:
            value = value * mask[..., None]
        memory = self.dropout(remember(value, self.fsmn_block.weight, self.pads) + value)
        return memory if mask is None else memory * mask[..., None]

    def forward_chunk(self, x: Tensor, sizes: Sequence[int], pasts: Sequence[LookBack | None], layer: int) -> Tensor:
        """Chunks of several streams one after another, [R, in_size] with `sizes` frames each, to [R, size]."""
        query, keys_values = self.linear_q_k_v(x).split((self.size, 2 * self.size), dim=-1)
        values = keys_values[:, self.size :].to(self.fsmn_block.weight.dtype)
        memory = remember_each(values, sizes, self.fsmn_block.weight, self.pads)
        context = look(query, sizes, keys_values, sizes, pasts, layer, self.num_heads)
        return self.linear_out(context).add_(memory)


class SanmEncoderLayer(nn.Module):
    """Attention and feed-forward, each with its norm before it; the first layer of a network changes the size."""

    def __init__(
        self,
        in_size: int,
        size: int,
        self_attn: SanmAttention,
        feed_forward: PositionwiseFeedForward,
        dropout_rate: float,
        normalize_before: bool = True,
        eps: float = 1e-12,
    ):
        super().__init__()
        self.self_attn = self_attn
        self.feed_forward = feed_forward
        self.norm1 = LayerNorm(in_size, eps)
        self.norm2 = LayerNorm(size, eps)
        self.dropout = nn.Dropout(dropout_rate)
        self.keeps_size = in_size == size
        self.normalize_before = normalize_before

    def forward(
        self, x: Tensor, mask: Tensor | None = None, attention_mask: Tensor | None = None, num_chunks: int = 1
    ) -> Tensor:
        attended = self.self_attn(self.norm1(x) if self.normalize_before else x, mask, attention_mask, num_chunks)
        return self._rest(x, attended)

    def forward_chunk(self, x: Tensor, sizes: Sequence[int], pasts: Sequence[LookBack | None], layer: int) -> Tensor:
        before = self.norm1(x) if self.normalize_before else x
        attended = self.self_attn.forward_chunk(before, sizes, pasts, layer)
        x = attended.add_(x) if self.keeps_size else attended
        if not self.normalize_before:
            x = self.norm1(x)
        x = self.feed_forward(self.norm2(x) if self.normalize_before else x).add_(x)
        return x if self.normalize_before else self.norm2(x)

    def _rest(self, x: Tensor, attended: Tensor) -> Tensor:
        attended = self.dropout(attended)
        x = x + attended if self.keeps_size else attended
        if not self.normalize_before:
            x = self.norm1(x)
        x = x + self.dropout(self.feed_forward(self.norm2(x) if self.normalize_before else x))
        return x if self.normalize_before else self.norm2(x)


def _end_to_end(rows: Tensor, num: int) -> Tensor:
    """[B * num, T, ...] to [B, num * T, ...]."""
    return rows.unflatten(0, (-1, num)).flatten(1, 2)
