"""What of a network is exported: its published inputs and outputs, and the call of its own parts between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from asrtools.build import LoadedModel
from asrtools.errors import ModelError
from asrtools.layers.cif import fire_marks
from asrtools.models.sense_voice.model import ITN

FRAMES = (30, 23)  # of the two utterances that are traced
FIRE = 1 - 1e-4  # of a token: from this mass on readers of us_cif_peak take one for complete


@dataclass(frozen=True, eq=False)
class Graph:
    """One file of an export."""

    name: str
    network: nn.Module
    inputs: Mapping[str, Tensor]  # by published name, with values to trace with
    outputs: tuple[str, ...]
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)  # that may have any size


class ParaformerGraph(nn.Module):
    """speech, speech_lengths to the log-probabilities of tokens and how many there are."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, speech_lengths: Tensor) -> tuple[Tensor, ...]:
        encoded, lens = self.network.encode(speech, speech_lengths.long())
        tokens, num_tokens, _ = self.network.predictor(encoded, lens)
        log_probs = self.network.decoder(encoded, lens, tokens, num_tokens).log_softmax(-1)
        return (log_probs, num_tokens.int(), *self.times(encoded, lens, num_tokens))

    def times(self, encoded: Tensor, lens: Tensor, num_tokens: Tensor) -> tuple[Tensor, ...]:
        return ()


class BiCifGraph(ParaformerGraph):
    """The same, with the weights that token times are read from and where a token is complete."""

    def times(self, encoded: Tensor, lens: Tensor, num_tokens: Tensor) -> tuple[Tensor, ...]:
        weights = self.network.predictor.timing_weights(encoded, lens, num_tokens)
        return weights, fire_marks(weights / FIRE) * FIRE


class SenseVoiceGraph(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, speech_lengths: Tensor, language: Tensor, textnorm: Tensor) -> tuple[Tensor, ...]:
        encoded, lens = self.network.encode(speech, speech_lengths.long(), language.long(), textnorm.long())
        return self.network.ctc.ctc_lo(encoded), lens.int()


class SilenceGraph(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        scores, after = self.network(speech, caches)
        return (scores, *after)


class PunctuationGraph(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, text_lengths: Tensor) -> Tensor:
        return self.network.logits(inputs.long(), text_lengths.long())


def graphs_of(model: LoadedModel) -> list[Graph]:
    """The files that a model is exported to; a ModelError where its class is not among those that can be yet."""
    make = MAKERS.get(model.name)
    if make is None:
        raise ModelError(
            f"{model.directory}: a model of class {model.name} cannot be exported yet; {', '.join(MAKERS)} can"
        )
    graphs = make(model)
    for graph in graphs:
        graph.network.eval()  # the tracer puts a network back into the mode that its outermost module had
    return graphs


def _speech(model: LoadedModel) -> dict[str, Tensor]:
    size = model.frontend.output_size()
    lens = torch.tensor(FRAMES, dtype=torch.int32)
    return {"speech": torch.randn(2, max(FRAMES), size), "speech_lengths": lens}


SPEECH_AXES: dict[str, dict[int, str]] = {
    "speech": {0: "batch_size", 1: "feats_length"},
    "speech_lengths": {0: "batch_size"},
}


def _paraformer(model: LoadedModel) -> list[Graph]:
    axes = {**SPEECH_AXES, "logits": {0: "batch_size", 1: "logits_length"}, "token_num": {0: "batch_size"}}
    outputs = ("logits", "token_num")
    return [Graph("model", ParaformerGraph(model.network), _speech(model), outputs, axes)]


def _bicif(model: LoadedModel) -> list[Graph]:
    axes = {**SPEECH_AXES, "logits": {0: "batch_size", 1: "logits_length"}, "token_num": {0: "batch_size"}}
    axes |= {name: {0: "batch_size", 1: "alphas_length"} for name in ("us_alphas", "us_cif_peak")}
    outputs = ("logits", "token_num", "us_alphas", "us_cif_peak")
    return [Graph("model", BiCifGraph(model.network), _speech(model), outputs, axes)]


CTC_AXES = {
    **SPEECH_AXES,
    "ctc_logits": {0: "batch_size", 1: "logits_length"},
    "encoder_out_lens": {0: "batch_size"},
}


def _sense_voice(model: LoadedModel) -> list[Graph]:
    inputs = _speech(model)
    inputs["language"] = torch.zeros(2, dtype=torch.int32)
    inputs["textnorm"] = torch.full((2,), ITN["woitn"], dtype=torch.int32)
    axes = {**CTC_AXES, "language": {0: "batch_size"}, "textnorm": {0: "batch_size"}}
    return [Graph("model", SenseVoiceGraph(model.network), inputs, ("ctc_logits", "encoder_out_lens"), axes)]


def _silence(model: LoadedModel) -> list[Graph]:
    encoder = model.network.encoder
    caches = encoder.no_frames_before(1)
    inputs = {"speech": torch.randn(1, max(FRAMES), encoder.input_dim)}
    inputs |= {f"in_cache{index}": cache for index, cache in enumerate(caches)}
    after = tuple(f"out_cache{index}" for index in range(len(caches)))
    axes = {name: {1: "feats_length"} for name in ("speech", "logits")}
    return [Graph("model", SilenceGraph(model.network), inputs, ("logits", *after), axes)]


def _punctuation(model: LoadedModel) -> list[Graph]:
    inputs = {
        "inputs": torch.randint(0, model.network.embed.num_embeddings, (2, max(FRAMES)), dtype=torch.int32),
        "text_lengths": torch.tensor(FRAMES, dtype=torch.int32),
    }
    axes = {"inputs": {0: "batch_size", 1: "feats_length"}, "text_lengths": {0: "batch_size"}}
    axes["logits"] = {0: "batch_size", 1: "logits_length"}
    return [Graph("model", PunctuationGraph(model.network), inputs, ("logits",), axes)]


MAKERS: dict[str, Callable[[LoadedModel], list[Graph]]] = {
    "Paraformer": _paraformer,
    "BiCifParaformer": _bicif,
    "SenseVoiceSmall": _sense_voice,
    "FsmnVADStreaming": _silence,
    "CTTransformer": _punctuation,
}
