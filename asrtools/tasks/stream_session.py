"""Many recordings heard side by side: the network advances all of them in one batch, each is told of as if alone."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from asrtools.errors import DataError
from asrtools.models.protocols import Decoded
from asrtools.record import Token, Utterance
from asrtools.tasks.merge import merge_transcripts
from asrtools.tasks.network_input import step_ms
from asrtools.tasks.second_pass import SecondPass
from asrtools.tasks.stream import StreamNetwork, joined
from asrtools.tasks.stream_clock import Clock
from asrtools.tasks.stream_marks import StreamMarks
from asrtools.tasks.stream_report import SentenceFacts
from asrtools.tasks.stream_sentence import Sentence, SentenceCutter
from asrtools.tasks.token_times import spans_of
from asrtools.tasks.transcribe import Tokenizer, TokenText, Transcript, token_text, with_text
from asrtools.text.surface import reading_text


@dataclass(frozen=True)
class Told:
    """What there is to say of a sentence: its text so far, or for good."""

    key: str
    text: str
    is_final: bool
    start_ms: int
    end_ms: int | None  # where it is final
    latency_ms: int  # from the end of its last word, where it is final from its own end
    tokens: tuple[Token, ...] = ()  # where it is final: its words with their times
    error: str | None = None  # why the second pass has no text, or the text no marks


@dataclass(frozen=True)
class Closed:
    """The end of a recording."""

    transcript: Transcript
    facts: tuple[SentenceFacts, ...] = ()
    seconds: float = 0.0  # of audio


@dataclass(eq=False)
class Session:
    """One recording or live stream while it is heard."""

    utterance: Utterance
    packets: Iterator[np.ndarray]
    cutter: SentenceCutter
    clock: Clock
    tokenizer: Tokenizer
    is_live: bool  # what was heard cannot be heard again
    is_cut: bool  # into sentences, by voice activity detection
    marks: StreamMarks | None = None
    is_over: bool = False  # no more samples come
    forward_s: float = 0.0
    parts: list[Transcript] = field(default_factory=list)  # of each sentence that is over
    facts: list[SentenceFacts] = field(default_factory=list)
    _decoded: Decoded = Decoded()  # of the sentence that is listened to
    _facts: SentenceFacts = SentenceFacts()
    _num_frames: int = 0
    _unfinished: tuple[str, ...] = ()  # words of the sentence that no mark has ended
    _trouble: str | None = None  # that ended a live stream

    @property
    def sentence(self) -> Sentence | None:
        return self.cutter.sentences[0] if self.cutter.sentences else None

    @property
    def is_waiting(self) -> bool:
        """Whether the network has something to do for it."""
        return self.sentence is not None and self.sentence.stream.is_waiting

    @property
    def is_complete(self) -> bool:
        """Whether its first sentence is over and recognised."""
        return self.sentence is not None and self.sentence.end is not None and not self.is_waiting

    def hear(self) -> None:
        """Take in samples until there is something to do, or no more come."""
        while not (self.is_over or self.is_waiting or self.is_complete):
            packet = self._next()
            self.is_over = packet is None
            samples = np.zeros(0, np.float32) if packet is None else packet
            self.clock.hear(self.cutter.num_heard + len(samples))
            started = time.perf_counter()
            self.cutter.push(samples, self.is_over)
            self.clock.spend(time.perf_counter() - started)

    def _next(self) -> np.ndarray | None:
        try:
            return next(self.packets, None)
        except DataError as error:
            if not self.is_live or not self.cutter.num_heard:
                raise
            self._trouble = str(error)
            return None

    def advance(self, decoded: Decoded, num_frames: int) -> Iterator[Told]:
        """The sentence goes on by a chunk."""
        self._num_frames += num_frames
        if not decoded.ids and not decoded.num_revised:
            return
        self._decoded = joined([self._decoded, decoded])
        record = self.record
        spoken = self._spoken()
        self._facts = self._facts.shown(_words(record), 1000 * self.clock.since(spoken))
        if not self.is_complete:
            yield self._told(record, None, spoken)

    def finish(self, second: Transcript | None = None) -> Told:
        """The first sentence is over; `second`: what another recogniser made of it."""
        sentence, spoken = self.sentence, self._spoken()
        seconds = (sentence.end - sentence.begin) / self.cutter.rate
        transcript = Transcript(self.record, (self._text(),), self._num_frames, seconds)
        error = None
        if second is not None and second.utterance.status == "error":
            error = second.utterance.error
        elif second is not None:
            transcript = second
        if self.marks is not None:
            transcript, cause = self._marked(transcript)
            error = error or cause
        self.parts.append(transcript)
        has_words = bool(self._decoded.ids)
        words = _words(transcript.utterance)
        self.facts.append(self._facts.ended(words, 1000 * self.clock.since(spoken) if has_words else None))
        told = self._told(transcript.utterance, error, sentence.end)
        self.cutter.sentences.popleft()
        self._decoded, self._facts, self._num_frames = Decoded(), SentenceFacts(), 0
        return told

    def _marked(self, transcript: Transcript) -> tuple[Transcript, str | None]:
        started = time.perf_counter()
        is_last = self.is_over and len(self.cutter.sentences) == 1
        record, self._unfinished, cause = self.marks(transcript.utterance, self._unfinished, is_last)
        self.clock.spend(time.perf_counter() - started)
        return replace(transcript, utterance=record), cause

    def close(self) -> Closed:
        parts = self.parts or [Transcript(replace(self.utterance, text="", status="no-speech"))]
        whole = merge_transcripts(self.utterance, parts) if self.is_cut else parts[0]
        if self.is_cut and self.marks is not None and whole.utterance.text:
            text = reading_text(Token(one.text) for one in whole.utterance.sentences)  # capitals are in no token
            whole = replace(whole, utterance=replace(whole.utterance, text=text))
        if self._trouble:
            whole = replace(whole, utterance=replace(whole.utterance, error=whole.utterance.error or self._trouble))
        seconds = self.cutter.num_heard / self.cutter.rate
        return Closed(replace(whole, seconds=seconds, forward_s=self.forward_s), tuple(self.facts), seconds)

    @property
    def record(self) -> Utterance:
        """The first sentence, with its text so far; with times when it is over."""
        sentence, plain = self.sentence, self.utterance
        if self.is_cut:
            plain = replace(plain, start_ms=self._ms(sentence.begin), target=None)
            plain = plain if sentence.end is None else replace(plain, end_ms=self._ms(sentence.end))
        return with_text(plain, (self._text(),))

    def _text(self) -> TokenText:
        sentence, spans = self.sentence, None
        if sentence.end is not None:
            begin, end = self._ms(sentence.begin), self._ms(sentence.end)
            spans = spans_of(self._decoded, step_ms(sentence.stream.frontend))
            spans = spans and [(min(begin + first, end), min(begin + last, end)) for first, last in spans]
        return token_text(self._decoded, self.tokenizer, spans)

    def _spoken(self) -> int:
        """The sample at which the last word was complete."""
        stream, frames = self.sentence.stream, self._decoded.frames
        per_frame = step_ms(stream.frontend) * self.cutter.rate / 1000
        if not frames:  # it is not known: somewhere in the chunk
            return max(self.sentence.begin, self.cutter.num_heard - round(stream.options.size * per_frame))
        return min(self.sentence.begin + round((frames[-1] + 1) * per_frame), self.cutter.num_heard)

    def _told(self, record: Utterance, error: str | None, sample: int) -> Told:
        sentence = self.sentence
        is_final = self.is_complete
        return Told(
            self.utterance.key,
            record.text or "",
            is_final,
            self._ms(sentence.begin),
            self._ms(sentence.end) if is_final else None,
            round(1000 * self.clock.since(sample)),
            record.tokens if is_final else (),
            error,
        )

    def _ms(self, sample: int) -> int:
        return self.utterance.start_ms + sample * 1000 // self.cutter.rate


def _words(record: Utterance) -> tuple[str, ...]:
    return tuple(token.text for token in record.tokens)


Open = Callable[[Utterance], Session]


def listen(
    utterances: Iterable[Utterance],
    open_session: Open,
    network: StreamNetwork,
    num_streams: int = 1,
    second_pass: SecondPass | None = None,
) -> Iterator[Told | Closed]:
    """Records to what is told of each, in their order; up to `num_streams` of them are heard at a time."""
    waiting = enumerate(utterances)
    sessions: dict[int, Session] = {}
    told: dict[int, deque[Told | Closed]] = {}
    front, is_last = 0, False
    while sessions or not is_last:
        while len(sessions) < num_streams and not is_last:
            number, utterance = next(waiting, (0, None))
            is_last = utterance is None
            if utterance is not None:
                told[number] = deque()
                if utterance.status == "error":
                    told[number].append(Closed(Transcript(utterance)))
                else:
                    sessions[number] = open_session(utterance)
        for number, session in list(sessions.items()):
            try:
                session.hear()
            except DataError as error:
                told[number].append(_failed(session, str(error)))
                del sessions[number]
        _advance(sessions, network, told)
        _finish(sessions, second_pass, told)
        for number, session in list(sessions.items()):
            if session.is_over and session.sentence is None:
                told[number].append(session.close())
                del sessions[number]
        while front in told:
            while told[front]:
                yield told[front].popleft()
            if front in sessions:
                break
            del told[front]
            front += 1


def _advance(sessions: dict[int, Session], network: StreamNetwork, told: dict[int, deque[Any]]) -> None:
    """A chunk of all that have one, as one batch."""
    batch = [(number, session) for number, session in sessions.items() if session.is_waiting]
    if not batch:
        return
    chunks = [session.sentence.stream.pop() for _, session in batch]
    started = time.perf_counter()
    try:
        found = network.advance(chunks)
    except (DataError, MemoryError) as error:
        cause = str(error) if isinstance(error, DataError) else "there is not enough memory for so many streams at once"
        for number, session in batch:
            told[number].append(_failed(session, cause))
            del sessions[number]
        return
    spent = time.perf_counter() - started
    for (number, session), chunk, decoded in zip(batch, chunks, found, strict=True):
        session.clock.spend(spent)
        session.forward_s += spent / len(batch)
        told[number] += session.advance(decoded, 0 if chunk.feats is None else len(chunk.feats))


def _finish(sessions: dict[int, Session], second_pass: SecondPass | None, told: dict[int, deque[Any]]) -> None:
    """Sentences that are over, together through the second pass."""
    over = [(number, session) for number, session in sessions.items() if session.is_complete]
    seconds: Sequence[Transcript | None] = [None] * len(over)
    if second_pass is not None and over:
        started = time.perf_counter()
        seconds = second_pass([(session.record, session.sentence.samples) for _, session in over])
        spent = time.perf_counter() - started
        for _, session in over:
            session.clock.spend(spent)
            session.forward_s += spent / len(over)
    for (number, session), second in zip(over, seconds, strict=True):
        told[number].append(session.finish(second))


def _failed(session: Session, cause: str) -> Closed:
    return Closed(Transcript(replace(session.utterance, status="error", error=cause)))
