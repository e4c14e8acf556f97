"""Who speaks when: segments of recordings to windows, embeddings, speakers and turns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from asrtools.errors import DataError
from asrtools.record import Utterance
from asrtools.tasks.clustering import ClusterOptions, centres_of, cluster
from asrtools.tasks.embed import SampleReader, SpeakerModel
from asrtools.tasks.speaker_turns import SpeakerTurn, merged_turns, speaker_of, turns_of

WINDOWS_TOGETHER = 64  # across recordings
PIECE_MS = 600_000  # of a longer segment that is read at a time


@dataclass(frozen=True)
class Recording:
    """A recording and its stretches of speech, each a record with its span."""

    key: str
    segments: tuple[Utterance, ...]
    whole: Utterance | None = None  # the record they were found in, where they were not given

    @property
    def channel(self) -> int | None:
        return next((one.channel for one in self.segments), None)


@dataclass(frozen=True, eq=False)
class Diarization:
    """What was found in a recording; speakers are numbered as they first speak."""

    recording: Recording  # each segment with its status
    turns: tuple[SpeakerTurn, ...] = ()
    centres: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # [S, E], means of the windows

    def speaker_of(self, start_ms: int, end_ms: int) -> int | None:
        return speaker_of(start_ms, end_ms, self.turns)


@dataclass(eq=False)
class _Heard:
    """A recording while its windows are being embedded."""

    recording: Recording
    segments: dict[int, Utterance] = field(default_factory=dict)  # with their status, by their place in the recording
    spans: list[tuple[float, float]] = field(default_factory=list)  # of windows, in seconds
    lanes: list[int] = field(default_factory=list)  # of windows
    vectors: list[np.ndarray] = field(default_factory=list)
    is_read: bool = False

    @property
    def is_done(self) -> bool:
        return self.is_read and len(self.vectors) == len(self.spans)


@dataclass(frozen=True)
class Diarizer:
    """Recordings to who speaks when in each, in order; windows are embedded in batches across recordings."""

    model: SpeakerModel
    options: ClusterOptions = ClusterOptions()
    reader: SampleReader = SampleReader()
    windows_together: int = WINDOWS_TOGETHER

    def __call__(self, recordings: Iterable[Recording]) -> Iterator[Diarization]:
        heard: list[_Heard] = []
        waiting: list[tuple[_Heard, np.ndarray]] = []
        for recording in recordings:
            heard.append(_Heard(recording))
            for feats in self._windows(heard[-1]):
                waiting.append((heard[-1], feats))
                if len(waiting) >= self.windows_together:
                    self._embed(waiting)
            heard[-1].is_read = True
            while heard and heard[0].is_done:
                yield self._diarization(heard.pop(0))
        self._embed(waiting)
        for one in heard:
            yield self._diarization(one)

    def _embed(self, waiting: list[tuple[_Heard, np.ndarray]]) -> None:
        if not waiting:
            return
        vectors = self.model.embed([feats for _, feats in waiting], fills_batches=True)
        for (heard, _), vector in zip(waiting, vectors, strict=True):
            heard.vectors.append(vector)
        waiting.clear()

    def _windows(self, heard: _Heard) -> Iterator[np.ndarray]:
        """The features of each window, whose place is noted; a segment that cannot be read is noted as an error."""
        rate = self.model.frontend.fs
        ends_ms: list[float] = []  # of lanes
        for index, segment in sorted(enumerate(heard.recording.segments), key=lambda item: _place(item[1])):
            if segment.status == "error":
                heard.segments[index] = segment
                continue
            lane = _free_lane(ends_ms, segment.start_ms)
            try:
                for piece in _pieces(segment, self.reader):
                    samples = self.reader(piece, rate)
                    offset_s = piece.start_ms / 1000
                    for start, end, feats in self.model.features_of_windows(samples):
                        heard.spans.append((start / rate + offset_s, end / rate + offset_s))
                        heard.lanes.append(lane)
                        yield feats
                    ends_ms[lane] = 1000 * heard.spans[-1][1]
                heard.segments[index] = replace(segment, status="ok")
            except DataError as error:
                heard.segments[index] = replace(segment, status="error", error=str(error))

    def _diarization(self, heard: _Heard) -> Diarization:
        recording = replace(heard.recording, segments=tuple(one for _, one in sorted(heard.segments.items())))
        if not heard.vectors:
            return Diarization(recording)
        vectors = np.stack(heard.vectors)
        labels = cluster(vectors, self.options)
        lanes = np.array(heard.lanes)
        turns: list[SpeakerTurn] = []
        for lane in range(int(lanes.max()) + 1):
            rows = np.flatnonzero(lanes == lane)
            turns += turns_of([heard.spans[row] for row in rows], labels[rows])
        if lanes.any():
            turns = merged_turns(turns)
        return Diarization(recording, tuple(turns), centres_of(vectors, labels).astype(np.float32))


def _place(segment: Utterance) -> tuple[int, float, str]:
    return segment.start_ms, float("inf") if segment.end_ms is None else segment.end_ms, segment.key


def _free_lane(ends_ms: list[float], start_ms: int) -> int:
    """Segments that overlap lie in lanes side by side, so that within one lane they follow one another."""
    for lane, end_ms in enumerate(ends_ms):
        if end_ms <= start_ms + 0.5:  # rounding to samples
            return lane
    ends_ms.append(0.0)
    return len(ends_ms) - 1


def _pieces(segment: Utterance, reader: SampleReader) -> Iterator[Utterance]:
    """A segment in parts that are read one at a time."""
    start_ms = segment.start_ms
    end_ms = start_ms + int(1000 * reader.seconds(segment))
    while end_ms - start_ms > 1.5 * PIECE_MS:
        yield replace(segment, start_ms=start_ms, end_ms=start_ms + PIECE_MS)
        start_ms += PIECE_MS
    yield replace(segment, start_ms=start_ms)


def recordings_of(
    utterances: Iterable[Utterance],
    find_segments: Callable[[Utterance], Sequence[Utterance]],
    is_done: Callable[[str], bool] = lambda key: False,
) -> Iterator[Recording]:
    """Whole recordings as they come, with the segments that are found in them; then, under their recordings in the
    order in which these first appeared, the records that were segments already. Those that `is_done` says of, asked
    once for each in this order, are left out."""
    given: dict[tuple[str, int | None], list[Utterance]] = {}
    for utterance in utterances:
        if is_segment(utterance):
            given.setdefault((utterance.recording or utterance.key, utterance.channel), []).append(utterance)
        elif is_done(utterance.key):
            continue
        elif utterance.status == "error":
            yield Recording(utterance.key, (utterance,))
        else:
            found = find_segments(utterance)
            yield Recording(utterance.key, tuple(one for one in found if one.status != "no-speech"), utterance)
    for (key, _), segments in given.items():
        if not is_done(key):
            yield Recording(key, tuple(segments))


def is_segment(utterance: Utterance) -> bool:
    return utterance.recording is not None or utterance.end_ms is not None or utterance.start_ms > 0


def with_speakers(utterance: Utterance, diarization: Diarization, names: Sequence[str]) -> Utterance:
    """A record with who speaks: in it, where it is a segment; else in each of its sentences, or of its tokens."""

    def name_of(start_ms: int | None, end_ms: int | None, before: str | None) -> str | None:
        if start_ms is None or end_ms is None:
            return before
        speaker = diarization.speaker_of(start_ms, end_ms)
        return before if speaker is None else names[speaker]

    if is_segment(utterance):
        end_ms = (
            utterance.end_ms
            if utterance.end_ms is not None
            else max([turn.end_ms for turn in diarization.turns], default=utterance.start_ms)
        )
        return replace(utterance, speaker=name_of(utterance.start_ms, end_ms, utterance.speaker))
    parts = "sentences" if utterance.sentences else "tokens"
    named = [replace(one, speaker=name_of(one.start_ms, one.end_ms, one.speaker)) for one in getattr(utterance, parts)]
    return replace(utterance, **{parts: tuple(named)})


def one_of_each_name(diarization: Diarization, names: Sequence[str]) -> Diarization:
    """The same with one speaker where two have been given one name."""
    if len(set(names)) == len(names):
        return diarization
    turns = [replace(turn, speaker=names.index(names[turn.speaker])) for turn in diarization.turns]
    return replace(diarization, turns=tuple(merged_turns(turns)))


def turn_records(diarization: Diarization, names: Sequence[str]) -> list[Utterance]:
    """A record for each turn of a recording in which segments were found."""
    whole = diarization.recording.whole or Utterance(diarization.recording.key)
    return [
        Utterance(
            f"{whole.key}-{turn.start_ms:08d}-{turn.end_ms:08d}-{names[turn.speaker]}",
            whole.source,
            start_ms=turn.start_ms,
            end_ms=turn.end_ms,
            channel=whole.channel,
            recording=whole.key,
            speaker=names[turn.speaker],
            status="ok",
        )
        for turn in diarization.turns
    ]
