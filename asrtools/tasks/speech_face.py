"""Voice activity, speakers and alignment for `AutoModel.generate`."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asrtools.build import LoadedModel
from asrtools.errors import DataError
from asrtools.io.journal_dir import Done
from asrtools.record import Utterance
from asrtools.tasks.align import Aligned, WordAligner
from asrtools.tasks.call_options import CallOptions
from asrtools.tasks.embed import SampleReader, SpeakerModel, embed_utterances
from asrtools.tasks.funasr_result import failed
from asrtools.tasks.long_face import with_call
from asrtools.tasks.model_face import Result, audio_input, is_whole, packet_of
from asrtools.tasks.network_input import InputLoader
from asrtools.tasks.python_input import KEY, read_pairs
from asrtools.tasks.result_files import failure, write_results
from asrtools.tasks.segment import Segmenter
from asrtools.tasks.vad_states import VadEvent
from asrtools.text.surface import funasr_surface

STREAMING_BELOW_MS = 15_000  # of chunk_size, as published
# of `output_dir`, as FunASR names them
STRETCHES = ("1best_recog/text",)
TIMES = ("tp_res/timestamp_list", "tp_res/timestamp_str")


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
        results = [self._result(one, segmenter.cut(one)) for one in inputs.utterances]
        folder = call.get("output_dir")
        if folder:
            write_results(folder, self.model, STRETCHES, [_line(one) for one in results])
        return results

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
        pairs, held = read_pairs(given, call.get("key"), call.fs)
        loader = replace(self.aligner.loader, fs=call.fs, held=held)
        found = [self._aligned(loader, sound, text) for sound, text in pairs]
        folder = call.get("output_dir")
        if folder:
            write_results(folder, self.model, TIMES, [done for _, done in found])
        return [result for result, _ in found]

    def _aligned(self, loader: InputLoader, sound: Utterance, text: Utterance) -> tuple[Result, Done]:
        """The result, and the lines of FunASR's files."""
        key = text.key
        wrong = next((one.error for one in (text, sound) if one.status == "error"), None)
        loaded = loader(sound) if wrong is None else None
        if loaded is None or loaded.feats is None:
            return failure(key, str(wrong if loaded is None else loaded.utterance.error))
        ids = self.aligner.tokenizer.encode(text.text or "")
        tokens, spans, pieces = self.aligner.tokenizer.ids2tokens(ids), [], ()
        try:
            if ids and len(loaded.feats):
                (firing,) = self.aligner.align([loaded.feats], [len(ids)])
                spans = self.aligner.spans(firing, len(ids), loaded.seconds)
                pieces = self.aligner.named(firing, tokens)
        except DataError as error:
            return failure(key, str(error))
        surface = funasr_surface(tokens, spans)
        times = [list(span) for span in surface.spans or ()]
        shown = Aligned(loaded.utterance, pieces).token_times
        texts = {TIMES[0]: f"{key} {times}\n", TIMES[1]: f"{key} {shown}".rstrip() + "\n"}
        return {"key": key, "text": surface.text, "timestamp": times}, Done(key, texts, [Utterance(key, status="ok")])


def _line(result: Result) -> Done:
    key, error = result["key"], result.get("error")
    if error is not None:
        return failure(key, error)[1]
    return Done(key, {STRETCHES[0]: f"{key} {result['value']}\n"}, [Utterance(key, status="ok")])


def _value(event: VadEvent) -> list[int]:
    """Begin and end in ms; -1 for the one that is not decided with it."""
    return [-1 if one is None else one for one in event]
