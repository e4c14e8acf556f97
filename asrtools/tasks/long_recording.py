"""Recordings of any length: cut into stretches of speech, recognised across recordings, put together, marked, voiced.

Each step is what the command of its own does, so that the line gives what the commands give one after another.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from asrtools.record import Utterance
from asrtools.tasks.diarize import Diarization, Diarizer, Recording, with_speakers
from asrtools.tasks.merge import merge_transcripts
from asrtools.tasks.punctuate import Punctuate
from asrtools.tasks.transcribe import Transcript
from asrtools.tasks.verify import names_of

Transcribe = Callable[[Iterable[Utterance]], Iterator[Transcript]]
Cut = Callable[[Utterance], Sequence[Utterance]]  # at least one record: segments, or itself with its status


@dataclass(frozen=True)
class LongRecordings:
    """What a recogniser does for segments, for whole recordings: one transcript for each, in order."""

    cut: Cut
    transcribe: Transcribe

    def __call__(self, utterances: Iterable[Utterance]) -> Iterator[Transcript]:
        waiting: deque[tuple[Utterance, int]] = deque()  # recordings and the number of their segments

        def segments() -> Iterator[Utterance]:
            for utterance in utterances:
                parts = self.cut(utterance)
                waiting.append((utterance, len(parts)))
                yield from parts

        gathered: list[Transcript] = []
        for transcript in self.transcribe(segments()):
            gathered.append(transcript)
            if len(gathered) == waiting[0][1]:
                yield merge_transcripts(waiting.popleft()[0], gathered)
                gathered = []


def merge_given(transcripts: Iterable[Transcript]) -> Iterator[Transcript]:
    """Neighbouring segments of one recording as one transcript, whoever has cut it; what is no segment stays."""
    gathered: list[Transcript] = []
    for transcript in transcripts:
        if gathered and _recording(transcript) != _recording(gathered[0]):
            yield _whole(gathered)
            gathered = []
        gathered.append(transcript)
    if gathered:
        yield _whole(gathered)


def _recording(transcript: Transcript) -> tuple[str, int | None]:
    record = transcript.utterance
    return record.recording or record.key, record.channel


def _whole(parts: Sequence[Transcript]) -> Transcript:
    first = parts[0].utterance
    if first.recording is None:
        return parts[0]
    plain = Utterance(first.recording, first.source, channel=first.channel, speaker=None, extra=first.extra)
    return merge_transcripts(plain, parts)


class _OneAtATime:
    """Records as they come; nothing is waited for before those that came are done."""

    def __init__(self, records: Iterable[Utterance]):
        self._records = iter(records)

    def __iter__(self) -> Iterator[Utterance]:
        return self._records

    def __next__(self) -> Utterance:
        return next(self._records)

    def is_ready(self, _: float) -> bool:
        return False


def with_marks(transcripts: Iterable[Transcript], punctuate: Punctuate) -> Iterator[Transcript]:
    """Transcripts whose records are punctuated, as `punc` does it."""
    waiting: deque[Transcript] = deque()

    def records() -> Iterator[Utterance]:
        for transcript in transcripts:
            waiting.append(transcript)
            yield transcript.utterance

    for record in punctuate.records(_OneAtATime(records())):
        yield replace(waiting.popleft(), utterance=record)


def with_voices(transcripts: Iterable[Transcript], diarizer: Diarizer) -> Iterator[Transcript]:
    """Transcripts whose sentences say who speaks, as `spk-diarize` does it."""
    for transcript, found in diarized(transcripts, diarizer):
        names = names_of(found.centres, {}, 1.0)
        record = transcript.utterance
        yield (
            transcript
            if record.status == "error"
            else replace(transcript, utterance=with_speakers(record, found, names))
        )


def diarized(transcripts: Iterable[Transcript], diarizer: Diarizer) -> Iterator[tuple[Transcript, Diarization]]:
    """Each transcript with the turns of its speakers."""
    waiting: deque[Transcript] = deque()

    def recordings() -> Iterator[Recording]:
        for transcript in transcripts:
            waiting.append(transcript)
            yield Recording(transcript.utterance.key, speech_of(transcript), transcript.utterance)

    for found in diarizer(recordings()):
        yield waiting.popleft(), found


def speech_of(transcript: Transcript) -> tuple[Utterance, ...]:
    """The segments in which somebody speaks, without what was recognised."""
    parts = [part.utterance for part in transcript.segments or (transcript,)]
    return tuple(replace(part, status="", error=None) for part in parts if part.status not in ("error", "no-speech"))
