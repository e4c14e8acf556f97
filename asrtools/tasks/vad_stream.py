"""One stream of samples to the begins and ends of speech in it, as they are decided."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from asrtools.models.fsmn_vad.options import VadOptions
from asrtools.tasks.vad_frames import Loudness, SpeechFrames
from asrtools.tasks.vad_states import VadEvent, VadStates

SCHEDULED_MARGIN = 0.5  # speech_noise_thres under a schedule, whatever the configuration says

Score = Callable[
    [np.ndarray, Any], tuple[np.ndarray, Any]
]  # features [T, D], state: probabilities of silence [T], state


@dataclass(frozen=True)
class SilenceSchedule:
    """How much silence ends a segment, by how long it has been; looked up once every `chunk_ms` of the stream.

    As FunASR 1.4 does it. Time counts from the last chunk in which something was decided: a segment's end or, where
    `begins_count`, its begin.
    """

    steps: tuple[tuple[float, int], ...]  # (up to so many ms, so many ms of silence)
    chunk_ms: int
    begins_count: bool

    def silence_ms(self, elapsed_ms: int) -> int:
        return next(silence for limit, silence in self.steps if elapsed_ms <= limit)


FUNASR_STEPS = (
    (10_000, 2000),
    (20_000, 1000),
    (30_000, 800),
    (40_000, 600),
    (50_000, 400),
    (60_000, 200),
    (math.inf, 100),
)


def funasr_schedule(chunk_ms: int = 60_000, is_streaming: bool = False) -> SilenceSchedule:
    return SilenceSchedule(FUNASR_STEPS, chunk_ms, is_streaming)


class VadStream:
    """What is remembered of one stream; any number of them may share a network."""

    def __init__(self, frontend: Any, score: Score, options: VadOptions, schedule: SilenceSchedule | None = None):
        self.options = options
        self._features = frontend.stream()
        self._score = score
        self._network_state: Any = None
        self._loudness = Loudness(options)
        self._levels = np.zeros(0)  # of frames whose features wait for those that follow
        self._frames = SpeechFrames(options)
        self._states = VadStates(options)
        self._pace = None if schedule is None else _Pace(schedule, options)

    def accept(self, samples: np.ndarray, is_final: bool = False) -> list[VadEvent]:
        """float32 [N] more samples, also none, to what they decide; `is_final`: the stream ends with them."""
        if self._pace is None:
            return self._advance(samples, is_final)
        events = []
        while len(samples) or is_final:
            piece, samples = np.split(samples, [self._pace.begin(len(samples), self._states, self._frames)])
            is_last = is_final and not len(samples) and not self._pace.fills(len(piece))
            decided = self._advance(piece, is_last)
            self._pace.note(len(piece), decided)
            events += decided
            if is_last:
                break
        return events

    def _advance(self, samples: np.ndarray, is_final: bool) -> list[VadEvent]:
        levels = self._loudness.accept(samples)
        self._levels = np.concatenate([self._levels, levels]) if len(self._levels) else levels
        feats = self._features.accept(samples)
        if is_final:
            feats = np.concatenate([feats, self._features.finish()])
        return self._decide(feats, is_final)

    def _decide(self, feats: np.ndarray, is_final: bool) -> list[VadEvent]:
        if not len(feats):
            return self._states.advance(np.zeros(0, dtype=bool), is_final) if is_final else []
        silence, self._network_state = self._score(feats, self._network_state)
        levels, self._levels = self._levels[: len(feats)], self._levels[len(feats) :]
        if len(levels) < len(feats):  # an utterance shorter than a frame
            levels = np.pad(levels, (0, len(feats) - len(levels)), constant_values=-math.inf)
        return self._states.advance(self._frames.decide(silence, levels), is_final)


class _Pace:
    """Where a stream is in the chunks of its schedule."""

    def __init__(self, schedule: SilenceSchedule, options: VadOptions):
        self._schedule = schedule
        self._chunk = schedule.chunk_ms * options.sample_rate // 1000  # samples
        self._window_ms = options.speech_to_sil_time_thres
        self._left = 0  # samples until the chunk is full
        self._elapsed_ms = 0
        self._counts = False  # whether time counts

    def begin(self, num_samples: int, states: VadStates, frames: SpeechFrames) -> int:
        """How many of so many samples still belong to this chunk; a new one sets the thresholds anew."""
        if not self._left:
            self._left = self._chunk
            self._counts = self._counts or states.is_open
            if self._counts:
                self._elapsed_ms += self._schedule.chunk_ms
            states.end_silence_ms = max(self._schedule.silence_ms(self._elapsed_ms) - self._window_ms, 0)
            frames.margin = SCHEDULED_MARGIN
        return min(num_samples, self._left)

    def fills(self, num_samples: int) -> bool:
        """Whether so many samples complete the chunk; the end of a stream then comes with an empty one."""
        return num_samples == self._left

    def note(self, num_samples: int, events: list[VadEvent]) -> None:
        self._left -= num_samples
        if any(event.end_ms is not None or self._schedule.begins_count for event in events):
            self._elapsed_ms, self._counts = 0, False
