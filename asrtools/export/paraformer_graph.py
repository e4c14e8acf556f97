"""Graphs of the Paraformer family."""

import torch
from torch import Tensor, nn

from asrtools.build import LoadedModel
from asrtools.export.graph import BATCH, FRAMES, SPEECH_AXES, Graph, speech
from asrtools.export.runtime_metadata import paraformer_metadata
from asrtools.layers.cif import fire_marks
from asrtools.layers.fsmn import remember
from asrtools.layers.mask import frame_mask

FIRE = 1 - 1e-4  # of a token: from this mass on readers of us_cif_peak take one for complete
HOTWORD_LENGTH = 10  # ids in a row of hotwords, as published runtimes give them

AXES = {**SPEECH_AXES, "logits": {**BATCH, 1: "logits_length"}, "token_num": BATCH}
US_AXES = {name: {**BATCH, 1: "alphas_length"} for name in ("us_alphas", "us_cif_peak")}


class ParaformerGraph(nn.Module):
    """speech, speech_lengths to the log-probabilities of tokens and how many there are.

    Hidden after them: the weight of each frame, and how many frames are not padding.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, speech_lengths: Tensor, *words: Tensor) -> tuple[Tensor, ...]:
        encoded, lens = self.network.encode(speech, speech_lengths.long())
        tokens, num_tokens, weights = self.network.predictor(encoded, lens)
        log_probs = self.log_probs(encoded, lens, tokens, num_tokens, *words)
        return (log_probs, num_tokens.int(), *self.times(encoded, lens, num_tokens, weights))

    def log_probs(self, encoded: Tensor, lens: Tensor, tokens: Tensor, num_tokens: Tensor, *words: Tensor) -> Tensor:
        return self.network.decoder(encoded, lens, tokens, num_tokens, *words).log_softmax(-1)

    def times(self, encoded: Tensor, lens: Tensor, num_tokens: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        return weights + 0, lens.int() + 0


class BiCifGraph(ParaformerGraph):
    """The same, with the weights that token times are read from and where a token is complete."""

    def times(self, encoded: Tensor, lens: Tensor, num_tokens: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        weights = self.network.predictor.timing_weights(encoded, lens, num_tokens)
        return weights, fire_marks(weights / FIRE) * FIRE, lens.int() + 0


class SeacoGraph(BiCifGraph):
    """And with what hotwords change; `bias_embed` [B, W, D], the last of them stands for none."""

    def log_probs(self, encoded: Tensor, lens: Tensor, tokens: Tensor, num_tokens: Tensor, *words: Tensor) -> Tensor:
        network = self.network
        hidden = network.decoder.hidden(encoded, lens, tokens, num_tokens)
        heard = network.decoder.project(hidden).log_softmax(-1)
        expected = network.hotword_logits(words[0], tokens, hidden, num_tokens).log_softmax(-1)
        is_hotword = expected.argmax(-1, keepdim=True) != network.no_bias
        return torch.where(is_hotword, expected, heard)


class HotwordGraph(nn.Module):
    """Ids [W, L] to what the LSTM has gathered at each: [L, W, D]."""

    def __init__(self, embed: nn.Module, lstm: nn.LSTM, projection: nn.Module | None = None):
        super().__init__()
        self.embed, self.lstm, self.projection = embed, lstm, projection

    def forward(self, hotword: Tensor) -> Tensor:
        states = self.lstm(self.embed(hotword.long()))[0]
        if self.projection is not None:
            states = self.projection(states)
        return states.transpose(0, 1)


def facts_of(model: LoadedModel) -> dict[str, int]:
    network = model.network
    predictor = network.predictor
    facts = {"subsample": network.subsampling(), "tail": int(predictor.tail.threshold > 0)}
    if hasattr(predictor, "upsample_times"):
        facts["upsample"] = predictor.upsample_times
    return facts


def paraformer(model: LoadedModel) -> list[Graph]:
    outputs, hidden = ("logits", "token_num"), ("alphas", "encoded_lens")
    axes = {**AXES, "alphas": {**BATCH, 1: "alphas_length"}, "encoded_lens": BATCH}
    graph = ParaformerGraph(model.network)
    metadata = paraformer_metadata(model)
    return [Graph("model", graph, speech(model), outputs, axes, (), hidden, facts_of(model), metadata)]


def bicif(model: LoadedModel) -> list[Graph]:
    outputs = ("logits", "token_num", "us_alphas", "us_cif_peak")
    axes = {**AXES, **US_AXES, "encoded_lens": BATCH}
    graph = BiCifGraph(model.network)
    metadata = paraformer_metadata(model)
    hidden = ("encoded_lens",)
    return [Graph("model", graph, speech(model), outputs, axes, (), hidden, facts_of(model), metadata)]


def seaco(model: LoadedModel) -> list[Graph]:
    network = model.network
    outputs = ("logits", "token_num", "us_alphas", "us_cif_peak")
    axes = {**AXES, **US_AXES, "encoded_lens": BATCH, "bias_embed": {**BATCH, 1: "num_hotwords"}}
    embedder = hotwords(network.decoder.embed, network.bias_encoder, network.lstm_proj)
    inputs = {**speech(model), "bias_embed": vectors(embedder)}
    main = Graph("model", SeacoGraph(network), inputs, outputs, axes, (), ("encoded_lens",), facts_of(model))
    return [main, embedder]


def contextual(model: LoadedModel) -> list[Graph]:
    network = model.network
    axes = {**AXES, "alphas": {**BATCH, 1: "alphas_length"}, "encoded_lens": BATCH}
    axes["bias_embed"] = {**BATCH, 1: "num_hotwords"}
    embedder = hotwords(network.hotword_embedding, network.bias_encoder)
    inputs = {**speech(model), "bias_embed": vectors(embedder)}
    hidden = ("alphas", "encoded_lens")
    outputs = ("logits", "token_num")
    main = Graph("model", ParaformerGraph(network), inputs, outputs, axes, (), hidden, facts_of(model))
    return [main, embedder]


def hotwords(embed: nn.Module, lstm: nn.LSTM, projection: nn.Module | None = None) -> Graph:
    num = next(module for module in embed.modules() if isinstance(module, nn.Embedding)).num_embeddings
    ids = {length: torch.randint(0, num, (length - 3, length), dtype=torch.int32) for length in (5, HOTWORD_LENGTH)}
    axes = {"hotword": {0: "num_hotwords", 1: "hotword_length"}, "hw_embed": {0: "hotword_length", 1: "num_hotwords"}}
    network, example, check = HotwordGraph(embed, lstm, projection), ids[HOTWORD_LENGTH], ids[5]
    return Graph("model_eb", network, {"hotword": example}, ("hw_embed",), axes, ({"hotword": check},))


def vectors(embedder: Graph) -> Tensor:
    """Of some hotwords, for two utterances: [2, W, D]."""
    with torch.no_grad():
        states = embedder.network(*embedder.inputs.values())
    return states[-1].expand(2, -1, -1).contiguous()


class ChunkEncoderGraph(nn.Module):
    """Placed frames of a chunk, with those on either side, to the encoder's output and the weight of each frame."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, speech_lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        encoder = self.network.encoder
        is_frame = frame_mask(speech_lengths, speech.shape[1])
        x = speech
        for layer in (*encoder.encoders0, *encoder.encoders):
            x = layer(x, is_frame)
        encoded = x if encoder.after_norm is None else encoder.after_norm(x)
        return encoded, speech_lengths + 0, self.network.predictor.weights(encoded) * is_frame


class ChunkDecoderGraph(nn.Module):
    """Tokens of a chunk to logits and their likeliest ids, with what the memories of its layers keep."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.decoder = network.decoder

    def forward(
        self, enc: Tensor, enc_len: Tensor, acoustic_embeds: Tensor, acoustic_embeds_len: Tensor, *caches: Tensor
    ) -> tuple[Tensor, ...]:
        is_token = frame_mask(acoustic_embeds_len, acoustic_embeds.shape[1])
        seen = frame_mask(enc_len, enc.shape[1])[:, None, None]
        x, after, before = acoustic_embeds, [], list(caches)
        for layer in self.decoder.layers:
            if layer.self_attn is None:
                x = layer.with_memory(x, None)
                continue
            fed = layer.feed_forward(layer.norm1(x) if layer.normalize_before else x)
            tokens = (layer.norm2(fed) if layer.normalize_before else fed) * is_token[..., None]
            known = torch.cat([before.pop(0).transpose(1, 2), tokens], 1)
            weight = layer.self_attn.fsmn_block.weight
            after.append(known[:, known.shape[1] - weight.shape[2] + 1 :].transpose(1, 2))
            x = x + (remember(known, weight, (0, 0)) + tokens) * is_token[..., None]
            if layer.src_attn is not None:
                x = x + layer.src_attn(layer.before_source(x), enc, seen)
        logits = self.decoder.project(x if self.decoder.after_norm is None else self.decoder.after_norm(x))
        return (logits, logits.argmax(-1), *after)


def streaming(model: LoadedModel) -> list[Graph]:
    network = model.network
    size = network.encoder.output_size()
    encoder_axes = {
        **SPEECH_AXES,
        "enc": {**BATCH, 1: "feats_length"},
        "enc_len": BATCH,
        "alphas": {**BATCH, 1: "feats_length"},
    }
    encoder = Graph("model", ChunkEncoderGraph(network), speech(model), ("enc", "enc_len", "alphas"), encoder_axes)
    memories = [layer.self_attn for layer in network.decoder.layers if layer.self_attn is not None]
    widths = [memory.fsmn_block.kernel_size[0] - 1 for memory in memories]

    def inputs(enc_lens: tuple[int, ...], token_lens: tuple[int, ...]) -> dict[str, Tensor]:
        num = len(enc_lens)
        caches = {f"in_cache_{index}": torch.randn(num, size, width) for index, width in enumerate(widths)}
        return {
            "enc": torch.randn(num, max(enc_lens), size),
            "enc_len": torch.tensor(enc_lens, dtype=torch.int32),
            "acoustic_embeds": torch.randn(num, max(token_lens), size),
            "acoustic_embeds_len": torch.tensor(token_lens, dtype=torch.int32),
            **caches,
        }

    before = tuple(f"in_cache_{index}" for index in range(len(memories)))
    after = tuple(f"out_cache_{index}" for index in range(len(memories)))
    axes = {
        "enc": {**BATCH, 1: "enc_length"},
        "enc_len": BATCH,
        "acoustic_embeds": {**BATCH, 1: "token_length"},
        "acoustic_embeds_len": BATCH,
        "logits": {**BATCH, 1: "token_length"},
        "sample_ids": {**BATCH, 1: "token_length"},
        **dict.fromkeys((*before, *after), BATCH),
    }
    outputs = ("logits", "sample_ids", *after)
    checks = (inputs((20,), (1,)), inputs((20, 9, 15), (2, 4, 1)))
    decoder = Graph("decoder", ChunkDecoderGraph(network), inputs(FRAMES, (5, 3)), outputs, axes, checks)
    return [encoder, decoder]
