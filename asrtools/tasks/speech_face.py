"""Voice activity, speakers and alignment for `AutoModel.generate`."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asrtools.build import LoadedModel
from asrtools.errors import DataError
from asrtools.record import Utterance
from asrtools.tasks.align import WordAligner
from asrtools.tasks.call_options import CallOptions
from asrtools.tasks.embed import SampleReader, SpeakerModel, embed_utterances
from asrtools.tasks.funasr_result import failed
from asrtools.tasks.long_face import with_call
from asrtools.tasks.model_face import Result, audio_input, is_whole, packet_of
from asrtools.tasks.network_input import Loaded
from asrtools.tasks.python_input import KEY, read_audio_input, read_text_input
from asrtools.tasks.segment import Segmenter
from asrtools.tasks.vad_states import VadEvent
from asrtools.text.surface import funasr_surface

STREAMING_BELOW_MS = 15_000  # of chunk_size, as published


@dataclass(frozen=True, eq=False)
class SegmentFace:
    segmenter: Segmenter

    @property
    def model(self) -> LoadedModel:
        return self.segmenter.model

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        chunk_ms = call.get("chunk_size")
        if isinstance(chunk_ms, int | float) and chunk_ms < STREAMING_BELOW_MS and not is_whole(given):
            return [self._advance(given, call, int(chunk_ms))]
        inputs = audio_input(given, call)
        segmenter = with_call(replace(self.segmenter, fs=call.fs, held=inputs.held), call)
        return [self._result(one, segmenter.cut(one)) for one in inputs.utterances]

    def _result(self, utterance: Utterance, parts: list[Utterance]) -> Result:
        if parts[0].status == "error":
            return {**failed(parts[0]), "value": []}
        value = [[part.start_ms, part.end_ms] for part in parts if part.status != "no-speech"]
        return {"key": utterance.key, "value": value}

    def _advance(self, given: Any, call: CallOptions, chunk_ms: int) -> Result:
        """A packet of a stream, which `cache` remembers."""
        cache = call.get("cache", {})
        if cache.get("stream") is None:
            cache["stream"] = with_call(self.segmenter, call).start(chunk_ms)
        is_final = bool(call.get("is_final", False))
        events = cache["stream"].accept(packet_of(given, self.model.frontend.fs, call.fs), is_final)
        if is_final:
            cache.clear()
        key = call.get("key", KEY.format(0))
        return {"key": key if isinstance(key, str) else key[0], "value": [_value(event) for event in events]}


@dataclass(frozen=True, eq=False)
class SpeakerFace:
    speakers: SpeakerModel
    model: LoadedModel

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        inputs = audio_input(given, call)
        reader = SampleReader(fs=call.fs, held=inputs.held)
        found = embed_utterances(self.speakers, inputs.utterances, reader)
        return [self._result(utterance, vector) for utterance, vector in found]

    def _result(self, utterance: Utterance, vector: np.ndarray | None) -> Result:
        from asrtools.models.runner import as_tensor

        if vector is None:
            return failed(utterance)
        return {"key": utterance.key, "spk_embedding": as_tensor(vector[None])}


@dataclass(frozen=True, eq=False)
class AlignFace:
    """`input=(sound, text), data_type=("sound", "text")`: what each may be stands in python_input."""

    aligner: WordAligner
    model: LoadedModel

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        if not isinstance(given, list | tuple) or len(given) != 2:
            raise DataError('an aligner takes input=(sound, text), data_type=("sound", "text")')
        sounds = read_audio_input(given[0], fs=call.fs, key=call.get("key"))
        texts = list(read_text_input(given[1]).utterances)
        loader = replace(self.aligner.loader, fs=call.fs, held=sounds.held)
        utterances = list(sounds.utterances)
        if len(utterances) != len(texts):
            raise DataError(f"there are {len(utterances)} recordings and {len(texts)} texts; give one for each")
        return [
            self._result(loader(sound), text) if text.status != "error" else failed(text)
            for sound, text in zip(utterances, texts, strict=True)
        ]

    def _result(self, loaded: Loaded, text: Utterance) -> Result:
        if loaded.feats is None:
            return {**failed(loaded.utterance), "key": text.key}
        ids = self.aligner.tokenizer.encode(text.text or "")
        tokens, spans = self.aligner.tokenizer.ids2tokens(ids), []
        try:
            if ids and len(loaded.feats):
                (firing,) = self.aligner.align([loaded.feats], [len(ids)])
                spans = self.aligner.spans(firing, len(ids), loaded.seconds)
        except DataError as error:
            return {"key": text.key, "text": "", "error": str(error)}
        surface = funasr_surface(tokens, spans)
        return {"key": text.key, "text": surface.text, "timestamp": [list(span) for span in surface.spans or ()]}


def _value(event: VadEvent) -> list[int]:
    """Begin and end in ms; -1 for the one that is not decided with it."""
    return [-1 if one is None else one for one in event]
