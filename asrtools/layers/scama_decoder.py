"""FsmnDecoderSCAMAOpt: token by token, each from the chunk of audio in which it fires (Zhang et al. 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.hypothesis_place import places_of
from asrtools.layers.mask import padding_mask
from asrtools.layers.norm import LayerNorm
from asrtools.layers.sanm_decoder import LayerMaker, SanmDecoderLayer
from asrtools.layers.scama import ChunkedSpeech, Heard, KeysValues
from asrtools.register import tables


@dataclass(frozen=True, eq=False)
class ScamaState:
    """What the decoder keeps of the hypotheses of some utterances, those of one utterance next to each other."""

    owners: Tensor  # [N], the utterance of each hypothesis, ascending; on the CPU
    memories: tuple[Tensor | None, ...]  # of each layer, the last inputs of its memory [N, K - 1, D]
    num_tokens: int = 0

    def pick(self, rows: Tensor) -> "ScamaState":
        """The state of the hypotheses that follow on those at `rows`."""
        kept = [None if one is None else one[rows.to(one.device)] for one in self.memories]
        return ScamaState(self.owners[rows], tuple(kept), self.num_tokens)


@tables.register("decoder_classes", "FsmnDecoderSCAMAOpt")
class FsmnDecoderSCAMAOpt(nn.Module):
    """Token ids [B, N], sos first, with a predictor's tokens [B, N, D], to logits [B, N, vocab_size] of what follows.

    Parameters embed, embed_concat_ffn, decoders (with attention), decoders2 (without), decoders3, after_norm,
    output_layer.
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
        pos_enc_class: str = "PositionalEncoding",
        normalize_before: bool = True,
        att_layer_num: int = 6,
        kernel_size: int = 21,
        sanm_shfit: int | None = None,
        concat_embeds: bool = False,
        attention_dim: int | None = None,
        embed_tensor_name_prefix_tf: str | None = None,
    ):
        super().__init__()
        if input_layer != "embed" or not use_output_layer:
            raise ConfigError(
                f"decoder_conf: input_layer is {input_layer!r} and use_output_layer {use_output_layer}; "
                "FsmnDecoderSCAMAOpt knows embed and true"
            )
        size = attention_dim or encoder_output_size
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
            encoder_output_size,
        )
        self.embed = nn.Sequential(nn.Embedding(vocab_size, size))
        self.after_norm = LayerNorm(size) if normalize_before else None
        self.output_layer = nn.Linear(size, vocab_size)
        self.decoders = nn.ModuleList(make.with_source(shift) for _ in range(att_layer_num))
        rest = num_blocks - att_layer_num
        self.decoders2 = nn.ModuleList(make.with_memory(shift) for _ in range(rest)) if rest > 0 else None
        self.decoders3 = nn.ModuleList([make.bare()])
        self.embed_concat_ffn = nn.ModuleList([make.bare(size + encoder_output_size)]) if concat_embeds else None

    @property
    def layers(self) -> list[SanmDecoderLayer]:
        return [*self.decoders, *(self.decoders2 or ()), *self.decoders3]

    def forward(self, source: Tensor, seen: Tensor, ids: Tensor, num_ids: Tensor, tokens: Tensor) -> Tensor:
        """Audio [B, S, D], what each token sees of it bool [B, N, S], ids [B, N], how many count, tokens [B, N, D]."""
        mask = padding_mask(num_ids, ids.shape[1])
        x = self.embed_with(ids, tokens)
        for layer in self.layers:
            x = layer(x, mask, source, seen[:, None])
        return self.output_layer(x if self.after_norm is None else self.after_norm(x))

    def embed_with(self, ids: Tensor, tokens: Tensor) -> Tensor:
        x = self.embed(ids)
        if self.embed_concat_ffn is None:
            return x
        (layer,) = self.embed_concat_ffn
        return layer(torch.cat([x, tokens.to(x.dtype)], -1), None, x, None)

    def keys_values(self, chunks: Tensor) -> list[KeysValues]:
        """Audio in chunks [U, C, size, D] to keys and values [U, C, H, size, D / H] of each layer with attention."""
        found = [layer.src_attn.keys_values(chunks.flatten(0, 1)) for layer in self.decoders]
        return [(keys.unflatten(0, chunks.shape[:2]), values.unflatten(0, chunks.shape[:2])) for keys, values in found]

    def start(self, num_utterances: int = 1) -> ScamaState:
        """Before the first token, one hypothesis for each utterance."""
        return ScamaState(torch.arange(num_utterances), (None,) * len(self.layers))

    def step(self, ids: Tensor, state: ScamaState, heard: Heard) -> tuple[Tensor, ScamaState]:
        """The last token of each hypothesis [N] to log-probabilities float32 [N, vocab_size] of the next."""
        device = heard.token.device
        num = len(heard.token)
        most, places = places_of(state.owners, num)
        places = places.to(device)
        x = self.embed_with(ids[:, None].to(device), heard.token[state.owners.to(device), None])
        memories = []
        for index, layer in enumerate(self.layers):
            x, memory = layer.remember_step(x, state.memories[index])
            memories.append(memory)
            if layer.src_attn is not None:
                # the hypotheses of an utterance are so many queries of one audio, whose keys are not copied for each
                queries = x.new_zeros(num * most, x.shape[2])
                queries[places] = layer.before_source(x)[:, 0]
                looked = layer.src_attn.look(queries.view(num, most, -1), *heard.frames[index], heard.mask)
                x = x + looked.flatten(0, 1)[places][:, None]
        x = x[:, 0] if self.after_norm is None else self.after_norm(x[:, 0])
        after = ScamaState(state.owners, tuple(memories), state.num_tokens + 1)
        return self.output_layer(x).float().log_softmax(-1), after


@dataclass(frozen=True, eq=False)
class ScamaScorer:
    """The decoder in a search through utterances that are there as a whole."""

    decoder: FsmnDecoderSCAMAOpt
    speech: ChunkedSpeech

    def step(self, ids: Tensor, state: ScamaState) -> tuple[Tensor, ScamaState]:
        return self.decoder.step(ids, state, self.speech.at(state.num_tokens))
