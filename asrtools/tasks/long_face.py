"""AutoModel with companions: a recogniser with voice activity, marks and speakers, FunASR's dicts for the whole."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asrtools.build import LoadedModel
from asrtools.errors import ConfigError
from asrtools.record import Utterance
from asrtools.tasks.call_options import CallOptions
from asrtools.tasks.clustering import ClusterOptions
from asrtools.tasks.diarize import Diarization, Diarizer
from asrtools.tasks.embed import SampleReader, SpeakerModel
from asrtools.tasks.funasr_result import failed, result_of
from asrtools.tasks.funasr_text import TIMED_FAMILIES, surface_of
from asrtools.tasks.long_recording import LongRecordings, diarized
from asrtools.tasks.model_face import RecognitionFace, Result, audio_input
from asrtools.tasks.punctuate import Punctuate
from asrtools.tasks.python_input import PythonInput
from asrtools.tasks.segment import Segmenter
from asrtools.tasks.sentence_info import classes_of_words, joined, sentence_info
from asrtools.tasks.transcribe import Transcript

TAG = re.compile(r"<\|[^|]*\|>")
SPEAKER_MODES = ("punc_segment", "vad_segment", "default")

Span = tuple[int, int]


@dataclass(frozen=True)
class Heard:
    """A segment as FunASR's pipeline sees it."""

    start_ms: int
    end_ms: int
    text: str
    words: tuple[str, ...] = ()
    spans: tuple[Span, ...] | None = None


@dataclass(frozen=True, eq=False)
class LongFace:
    """Any recogniser with any of the three companions."""

    recogniser: RecognitionFace
    segmenter: Segmenter | None = None
    punctuate: Punctuate | None = None
    speakers: SpeakerModel | None = None
    clustering: ClusterOptions = ClusterOptions()

    @property
    def model(self) -> LoadedModel:
        return self.recogniser.model

    def generate(self, given: Any, call: CallOptions, seconds: list[float] | None = None) -> list[Result]:
        if self.speakers is not None and call.get("output_timestamp") is None:
            call = CallOptions({**call.values, "output_timestamp": True})
        if (mode := call.get("spk_mode", SPEAKER_MODES[0])) not in SPEAKER_MODES:
            raise ConfigError(f"spk_mode is {mode!r}; {', '.join(SPEAKER_MODES)} are known")
        inputs = audio_input(given, call)
        return list(self._results(inputs, call, seconds))

    def _results(self, inputs: PythonInput, call: CallOptions, seconds: list[float] | None) -> Iterator[Result]:
        done = self.recogniser.write(inputs, self._transcripts(inputs, call), call)
        for transcript, voices in self._with_voices(done, inputs, call):
            if seconds is not None:
                seconds.append(transcript.seconds)
            yield self._result(transcript, voices, call)

    def _transcripts(self, inputs: PythonInput, call: CallOptions) -> Iterator[Transcript]:
        transcribe = self.recogniser.transcriber(inputs, call)
        if self.segmenter is None:
            return transcribe(inputs.utterances)
        return LongRecordings(self._cut(inputs, call), transcribe)(inputs.utterances)

    def _cut(self, inputs: PythonInput, call: CallOptions) -> Callable[[Utterance], Sequence[Utterance]]:
        segmenter = with_call(replace(self.segmenter, fs=call.fs, held=inputs.held), call)
        if call.get("merge_vad"):
            segmenter = replace(segmenter, merge_ms=1000 * float(call.get("merge_length_s", 15)))
        return segmenter.cut

    def _with_voices(
        self, transcripts: Iterable[Transcript], inputs: PythonInput, call: CallOptions
    ) -> Iterator[tuple[Transcript, Diarization | None]]:
        if self.speakers is None or call.get("return_spk_res") is False:
            return ((one, None) for one in transcripts)
        count = call.get("preset_spk_num")
        clustering = self.clustering if count is None else replace(self.clustering, num_speakers=int(count))
        reader = SampleReader(fs=call.fs, held=inputs.held)
        return diarized(transcripts, Diarizer(self.speakers, clustering, reader))

    def _result(self, transcript: Transcript, voices: Diarization | None, call: CallOptions) -> Result:
        record = transcript.utterance
        if record.status == "error":
            return failed(record)
        if not transcript.segments:
            return self._of_whole(transcript, call)
        heard = [one for part in transcript.segments if (one := self._heard(part, call)) is not None]
        result: Result = {"key": record.key, "text": " ".join(one.text for one in heard)}
        timed = [span for one in heard for span in one.spans or ()]
        is_timed = all(one.spans is not None for one in heard)
        if is_timed and (call.is_timed or self.model.name in TIMED_FAMILIES or any(one.spans for one in heard)):
            result["timestamp"] = [list(span) for span in timed]
        if not result["text"].strip():
            return {"key": record.key, "text": "", "timestamp": []}
        sentences = self._mark(result, heard, call)
        if voices is not None:
            self._say_who(result, heard, sentences, voices, call)
        elif call.get("sentence_timestamp"):
            result["sentence_info"] = self._of_segments(heard) if sentences is None else sentences
        if record.error:
            result["error"] = record.error
        return result

    def _of_whole(self, transcript: Transcript, call: CallOptions) -> Result:
        """Without voice activity, or where nobody speaks."""
        if transcript.utterance.status == "no-speech":
            return {"key": transcript.utterance.key, "text": "", "timestamp": []}
        result = result_of(transcript, self.model.name, call)
        if self.punctuate is not None:
            if call.get("return_raw_text"):
                result["raw_text"] = result["text"]
            result["text"] = self.punctuate.texts([result["text"]])[0].funasr_text
        return result

    def _heard(self, part: Transcript, call: CallOptions) -> Heard | None:
        record = part.utterance
        if not part.best or record.status == "error":
            return None
        surface = surface_of(part.best[0], self.model.name, call.is_timed)
        return Heard(record.start_ms, record.end_ms or record.start_ms, surface.text, surface.words, surface.spans)

    def _mark(self, result: Result, heard: Sequence[Heard], call: CallOptions) -> list[Result] | None:
        """Marks in the text; the sentences they make, where there are times."""
        if self.punctuate is None:
            return None
        raw = result["text"]
        (punctuated,) = self.punctuate.texts([joined(TAG.sub("", one.text) for one in heard)])
        if call.get("return_raw_text"):
            result["raw_text"] = raw
        result["text"] = punctuated.funasr_text
        if "timestamp" not in result:
            return None
        words = [word for one in heard for word in one.words]
        spans = [span for one in heard for span in one.spans or ()]
        words = words[: len(spans)]
        classes = classes_of_words(punctuated, words)
        with_raw = bool(call.get("return_raw_text"))
        return sentence_info(words, spans[: len(words)], classes, with_raw, bool(call.get("en_post_proc")))

    def _say_who(
        self,
        result: Result,
        heard: Sequence[Heard],
        sentences: list[Result] | None,
        voices: Diarization,
        call: CallOptions,
    ) -> None:
        if sentences is None or call.get("spk_mode", "punc_segment") == "vad_segment":
            sentences = [
                {
                    "start": one.start_ms,
                    "end": one.end_ms,
                    "text": one.text,
                    "sentence": one.text,
                    "timestamp": [list(span) for span in one.spans or ()],
                }
                for one in heard
            ]
        for sentence in sentences:
            speaker = voices.speaker_of(sentence["start"], sentence["end"])
            sentence["spk"] = 0 if speaker is None else speaker
        result["sentence_info"] = sentences
        if call.get("return_spk_center"):
            result["spk_embedding_center"] = voices.centres

    def _of_segments(self, heard: Sequence[Heard]) -> list[Result]:
        """Without marks: a sentence a segment."""
        found = []
        for one in heard:
            text = TAG.sub("", one.text).strip()
            if text:
                start = one.spans[0][0] if one.spans else one.start_ms
                end = one.spans[-1][1] if one.spans else one.end_ms
                spans = [list(span) for span in one.spans or ()]
                found.append({"start": start, "end": end, "text": text, "sentence": text, "timestamp": spans})
        return found


def with_call(segmenter: Segmenter, call: CallOptions) -> Segmenter:
    """The same with what one call says about its rules."""
    names = ("max_end_silence_time", "speech_noise_thres", "max_single_segment_time")
    given = {name: call.get(name) for name in names if call.get(name) is not None}
    if given:
        segmenter = replace(segmenter, options=replace(segmenter.options, **given))
    if call.get("dynamic_silence") is not None:
        segmenter = replace(segmenter, profile="funasr-1.4" if call.get("dynamic_silence") else "config")
    return segmenter
