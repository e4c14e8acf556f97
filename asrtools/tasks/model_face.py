"""What each kind of model does for `AutoModel.generate`: any documented input to FunASR's dicts, one for each input."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from asrtools.build import LoadedModel
from asrtools.errors import DataError
from asrtools.io.audio import load
from asrtools.io.result_dir import ResultDir
from asrtools.models.protocols import DecodeOptions
from asrtools.tasks.call_options import CallOptions
from asrtools.tasks.funasr_result import failed, result_of
from asrtools.tasks.funasr_text import surface_of
from asrtools.tasks.network_input import takes_channels
from asrtools.tasks.outside_model import OutsideModel
from asrtools.tasks.python_input import KEY, PythonInput, as_array, mono, read_audio_input
from asrtools.tasks.recognition import Recognition
from asrtools.tasks.result_lines import lines_of
from asrtools.tasks.stream import RecognitionStream
from asrtools.tasks.transcribe import Transcriber, Transcript, token_text

Result = dict[str, Any]


class Face(Protocol):
    @property
    def model(self) -> LoadedModel: ...

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        """`seconds`: takes the length of each input, where it is sound."""
        ...


def audio_input(given: Any, call: CallOptions) -> PythonInput:
    data_type = call.get("data_type")
    return read_audio_input(given, call.get("input_len"), data_type, call.get("key"), call.fs)


@dataclass(frozen=True, eq=False)
class RecognitionFace:
    recognition: Recognition

    @property
    def model(self) -> LoadedModel:
        return self.recognition.model

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        is_stream = self.recognition.is_streaming or call.get("cache") is not None
        if self.recognition.stream_network is not None and is_stream and not is_whole(given):
            return [self._advance(given, call)]
        inputs = audio_input(given, call)
        done = list(self.write(inputs, self.transcriber(inputs, call)(inputs.utterances), call))
        if seconds is not None:
            seconds += [one.seconds for one in done]
        return [result_of(one, self.model.name, call) for one in done]

    def transcriber(self, inputs: PythonInput, call: CallOptions) -> Transcriber:
        return self.recognition.transcriber(
            options_of(self.recognition, call),
            call.limits,
            "all" if takes_channels(self.model.frontend) else "mix",
            fs=call.fs,
            held=inputs.held,
            chunks=call.chunks if self.recognition.is_streaming else None,
            times_like_funasr=True,
        )

    def write(self, inputs: PythonInput, done: Iterable[Transcript], call: CallOptions) -> Iterator[Transcript]:
        """The transcripts, written to `output_dir` where the call has one."""
        total = len(inputs.utterances) if isinstance(inputs.utterances, list) else 0
        tell: Callable[[int, int], Any] | None = call.get("progress_callback")
        folder = call.get("output_dir")
        results = None
        if folder:
            results = ResultDir(folder, {"model": str(self.model.directory)}, call.search.nbest)
        for number, one in enumerate(done, 1):
            if results is not None:
                lines = lines_of(one, self.model.name)
                results.add(one.utterance, lines, one.num_frames, one.seconds, one.forward_s)
            if tell is not None:
                tell(number, max(total, number))
            yield one
        if results is not None:
            results.finish({"model": {"directory": str(self.model.directory), "class": self.model.name}})

    def _advance(self, given: Any, call: CallOptions) -> Result:
        """A packet of a stream, which `cache` remembers; without a cache, and with is_final, it is all there is."""
        cache = call.get("cache", {})
        key = call.get("key", KEY.format(0))
        key = key if isinstance(key, str) else key[0]
        is_final = bool(call.get("is_final", False))
        if cache.get("stream") is None:
            # results are put one after another, so that nothing can be taken back
            chunks = replace(call.chunks, only_settled=True)
            cache["stream"] = RecognitionStream(self.recognition.stream_network, self.model.frontend, chunks)
        decoded = cache["stream"].accept(packet_of(given, self.model.frontend.fs, call.fs), is_final)
        if is_final:
            cache.clear()
        one = token_text(decoded, self.model.tokenizer)
        return {"key": key, "text": surface_of(one, self.model.name).text}


def options_of(recognition: Recognition, call: CallOptions) -> DecodeOptions:
    """A model that does not listen for hotwords leaves them alone, as scripts that serve every model expect."""
    hotwords = recognition.spell(call.get("hotword")).ids if recognition.takes_hotwords else ()
    return replace(call.search, hotwords=hotwords)


@dataclass(frozen=True, eq=False)
class OutsideFace:
    """A model from outside: its own dicts, one for each input."""

    outside: OutsideModel

    @property
    def model(self) -> LoadedModel:
        return self.outside.model

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        kind = "fbank" if call.get("data_type") == "fbank" else None  # any other is for the model itself to read
        inputs = read_audio_input(given, call.get("input_len"), kind, call.get("key"), call.fs)
        rate = getattr(self.model.frontend, "fs", 16000)
        size = min(call.limits.items, 16)
        pairs = self.outside.results(inputs.utterances, inputs.held, rate, "mix", call.fs, call.values, size)
        return [failed(one) if one.status == "error" else {"key": one.key, "text": "", **found} for one, found in pairs]


def is_whole(given: Any) -> bool:
    """A file, or several inputs, rather than a packet of a stream."""
    if isinstance(given, list | tuple):
        return len(given) != 1 or is_whole(given[0])
    return isinstance(given, str) or hasattr(given, "__fspath__")


def packet_of(given: Any, rate: int, fs: int) -> np.ndarray:
    """Samples of a packet at the model's rate, float32 [N]."""
    given = as_array(given[0] if isinstance(given, list | tuple) else given)
    if isinstance(given, bytes | bytearray):
        given = load(bytes(given), rate).samples if given[:4] == b"RIFF" else np.frombuffer(bytes(given), "<i2")
    if not isinstance(given, np.ndarray):
        raise DataError(f"a packet is a {type(given).__name__}; samples [N] or bytes of int16 are wanted")
    if fs != rate:
        raise DataError(f"a packet has {fs} samples a second; a stream of this model should have {rate}")
    return mono(given, "packet")
