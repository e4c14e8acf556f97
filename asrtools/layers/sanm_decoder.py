"""ParaformerSANMDecoder: all tokens at once, each with its neighbours (a memory) and with the audio (attention)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.attention import attend, join_heads, split_heads
from asrtools.layers.feed_forward import NormedFeedForward
from asrtools.layers.fsmn import memory_pads, remember, remember_joined
from asrtools.layers.look_back import LookBack, look
from asrtools.layers.mask import padding_mask
from asrtools.layers.norm import LayerNorm
from asrtools.register import tables


@dataclass(eq=False)
class DecoderState:
    """What a decoder keeps of one stream between chunks."""

    past: LookBack | None = None  # frames that the tokens of the next chunk look at too
    tokens: dict[int, Tensor] = field(default_factory=dict)  # [K - 1, D], of each layer the last inputs of its memory


class TokenMemory(nn.Module):
    """The memory over tokens; parameter fsmn_block."""

    def __init__(self, size: int, dropout_rate: float, kernel_size: int, shift: int):
        super().__init__()
        self.fsmn_block = nn.Conv1d(size, size, kernel_size, groups=size, bias=False)
        self.pads = memory_pads(kernel_size, shift)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if mask is not None:
            x = x * mask[..., None]
        x = self.dropout(remember(x, self.fsmn_block.weight, self.pads) + x)
        return x if mask is None else x * mask[..., None]

    def forward_chunk(self, x: Tensor, sizes: Sequence[int], states: Sequence[DecoderState], layer: int) -> Tensor:
        """Tokens of several streams one after another, [R, D] with `sizes` each, that follow on those of before."""
        parts = []
        for own, state in zip(x.split(list(sizes)), states, strict=True):
            before = state.tokens.get(layer)
            if before is None:
                # as published: the first chunk has zeros on both sides, and those after it count as tokens of the past
                parts.append(nn.functional.pad(own, (0, 0, *self.pads)))
            else:
                parts.append(torch.cat([before, own]))
            state.tokens[layer] = parts[-1][len(own) :].clone()
        return remember_joined(parts, self.fsmn_block.weight) + x

    def step(self, x: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """One more token of each hypothesis [N, 1, D]; `before` holds the last K - 1 inputs, None before the first."""
        window = nn.functional.pad(x, (0, 0, *self.pads)) if before is None else torch.cat([before, x], 1)
        return remember(window, self.fsmn_block.weight, (0, 0)) + x, window[:, 1:]


class SourceAttention(nn.Module):
    """Tokens [B, N, D] look at the audio [B, T, source_size]; parameters linear_q, linear_k_v, linear_out."""

    def __init__(self, num_heads: int, size: int, dropout_rate: float, source_size: int | None = None):
        super().__init__()
        self.num_heads = num_heads
        self.size = size
        self.linear_q = nn.Linear(size, size)
        self.linear_k_v = nn.Linear(source_size or size, 2 * size)
        self.linear_out = nn.Linear(size, size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor | None) -> Tensor:
        return self.look(x, *self.keys_values(source), mask)

    def keys_values(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Audio [B, T, source_size] to its keys and values [B, H, T, D / H]."""
        key, value = self.linear_k_v(source).split(self.size, dim=-1)
        return split_heads(key, self.num_heads), split_heads(value, self.num_heads)

    def look(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        query = split_heads(self.linear_q(x), self.num_heads)
        return self.linear_out(join_heads(attend(query, keys, values, mask, self.dropout.p if self.training else 0.0)))

    def scores(self, x: Tensor, source: Tensor, mask: Tensor | None) -> Tensor:
        """How much each token looks at each frame: [B, H, N, T], summing to 1."""
        query, key, _ = self._heads(x, source)
        logits = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
        if mask is not None:
            logits = logits.masked_fill(~mask, float("-inf"))
        return logits.softmax(-1)

    def forward_chunk(
        self,
        x: Tensor,
        sizes: Sequence[int],
        source: Tensor,
        source_sizes: Sequence[int],
        pasts: Sequence[LookBack | None],
        layer: int,
    ) -> Tensor:
        """Tokens of several streams and their audio, both one after another."""
        keys_values = self.linear_k_v(source)
        context = look(self.linear_q(x), sizes, keys_values, source_sizes, pasts, layer, self.num_heads)
        return self.linear_out(context)

    def _heads(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (split_heads(self.linear_q(x), self.num_heads), *self.keys_values(source))


class SanmDecoderLayer(nn.Module):
    """Feed-forward, memory, attention, in this order; without memory and attention (the last layer) no residual."""

    def __init__(
        self,
        size: int,
        self_attn: TokenMemory | None,
        src_attn: SourceAttention | None,
        feed_forward: NormedFeedForward,
        dropout_rate: float,
        normalize_before: bool,
    ):
        super().__init__()
        self.self_attn = self_attn
        self.src_attn = src_attn
        self.feed_forward = feed_forward
        self.norm1 = LayerNorm(size)
        if self_attn is not None:
            self.norm2 = LayerNorm(size)
        if src_attn is not None:
            self.norm3 = LayerNorm(size)
        self.dropout = nn.Dropout(dropout_rate)
        self.normalize_before = normalize_before

    def forward(self, x: Tensor, mask: Tensor | None, source: Tensor, source_mask: Tensor | None) -> Tensor:
        x = self.with_memory(x, mask)
        if self.src_attn is not None:
            x = x + self.dropout(self.src_attn(self.before_source(x), source, source_mask))
        return x

    def with_memory(self, x: Tensor, mask: Tensor | None) -> Tensor:
        fed = self.feed_forward(self.norm1(x) if self.normalize_before else x)
        if self.self_attn is None:
            return fed
        return x + self.dropout(self.self_attn(self.norm2(fed) if self.normalize_before else fed, mask))

    def remember_step(self, x: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Feed-forward and memory for one more token of each hypothesis [N, 1, D]."""
        fed = self.feed_forward(self.norm1(x) if self.normalize_before else x)
        if self.self_attn is None:
            return fed, None
        remembered, before = self.self_attn.step(self.norm2(fed) if self.normalize_before else fed, before)
        return x + remembered, before

    def before_source(self, x: Tensor) -> Tensor:
        return self.norm3(x) if self.normalize_before else x

    def forward_chunk(
        self,
        x: Tensor,
        sizes: Sequence[int],
        source: Tensor,
        source_sizes: Sequence[int],
        states: Sequence[DecoderState],
        layer: int,
    ) -> Tensor:
        fed = self.feed_forward(self.norm1(x) if self.normalize_before else x)
        if self.self_attn is None:
            return fed
        x = x + self.self_attn.forward_chunk(self.norm2(fed) if self.normalize_before else fed, sizes, states, layer)
        if self.src_attn is not None:
            pasts = [state.past for state in states]
            x = x + self.src_attn.forward_chunk(self.before_source(x), sizes, source, source_sizes, pasts, layer)
        return x


@dataclass(frozen=True)
class LayerMaker:
    """The three kinds of layers of one decoder."""

    size: int
    num_heads: int
    linear_units: int
    kernel_size: int
    dropout_rate: float
    memory_dropout_rate: float
    source_dropout_rate: float
    normalize_before: bool
    source_size: int | None = None  # where it is not `size`

    def with_source(self, shift: int) -> SanmDecoderLayer:
        return self._make(
            TokenMemory(self.size, self.memory_dropout_rate, self.kernel_size, shift),
            SourceAttention(self.num_heads, self.size, self.source_dropout_rate, self.source_size),
        )

    def with_memory(self, shift: int = 0) -> SanmDecoderLayer:
        return self._make(TokenMemory(self.size, self.memory_dropout_rate, self.kernel_size, shift), None)

    def bare(self, in_size: int | None = None) -> SanmDecoderLayer:
        """Feed-forward alone, from `in_size` where that is not `size`."""
        return self._make(None, None, in_size)

    def _make(
        self, memory: TokenMemory | None, attention: SourceAttention | None, in_size: int | None = None
    ) -> SanmDecoderLayer:
        size = in_size or self.size
        feed_forward = NormedFeedForward(size, self.linear_units, self.dropout_rate, self.size)
        return SanmDecoderLayer(size, memory, attention, feed_forward, self.dropout_rate, self.normalize_before)


@tables.register("decoder_classes", "ParaformerSANMDecoder")
class ParaformerSANMDecoder(nn.Module):
    """Token embeddings [B, N, D] and encoder output [B, T, D] to logits [B, N, vocab_size].

    Parameters embed, decoders (with attention), decoders2 (without), decoders3, after_norm, output_layer.
    """

    def __init__(
        self,
        vocab_size: int,
        encoder_output_size: int,
        attention_heads: int = 4,
        linear_units: int = 2048,
        num_blocks: int = 6,
        dropout_rate: float = 0.1,
        positional_dropout_rate: float = 0.1,
        self_attention_dropout_rate: float = 0.0,
        src_attention_dropout_rate: float = 0.0,
        input_layer: str = "embed",
        use_output_layer: bool = True,
        wo_input_layer: bool = False,
        pos_enc_class: str = "PositionalEncoding",
        normalize_before: bool = True,
        att_layer_num: int = 6,
        kernel_size: int = 21,
        sanm_shfit: int | None = 0,
        chunk_multiply_factor: list | tuple = (1,),
    ):
        super().__init__()
        if input_layer != "embed":
            raise ConfigError(f"decoder_conf.input_layer is {input_layer!r}; ParaformerSANMDecoder knows embed")
        size = encoder_output_size
        self.embed = None if wo_input_layer else nn.Sequential(nn.Embedding(vocab_size, size))
        self.after_norm = LayerNorm(size) if normalize_before else None
        self.output_layer = nn.Linear(size, vocab_size) if use_output_layer else None
        shift = (kernel_size - 1) // 2 if sanm_shfit is None else sanm_shfit

        make = LayerMaker(
            size,
            attention_heads,
            linear_units,
            kernel_size,
            dropout_rate,
            self_attention_dropout_rate,
            src_attention_dropout_rate,
            normalize_before,
        )
        self.decoders = nn.ModuleList(make.with_source(shift) for _ in range(att_layer_num))
        rest = num_blocks - att_layer_num
        self.decoders2 = nn.ModuleList(make.with_memory() for _ in range(rest)) if rest > 0 else None
        self.decoders3 = nn.ModuleList([make.bare()])

    @property
    def layers(self) -> list[SanmDecoderLayer]:
        return [*self.decoders, *(self.decoders2 or ()), *self.decoders3]

    def forward(self, source: Tensor, source_lens: Tensor, tokens: Tensor, token_lens: Tensor) -> Tensor:
        return self.project(self.hidden(source, source_lens, tokens, token_lens))

    def hidden(
        self,
        source: Tensor,
        source_lens: Tensor,
        tokens: Tensor,
        token_lens: Tensor,
        source_mask: Tensor | None = None,
    ) -> Tensor:
        """What the output layer is given; `source_mask` [B, N, T] where a token may see less than all frames."""
        mask = padding_mask(token_lens, tokens.shape[1])
        seen = padding_mask(source_lens, source.shape[1])
        seen = None if seen is None else seen[:, None, None]
        if source_mask is not None:
            seen = source_mask[:, None] if seen is None else seen & source_mask[:, None]
        x = tokens
        for layer in self.layers:
            x = layer(x, mask, source, seen)
        return x if self.after_norm is None else self.after_norm(x)

    def project(self, hidden: Tensor) -> Tensor:
        return hidden if self.output_layer is None else self.output_layer(hidden)

    def start(self, num_kept: int) -> DecoderState:
        """Of a stream whose tokens look at so many frames of the chunk before too."""
        return DecoderState(LookBack(len(self.decoders), num_kept) if num_kept > 0 else None)

    def forward_chunk(
        self,
        source: Tensor,
        source_sizes: Sequence[int],
        tokens: Tensor,
        sizes: Sequence[int],
        states: Sequence[DecoderState],
    ) -> Tensor:
        """Tokens of a chunk of several streams, one after another as their audio is, to logits [R, V]."""
        x = tokens
        for index, layer in enumerate(self.layers):
            x = layer.forward_chunk(x, sizes, source, source_sizes, states, index)
        for state, size in zip(states, source_sizes, strict=True):
            if state.past is not None:
                state.past.settle(size)
        return self.project(x if self.after_norm is None else self.after_norm(x))
