"""Attention decoders: token by token, TransformerDecoder; all at once from a predictor's, ParaformerSANDecoder."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.encoder_position import PositionalEncoding
from asrtools.layers.feed_forward import PositionwiseFeedForward
from asrtools.layers.hypothesis_place import places_of
from asrtools.layers.mask import padding_mask
from asrtools.layers.multi_head_attention import MultiHeadedAttention
from asrtools.layers.norm import LayerNorm
from asrtools.register import tables

KeysValues = tuple[Tensor, Tensor]  # [N, H, L, D / H] twice


class DecoderLayer(nn.Module):
    """Attention to tokens, to the audio, feed-forward; parameters self_attn, src_attn, feed_forward, norm1 to norm3."""

    def __init__(
        self,
        size: int,
        self_attn: MultiHeadedAttention,
        src_attn: MultiHeadedAttention,
        feed_forward: PositionwiseFeedForward,
        dropout_rate: float,
        normalize_before: bool,
        concat_after: bool,
    ):
        super().__init__()
        self.self_attn = self_attn
        self.src_attn = src_attn
        self.feed_forward = feed_forward
        self.norm1 = LayerNorm(size)
        self.norm2 = LayerNorm(size)
        self.norm3 = LayerNorm(size)
        self.dropout = nn.Dropout(dropout_rate)
        self.normalize_before = normalize_before
        self.concat_after = concat_after
        if concat_after:
            self.concat_linear1 = nn.Linear(2 * size, size)
            self.concat_linear2 = nn.Linear(2 * size, size)

    def forward(self, x: Tensor, mask: Tensor | None, source: Tensor, source_mask: Tensor | None) -> Tensor:
        """Tokens [B, N, D] and audio [B, T, D]; masks bool, fitting [B, H, N, N] and [B, H, N, T]."""
        return self._through(
            x,
            lambda given: self.self_attn(given, given, mask),
            lambda given: self.src_attn(given, source, source_mask),
        )

    def step(
        self, x: Tensor, past: KeysValues | None, look_at_audio: Callable[[MultiHeadedAttention, Tensor], Tensor]
    ) -> tuple[Tensor, KeysValues]:
        """One more token of each hypothesis [N, 1, D], after those whose keys and values are `past`."""
        seen: list[KeysValues] = []

        def look_back(given: Tensor) -> Tensor:
            keys, values = self.self_attn.keys_values(given)
            if past is not None:
                keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
            seen.append((keys, values))
            return self.self_attn.look(given, keys, values, None)

        x = self._through(x, look_back, lambda given: look_at_audio(self.src_attn, given))
        return x, seen[0]

    def _through(
        self, x: Tensor, to_tokens: Callable[[Tensor], Tensor], to_audio: Callable[[Tensor], Tensor]
    ) -> Tensor:
        x = self._part(x, self.norm1, to_tokens, self.concat_linear1 if self.concat_after else None)
        x = self._part(x, self.norm2, to_audio, self.concat_linear2 if self.concat_after else None)
        return self._part(x, self.norm3, self.feed_forward, None)

    def _part(
        self, x: Tensor, norm: nn.Module, function: Callable[[Tensor], Tensor], concat_linear: nn.Module | None
    ) -> Tensor:
        given = norm(x) if self.normalize_before else x
        out = function(given)
        if concat_linear is None:
            x = x + self.dropout(out)
        else:
            x = x + concat_linear(torch.cat([given, out], -1))
        return x if self.normalize_before else norm(x)


@dataclass(frozen=True, eq=False)
class DecoderState:
    """What a decoder has seen of the hypotheses of some utterances, those of one utterance next to each other."""

    source: list[KeysValues]  # of each layer, [U, H, T, D / H] twice
    source_mask: Tensor | None  # bool [U, 1, 1, T]
    owners: Tensor  # [N], the utterance of each hypothesis, ascending; on the CPU
    past: list[KeysValues]  # of each layer, [N, H, L, D / H] twice; empty before the first token
    num_tokens: int = 0

    def pick(self, rows: Tensor) -> "DecoderState":
        """The state of the hypotheses that follow on those at `rows`."""
        owners = self.owners[rows]
        left, owners = torch.unique_consecutive(owners, return_inverse=True)
        source, mask = self.source, self.source_mask
        device = source[0][0].device
        if len(left) < len(source[0][0]):
            kept = left.to(device)
            source = [(keys[kept], values[kept]) for keys, values in source]
            mask = None if mask is None else mask[kept]
        rows = rows.to(device)
        past = [(keys[rows], values[rows]) for keys, values in self.past]
        return DecoderState(source, mask, owners, past, self.num_tokens)


class AttentionDecoder(nn.Module):
    """What both decoders are made of; parameters embed, decoders, after_norm, output_layer."""

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
        normalize_before: bool = True,
        concat_after: bool = False,
    ):
        super().__init__()
        size = encoder_output_size
        position = PositionalEncoding(size, positional_dropout_rate)
        if input_layer == "embed":
            layers: list[nn.Module] = [nn.Embedding(vocab_size, size)]
        elif input_layer == "linear":
            layers = [nn.Linear(vocab_size, size), nn.LayerNorm(size), nn.Dropout(dropout_rate), nn.ReLU()]
        else:
            raise ConfigError(f"decoder_conf.input_layer is {input_layer!r}; embed or linear is wanted")
        self.embed: nn.Module | None = nn.Sequential(*layers, position)
        self.decoders = nn.ModuleList(
            DecoderLayer(
                size,
                MultiHeadedAttention(attention_heads, size, self_attention_dropout_rate),
                MultiHeadedAttention(attention_heads, size, src_attention_dropout_rate),
                PositionwiseFeedForward(size, linear_units, dropout_rate),
                dropout_rate,
                normalize_before,
                concat_after,
            )
            for _ in range(num_blocks)
        )
        self.after_norm = LayerNorm(size) if normalize_before else None
        self.output_layer = nn.Linear(size, vocab_size) if use_output_layer else None

    def decode(self, x: Tensor, mask: Tensor | None, source: Tensor, source_lens: Tensor) -> Tensor:
        """Embedded tokens [B, N, D] to what the output layer is given."""
        source_mask = padding_mask(source_lens.clamp(min=1), source.shape[1])
        source_mask = None if source_mask is None else source_mask[:, None, None]
        for layer in self.decoders:
            x = layer(x, mask, source, source_mask)
        return x if self.after_norm is None else self.after_norm(x)

    def project(self, hidden: Tensor) -> Tensor:
        return hidden if self.output_layer is None else self.output_layer(hidden)

    def embed_at(self, tokens: Tensor, first: int = 0) -> Tensor:
        """Token ids [B, N], of which the first is the `first`-th of its text, to [B, N, D]."""
        *layers, position = self.embed
        x = tokens
        for layer in layers:
            x = layer(x)
        return position(x, None, first)[0]


@tables.register("decoder_classes", "TransformerDecoder")
class TransformerDecoder(AttentionDecoder):
    """Token ids [B, N], sos first, and encoder output [B, T, D] to logits [B, N, vocab_size] of what follows each."""

    def forward(self, source: Tensor, source_lens: Tensor, tokens: Tensor, token_lens: Tensor) -> Tensor:
        num = tokens.shape[1]
        mask = torch.ones(num, num, dtype=torch.bool, device=tokens.device).tril()[None, None]
        padding = padding_mask(token_lens, num)
        if padding is not None:
            mask = mask & padding[:, None, None]
        return self.project(self.decode(self.embed_at(tokens), mask, source, source_lens))

    def start(self, source: Tensor, source_lens: Tensor | None = None) -> DecoderState:
        """Before the first token of some utterances, encoder output [U, T, D]; one hypothesis each."""
        mask = None if source_lens is None else padding_mask(source_lens.to(source.device), source.shape[1])
        seen = [layer.src_attn.keys_values(source) for layer in self.decoders]
        return DecoderState(seen, None if mask is None else mask[:, None, None], torch.arange(len(source)), [])

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The last token of each hypothesis [N] to log-probabilities float32 [N, vocab_size] of the next."""
        device = state.source[0][0].device
        x = self.embed_at(tokens[:, None].to(device), state.num_tokens)
        num_utterances = len(state.source[0][0])
        most, places = places_of(state.owners, num_utterances)
        places = places.to(device)
        past = []
        for index, layer in enumerate(self.decoders):

            def look(
                attention: MultiHeadedAttention, given: Tensor, source: KeysValues = state.source[index]
            ) -> Tensor:
                # the hypotheses of an utterance are so many queries of one audio, whose keys are not copied for each
                queries = given.new_zeros(num_utterances * most, given.shape[2])
                queries[places] = given[:, 0]
                queries = queries.view(num_utterances, most, -1)
                looked = attention.look(queries, *source, state.source_mask)
                return looked.flatten(0, 1)[places][:, None]

            x, seen = layer.step(x, state.past[index] if state.past else None, look)
            past.append(seen)
        x = x[:, 0] if self.after_norm is None else self.after_norm(x[:, 0])
        after = DecoderState(state.source, state.source_mask, state.owners, past, state.num_tokens + 1)
        return self.project(x).float().log_softmax(-1), after


@tables.register("decoder_classes", "ParaformerSANDecoder")
class ParaformerSANDecoder(AttentionDecoder):
    """Token embeddings [B, N, D] of a predictor and encoder output [B, T, D] to logits [B, N, vocab_size].

    Every token sees all tokens. `embed` serves training only.
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
        normalize_before: bool = True,
        concat_after: bool = False,
        embeds_id: int = -1,
    ):
        super().__init__(
            vocab_size,
            encoder_output_size,
            attention_heads,
            linear_units,
            num_blocks,
            dropout_rate,
            positional_dropout_rate,
            self_attention_dropout_rate,
            src_attention_dropout_rate,
            input_layer,
            use_output_layer,
            normalize_before,
            concat_after,
        )
        self.embeds_id = embeds_id

    def forward(self, source: Tensor, source_lens: Tensor, tokens: Tensor, token_lens: Tensor) -> Tensor:
        return self.project(self.hidden(source, source_lens, tokens, token_lens))

    def hidden(self, source: Tensor, source_lens: Tensor, tokens: Tensor, token_lens: Tensor) -> Tensor:
        """What the output layer is given."""
        mask = padding_mask(token_lens.clamp(min=1), tokens.shape[1])
        return self.decode(tokens, None if mask is None else mask[:, None, None], source, source_lens)
