"""Graphs of recognisers by CTC, of voice activity, speakers and alignment."""

import torch
from torch import Tensor, nn

from asrtools.build import LoadedModel
from asrtools.errors import ModelError
from asrtools.export.graph import BATCH, FRAMES, SPEECH_AXES, Graph, speech
from asrtools.export.runtime_metadata import sense_voice_metadata
from asrtools.models.sense_voice.queries import ITN

CTC_AXES = {**SPEECH_AXES, "ctc_logits": {**BATCH, 1: "logits_length"}, "encoder_out_lens": BATCH}
SPEAKER_FRAMES = 298  # of a window of 3 s


class SenseVoiceGraph(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, speech_lengths: Tensor, language: Tensor, textnorm: Tensor) -> tuple[Tensor, ...]:
        encoded, lens = self.network.encode(speech, speech_lengths.long(), language.long(), textnorm.long())
        return self.network.ctc.ctc_lo(encoded), lens.int()


def sense_voice(model: LoadedModel) -> list[Graph]:
    inputs = speech(model)
    inputs["language"] = torch.zeros(2, dtype=torch.int32)
    inputs["textnorm"] = torch.full((2,), ITN["woitn"], dtype=torch.int32)
    axes = {**CTC_AXES, "language": BATCH, "textnorm": BATCH}
    outputs = ("ctc_logits", "encoder_out_lens")
    metadata = sense_voice_metadata(model)
    return [Graph("model", SenseVoiceGraph(model.network), inputs, outputs, axes, metadata=metadata)]


class CtcGraph(nn.Module):
    """The encoder and its CTC head; an attention decoder beside them stays behind."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, speech_lengths: Tensor) -> tuple[Tensor, Tensor]:
        encoded, lens, _ = self.network.encode(speech, speech_lengths.long())
        return self.network.ctc.ctc_lo(encoded), lens.int()


def ctc(model: LoadedModel) -> list[Graph]:
    if model.network.ctc is None:
        raise ModelError(f"{model.directory}: was trained with ctc_weight 0; a model with a CTC head can be exported")
    outputs = ("ctc_logits", "encoder_out_lens")
    return [Graph("model", CtcGraph(model.network), _long_speech(model), outputs, CTC_AXES)]


def _long_speech(model: LoadedModel) -> dict[str, Tensor]:
    """Frames of 10 ms, of which an encoder makes one of several."""
    inputs = speech(model)
    times = 4
    inputs["speech"] = inputs["speech"].repeat(1, times, 1)
    inputs["speech_lengths"] = inputs["speech_lengths"] * times
    return inputs


class SilenceGraph(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        scores, after = self.network(speech, caches)
        return (scores, *after)


def silence(model: LoadedModel) -> list[Graph]:
    encoder = model.network.encoder
    caches = encoder.no_frames_before(1)
    inputs = {"speech": torch.randn(1, max(FRAMES), encoder.input_dim)}
    inputs |= {f"in_cache{index}": cache for index, cache in enumerate(caches)}
    after = tuple(f"out_cache{index}" for index in range(len(caches)))
    axes = {name: {1: "feats_length"} for name in ("speech", "logits")}
    return [Graph("model", SilenceGraph(model.network), inputs, ("logits", *after), axes)]


class SpeakerGraph(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, feats: Tensor) -> Tensor:
        return self.network(feats)


def speakers(model: LoadedModel) -> list[Graph]:
    network = model.network
    if network.output_level != "segment":
        raise ModelError(f"{model.directory}: gives frames, not embeddings; output_level: segment can be exported")
    inputs = {"input": torch.randn(2, SPEAKER_FRAMES, network.feat_dim)}
    axes = {"input": {**BATCH, 1: "feats_length"}, "output": BATCH}
    return [Graph("model", SpeakerGraph(network), inputs, ("output",), axes)]


class AlignGraph(nn.Module):
    """Features and how many tokens are to fire to the weights that their times are read from."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, speech: Tensor, speech_lengths: Tensor, token_num: Tensor) -> tuple[Tensor, Tensor]:
        encoded, lens = self.network.encode(speech, speech_lengths.long())
        return self.network.predictor.timing_weights(encoded, lens, token_num.long()), lens.int() + 0


def aligner(model: LoadedModel) -> list[Graph]:
    network = model.network
    inputs = {**speech(model), "token_num": torch.tensor([9, 6], dtype=torch.int32)}
    axes = {**SPEECH_AXES, "token_num": BATCH, "us_alphas": {**BATCH, 1: "alphas_length"}, "encoder_out_lens": BATCH}
    facts = {
        "upsample": network.predictor.upsample_times,
        "subsample": int(getattr(network.encoder, "subsampling", 1)),
    }
    outputs = ("us_alphas", "encoder_out_lens")
    return [Graph("model", AlignGraph(network), inputs, outputs, axes, facts=facts)]
