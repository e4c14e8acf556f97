"""Language models over the tokens of a recogniser, one token after the other."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.encoder_position import PositionalEncoding
from asrtools.layers.feed_forward import PositionwiseFeedForward
from asrtools.layers.multi_head_attention import MultiHeadedAttention
from asrtools.layers.norm import LayerNorm
from asrtools.layers.transformer_encoder import TransformerLayer
from asrtools.register import tables

RNN_TYPES = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN_TANH": nn.RNN, "RNN_RELU": nn.RNN}


@dataclass(frozen=True, eq=False)
class LmState:
    """Tensors with a row for each text on their axis `axis`, after `num_tokens` tokens; none before the first."""

    tensors: tuple[Tensor, ...] = ()
    num_tokens: int = 0
    axis: int = 0

    def pick(self, rows: Tensor) -> "LmState":
        picked = tuple(one.index_select(self.axis, rows.to(one.device)) for one in self.tensors)
        return LmState(picked, self.num_tokens, self.axis)


class CausalEncoder(nn.Module):
    """Tokens that see themselves and those before; parameters embed, encoders, after_norm."""

    def __init__(
        self,
        embed_unit: int,
        size: int,
        num_heads: int,
        linear_units: int,
        num_layers: int,
        dropout_rate: float,
        position: nn.Module | None,
    ):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(embed_unit, size), nn.LayerNorm(size), nn.Dropout(dropout_rate), nn.ReLU())
        self.position = position
        self.encoders = nn.ModuleList(
            TransformerLayer(
                size,
                MultiHeadedAttention(num_heads, size, 0.0),
                PositionwiseFeedForward(size, linear_units, dropout_rate),
                dropout_rate,
            )
            for _ in range(num_layers)
        )
        self.after_norm = LayerNorm(size)

    def forward(self, x: Tensor, state: LmState) -> tuple[Tensor, LmState]:
        """[N, U, E] after those of the state to [N, U, D]."""
        before, num = state.num_tokens, x.shape[1]
        mask = torch.ones(num, before + num, dtype=torch.bool, device=x.device).tril(before) if num > 1 else None
        x = self.embed(x)
        if self.position is not None:
            x, _ = self.position(x, None, before)
        kept: list[Tensor] = []
        for index, layer in enumerate(self.encoders):
            past = state.tensors[2 * index : 2 * index + 2]

            def look_back(given: Tensor, layer: TransformerLayer = layer, past: tuple[Tensor, ...] = past) -> Tensor:
                keys, values = layer.self_attn.keys_values(given)
                if past:
                    keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
                kept.extend((keys, values))
                return layer.self_attn.look(given, keys, values, mask)

            x = layer.through(x, look_back, None)
        return self.after_norm(x), LmState(tuple(kept), before + num)


@tables.register("lm_classes", "transformer")
@tables.register("lm_classes", "TransformerLM")
class TransformerLM(nn.Module):
    """Token ids to logits of the next; parameters embed, encoder, decoder."""

    def __init__(
        self,
        vocab_size: int,
        pos_enc: str | None = None,
        embed_unit: int = 128,
        att_unit: int = 256,
        head: int = 2,
        unit: int = 1024,
        layer: int = 4,
        dropout_rate: float = 0.5,
    ):
        super().__init__()
        if pos_enc not in (None, "sinusoidal"):
            raise ConfigError(f"lm_conf.pos_enc is {pos_enc!r}; sinusoidal or null is wanted")
        position = None if pos_enc is None else PositionalEncoding(att_unit, 0.1)
        self.embed = nn.Embedding(vocab_size, embed_unit)
        self.encoder = CausalEncoder(embed_unit, att_unit, head, unit, layer, dropout_rate, position)
        self.decoder = nn.Linear(att_unit, vocab_size)

    def forward(self, tokens: Tensor, state: LmState | None = None) -> tuple[Tensor, LmState]:
        """[N, U] after those of the state to [N, U, V]."""
        hidden, state = self.encoder(self.embed(tokens), state or self.start())
        return self.decoder(hidden), state

    def start(self) -> LmState:
        return LmState()

    def step(self, tokens: Tensor, state: LmState) -> tuple[Tensor, LmState]:
        """The last token of each text [N] to log-probabilities float32 [N, V] of the next."""
        return _last_log_probs(self, tokens, state)


@tables.register("lm_classes", "seq_rnn")
@tables.register("lm_classes", "SequentialRNNLM")
class SequentialRNNLM(nn.Module):
    """Token ids to logits of the next; parameters encoder (the embedding), rnn, decoder."""

    def __init__(
        self,
        vocab_size: int,
        unit: int = 650,
        nhid: int | None = None,
        nlayers: int = 2,
        dropout_rate: float = 0.0,
        tie_weights: bool = False,
        rnn_type: str = "lstm",
        ignore_id: int = 0,
    ):
        super().__init__()
        kind, nhid = rnn_type.upper(), nhid or unit
        if kind not in RNN_TYPES:
            raise ConfigError(f"lm_conf.rnn_type is {rnn_type!r}; known are lstm, gru, rnn_tanh and rnn_relu")
        self.drop = nn.Dropout(dropout_rate)
        self.encoder = nn.Embedding(vocab_size, unit, padding_idx=ignore_id)
        more = {"nonlinearity": kind.removeprefix("RNN_").lower()} if kind.startswith("RNN") else {}
        self.rnn = RNN_TYPES[kind](unit, nhid, nlayers, dropout=dropout_rate, batch_first=True, **more)
        self.decoder = nn.Linear(nhid, vocab_size)
        if tie_weights:
            if nhid != unit:
                raise ConfigError(f"lm_conf.tie_weights with unit {unit} and nhid {nhid}; they have to be equal then")
            self.decoder.weight = self.encoder.weight

    def forward(self, tokens: Tensor, state: LmState | None = None) -> tuple[Tensor, LmState]:
        state = state or self.start()
        before: tuple[Tensor, ...] | Tensor | None = state.tensors or None
        if before is not None and not isinstance(self.rnn, nn.LSTM):
            before = before[0]
        hidden, after = self.rnn(self.drop(self.encoder(tokens)), before)
        tensors = after if isinstance(self.rnn, nn.LSTM) else (after,)
        return self.decoder(self.drop(hidden)), LmState(tuple(tensors), state.num_tokens + tokens.shape[1], axis=1)

    def start(self) -> LmState:
        return LmState(axis=1)

    def step(self, tokens: Tensor, state: LmState) -> tuple[Tensor, LmState]:
        return _last_log_probs(self, tokens, state)


def _last_log_probs(lm: nn.Module, tokens: Tensor, state: LmState) -> tuple[Tensor, LmState]:
    logits, state = lm(tokens[:, None].to(lm.decoder.weight.device), state)
    return logits[:, -1].float().log_softmax(-1), state
