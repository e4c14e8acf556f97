"""Recordings and their known texts to the time of every word."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asrtools.build import LoadedModel
from asrtools.errors import DataError, ModelError
from asrtools.models.protocols import Firing
from asrtools.record import Utterance
from asrtools.tasks.batching import BatchLimits, map_in_batches
from asrtools.tasks.cif_times import Piece, Span, timed_pieces, token_spans
from asrtools.tasks.load_ahead import load_ahead
from asrtools.tasks.network_input import InputLoader, Loaded, step_ms
from asrtools.tasks.open_model import align_runner_of, open_model
from asrtools.text.known_text import KnownWord, known_words, timed_words

SILENCE = "<sil>"
NO_TEXT = "{}: has no text to align; give TEXT, lines of `key words`, after the recordings, or records that hold it"

Align = Callable[[Sequence[np.ndarray], Sequence[int]], list[Firing]]


@dataclass(frozen=True, eq=False)
class _Ready:
    """A record with its features and the words that are looked for."""

    loaded: Loaded
    words: tuple[KnownWord, ...] = ()

    @property
    def utterance(self) -> Utterance:
        return self.loaded.utterance

    @property
    def num_tokens(self) -> int:
        return sum(len(word.ids) for word in self.words)


@dataclass(frozen=True, eq=False)
class Aligned:
    """A record with the times of its words; the tokens that were looked for, silences between them as `<sil>`."""

    utterance: Utterance
    tokens: tuple[tuple[str, Piece], ...] = ()

    @property
    def token_times(self) -> str:
        """`token begin end;` for each, in seconds cut to five characters, as FunASR writes them."""
        offset = self.utterance.start_ms / 1000 + 0.0005
        times = [(name, max(piece.begin, 0.0) + offset, piece.end + offset) for name, piece in self.tokens]
        return "".join(f"{name} {str(begin)[:5]} {str(end)[:5]};" for name, begin, end in times)


@dataclass(frozen=True)
class WordAligner:
    """An aligner with what turns records into its features and texts into its tokens."""

    align: Align
    tokenizer: Any
    loader: InputLoader
    limits: BatchLimits = BatchLimits()
    num_threads: int = 2  # that load
    model: LoadedModel | None = None

    def __call__(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        """Every record, in order, with the words of its `text` and their times, or with status empty or error."""
        return (done.utterance for done in self.aligned(utterances))

    def aligned(self, utterances: Iterable[Utterance]) -> Iterator[Aligned]:
        ready = load_ahead(self._prepare, utterances, lambda one: one.loaded.num_bytes, self.num_threads)
        return map_in_batches(ready, _seconds, self._align, _unaligned, self.limits)

    def _prepare(self, utterance: Utterance) -> _Ready:
        if utterance.status != "error" and utterance.text is None:
            utterance = replace(utterance, status="error", error=NO_TEXT.format(utterance.key))
        loaded = self.loader(utterance)
        if loaded.feats is None:
            return _Ready(loaded)
        return _Ready(loaded, tuple(known_words(utterance.text or "", self.tokenizer)))

    def _align(self, batch: list[_Ready]) -> list[Aligned]:
        """A batch that is too large goes in halves."""
        try:
            firings = self.align([one.loaded.feats for one in batch], [one.num_tokens for one in batch])
        except MemoryError:
            if len(batch) > 1:
                middle = len(batch) // 2
                return self._align(batch[:middle]) + self._align(batch[middle:])
            cause = f"there is not enough memory for {batch[0].loaded.seconds:.0f} s at once; cut it into segments"
            return [Aligned(replace(batch[0].utterance, status="error", error=cause))]
        return [self._timed(one, firing) for one, firing in zip(batch, firings, strict=True)]

    def _timed(self, one: _Ready, firing: Firing) -> Aligned:
        try:
            spans = self.spans(firing, one.num_tokens, one.loaded.seconds)
        except DataError as error:
            return Aligned(replace(one.utterance, status="error", error=f"{one.utterance.key}: {error}"))
        begin = one.utterance.start_ms
        tokens = timed_words(one.words, [(begin + start, begin + end) for start, end in spans])
        names = self.tokenizer.ids2tokens([token for word in one.words for token in word.ids])
        return Aligned(replace(one.utterance, tokens=tokens, status="ok"), self.named(firing, names))

    def named(self, firing: Firing, tokens: Sequence[str]) -> tuple[tuple[str, Piece], ...]:
        """The tokens and the silences between them, each with its time."""
        names = iter(tokens)
        pieces = timed_pieces(firing, len(tokens), step_ms(self.loader.frontend))
        return tuple((SILENCE if piece.is_silence else next(names), piece) for piece in pieces)

    def spans(self, firing: Firing, num_tokens: int, seconds: float) -> list[Span]:
        """Begin and end of each token; a DataError where the audio is too short for so many."""
        most = len(firing.weights) - 1  # no two of them fire in one place
        if num_tokens > most:
            raise DataError(
                f"its text of {num_tokens} tokens cannot fit its {seconds:.2f} s of audio, which hold {max(most, 0)} "
                "at most; it should be the text of this recording"
            )
        return token_spans(firing, num_tokens, step_ms(self.loader.frontend))


def _seconds(one: _Ready) -> float | None:
    return one.loaded.seconds if one.num_tokens and one.loaded.feats is not None and len(one.loaded.feats) else None


def _unaligned(one: _Ready) -> Aligned:
    """Of a record that cannot be used, or whose text has nothing to look for."""
    if one.utterance.status == "error":
        return Aligned(one.utterance)
    return Aligned(replace(one.utterance, tokens=timed_words(one.words, ()), status="empty"))


def with_texts(
    recordings: Iterable[Utterance], texts: Iterable[Utterance], where: str, fail: Callable[[str, str], None]
) -> Iterator[Utterance]:
    """Each recording with the text of its key; `fail` hears of lines that cannot be used and of texts left over."""
    known: dict[str, str] = {}
    for line in texts:
        text = line.text if line.text is not None else line.target
        if line.status == "error" or text is None:
            fail(line.key, line.error or f"{where}: {line.key} has no text")
        else:
            known[line.key] = text
    for recording in recordings:
        text = known.pop(recording.key, None)
        if recording.status == "error":
            yield recording
        elif text is None:
            yield replace(recording, status="error", error=f"{recording.key}: has no line in {where}")
        else:
            yield replace(recording, text=text)
    for key in known:
        fail(key, f"{where}: {key} is not among the recordings")


def with_own_text(records: Iterable[Utterance]) -> Iterator[Utterance]:
    """Records that hold their text: what they are to say, else what was recognised."""
    for record in records:
        yield record if record.target is None else replace(record, text=record.target)


def open_aligner(
    directory: str | Path,
    overrides: Mapping[str, Any] | None = None,
    device: str = "auto",
    num_threads: int | None = None,
    limits: BatchLimits | None = None,
    channel: str = "mix",
    fs: int = 16000,
    held: Mapping[str, Any] | None = None,
) -> WordAligner:
    """Load a model that aligns; `overrides` with flat keys, as users give them."""
    return aligner_of(*open_model(directory, overrides, None, device, num_threads), limits, channel, fs, held)


def aligner_of(
    model: LoadedModel,
    device: str,
    limits: BatchLimits | None = None,
    channel: str = "mix",
    fs: int = 16000,
    held: Mapping[str, Any] | None = None,
) -> WordAligner:
    """A model that is loaded already."""
    directory = model.directory
    if not hasattr(model.network, "align") or model.frontend is None or model.tokenizer is None:
        raise ModelError(f"{directory}: its model {model.name} does not align; choose a model that does, e.g. fa-zh")
    loader = InputLoader(model.frontend, channel, fs, held or {})
    limits = limits or BatchLimits()
    return WordAligner(align_runner_of(model.network, device), model.tokenizer, loader, limits, model=model)
