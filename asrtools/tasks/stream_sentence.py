"""A recording as it is heard, cut into sentences: where speech begins and ends is decided as the samples come."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from asrtools.tasks.stream import RecognitionStream
from asrtools.tasks.vad_stream import VadStream

HOP_MS = 60  # from one look for speech to the next, whatever the packets are
HISTORY_MS = 5_000  # how long before the present a sentence may be found to have begun


@dataclass(eq=False)
class Sentence:
    """A stretch of speech, a stream of its own for the recogniser."""

    begin: int  # sample of the recording
    stream: RecognitionStream
    heard: int  # sample up to which the stream has it
    end: int | None = None  # None: it goes on
    samples: np.ndarray | None = None  # of one that is over, where they are kept


@dataclass(eq=False)
class SentenceCutter:
    """Any number of samples at a time to sentences; without voice activity detection the recording is one."""

    open_stream: Callable[[], RecognitionStream]
    rate: int
    vad: VadStream | None = None
    keeps_samples: bool = False  # of sentences, for a second pass
    sentences: deque[Sentence] = field(default_factory=deque)  # until whoever takes their text takes them away
    num_heard: int = 0  # samples
    _current: Sentence | None = None
    _rest: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # less than a hop
    _blocks: deque[np.ndarray] = field(default_factory=deque)  # of the last seconds, and of the current sentence
    _first: int = 0  # sample with which they begin

    def push(self, samples: np.ndarray, is_final: bool = False) -> None:
        """float32 [N] more samples, also none; `is_final`: no more come."""
        if self.vad is None:
            self._hear_all(samples, is_final)
            return
        samples = np.concatenate([self._rest, samples])
        hop = HOP_MS * self.rate // 1000
        whole = len(samples) // hop * hop
        for begin in range(0, whole, hop):
            self._hear(samples[begin : begin + hop], False)
        self._rest = samples[whole:].copy()
        if is_final:
            self._hear(self._rest, True)

    def _hear_all(self, samples: np.ndarray, is_final: bool) -> None:
        if self._current is None:
            self._begin(0)
        self._remember(samples)
        self.num_heard += len(samples)
        if is_final:
            self._end(self._current, self.num_heard)
        else:
            self._feed(self._current, self.num_heard)
            self._forget()

    def _hear(self, samples: np.ndarray, is_final: bool) -> None:
        self._remember(samples)
        self.num_heard += len(samples)
        for start_ms, end_ms in self.vad.accept(samples, is_final):
            if start_ms is not None:
                self._begin(max(self._first, start_ms * self.rate // 1000))
            if end_ms is not None and self._current is not None:
                self._end(self._current, min(self.num_heard, end_ms * self.rate // 1000))
        if self._current is not None:
            self._feed(self._current, self.num_heard)
        self._forget()

    def _begin(self, sample: int) -> None:
        self._current = Sentence(sample, self.open_stream(), heard=sample)
        self.sentences.append(self._current)

    def _end(self, sentence: Sentence, sample: int) -> None:
        """The silence after it that has been heard already stays heard; what has not is left out."""
        sentence.stream.push(self._between(sentence.heard, max(sentence.heard, sample)), is_final=True)
        sentence.end = max(sentence.begin, sample)
        if self.keeps_samples:
            sentence.samples = self._between(sentence.begin, sentence.end)
        self._current = None

    def _feed(self, sentence: Sentence, sample: int) -> None:
        sentence.stream.push(self._between(sentence.heard, sample))
        sentence.heard = sample

    def _remember(self, samples: np.ndarray) -> None:
        if len(samples):
            self._blocks.append(samples)

    def _between(self, begin: int, end: int) -> np.ndarray:
        if begin >= end:
            return np.zeros(0, np.float32)
        parts, place = [], self.num_heard
        for block in reversed(self._blocks):
            place -= len(block)
            if place < end:
                parts.append(block[max(0, begin - place) : end - place])
            if place <= begin:
                break
        return np.concatenate(parts[::-1])

    def _forget(self) -> None:
        needed = self.num_heard - HISTORY_MS * self.rate // 1000
        if self.vad is None:
            needed = self.num_heard
        if self._current is not None and self.keeps_samples:
            needed = min(needed, self._current.begin)
        while self._blocks and self._first + len(self._blocks[0]) <= needed:
            self._first += len(self._blocks.popleft())
