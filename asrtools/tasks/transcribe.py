"""Records to text: load, batch, recognise, and every token with its time and how sure it is.

One transcript for every record, in order. Trouble with one is its status; it costs no other anything.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from asrtools.errors import DataError
from asrtools.models.protocols import Decoded, DecodeOptions
from asrtools.record import Hypothesis, Utterance
from asrtools.tasks.batching import BatchLimits, map_in_batches
from asrtools.tasks.load_ahead import load_ahead
from asrtools.tasks.network_input import InputLoader, Loaded, step_ms
from asrtools.tasks.token_times import Span, num_taken_for_tags, spans_of
from asrtools.text.rich_tags import is_tag, tags_of
from asrtools.text.surface import reading_text
from asrtools.text.words import words_of

Recognize = Callable[[Sequence[np.ndarray], DecodeOptions], list[tuple[Decoded, ...]]]


class Tokenizer(Protocol):
    def ids2tokens(self, ids: Sequence[int]) -> list[str]: ...

    def decode(self, ids: Sequence[int]) -> str: ...


@dataclass(frozen=True)
class TokenText:
    """A hypothesis in the model's own tokens, from which every surface of it is made."""

    tokens: tuple[str, ...] = ()
    spans: tuple[Span, ...] | None = None  # of each, from the start of the recording
    confidences: tuple[float, ...] | None = None
    score: float = 0.0
    tags: tuple[str, ...] = ()  # about the utterance, not of its text
    decoded: str | None = None  # of sentencepieces: tags and text as their model puts them together
    num_untimed: int = 0  # tokens before the first that has a span


@dataclass(frozen=True)
class Transcript:
    """A record with what was recognised."""

    utterance: Utterance
    best: tuple[TokenText, ...] = ()  # the best first; none where the record is an error or had nothing to look at
    num_frames: int = 0  # of features
    seconds: float = 0.0  # of audio
    forward_s: float = 0.0  # the network's time for it, its share of the batch
    segments: "tuple[Transcript, ...]" = ()  # what it was put together from, where a recording was cut


@dataclass(frozen=True)
class Transcriber:
    """A recogniser with what turns records into its features and its ids into words."""

    recognize: Recognize
    tokenizer: Tokenizer
    loader: InputLoader
    options: DecodeOptions = DecodeOptions()
    limits: BatchLimits = BatchLimits()
    num_threads: int = 2  # that load
    times_like_funasr: bool = False  # which leaves some tokens of SenseVoice without

    def __call__(self, utterances: Iterable[Utterance]) -> Iterator[Transcript]:
        loaded = load_ahead(self.loader, utterances, lambda one: one.num_bytes, self.num_threads)
        return map_in_batches(loaded, _length, self._recognize, _unheard, self.limits)

    def _recognize(self, batch: list[Loaded]) -> list[Transcript]:
        """A batch that is too large, or that one of it spoils, goes in halves."""
        started = time.perf_counter()
        try:
            hypotheses = self.recognize([one.feats for one in batch if one.feats is not None], self.options)
        except (MemoryError, DataError) as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                return self._recognize(batch[:middle]) + self._recognize(batch[middle:])
            cause = str(error)
            if isinstance(error, MemoryError):
                cause = f"there is not enough memory for {batch[0].seconds:.0f} s at once; cut it first (--vad-model)"
            return [Transcript(replace(batch[0].utterance, status="error", error=cause))]
        spent = time.perf_counter() - started
        frames = sum(_num_frames(one) for one in batch)
        return [
            self._transcript(one, decoded, spent * _num_frames(one) / frames)
            for one, decoded in zip(batch, hypotheses, strict=True)
        ]

    def _transcript(self, loaded: Loaded, hypotheses: Sequence[Decoded], forward_s: float) -> Transcript:
        best = tuple(self._token_text(one, loaded.utterance.start_ms) for one in hypotheses[: self.options.nbest])
        return Transcript(with_text(loaded.utterance, best), best, _num_frames(loaded), loaded.seconds, forward_s)

    def _token_text(self, decoded: Decoded, offset_ms: int) -> TokenText:
        num_untimed = num_taken_for_tags(decoded) if self.times_like_funasr else 0
        spans = None
        if self.options.timestamps:
            spans = spans_of(decoded, step_ms(self.loader.frontend), num_untimed)
        if spans is not None:
            spans = [(begin + offset_ms, end + offset_ms) for begin, end in spans]
        return token_text(decoded, self.tokenizer, spans, num_untimed)


def token_text(
    decoded: Decoded, tokenizer: Tokenizer, spans: Sequence[Span] | None = None, num_untimed: int = 0
) -> TokenText:
    """A hypothesis in tokens; `spans`: of all but the first `num_untimed`."""
    sure = tuple(math.exp(min(0.0, one)) for one in decoded.log_probs)
    is_pieces = hasattr(tokenizer, "bpemodel")
    return TokenText(
        tuple(tokenizer.ids2tokens(decoded.ids)),
        None if spans is None else tuple(spans),
        sure if len(sure) == len(decoded.ids) else None,
        decoded.score,
        tuple(tokenizer.ids2tokens(decoded.tags)),
        tokenizer.decode([*decoded.tags, *decoded.ids]) if is_pieces else None,
        num_untimed,
    )


def with_text(utterance: Utterance, best: Sequence[TokenText]) -> Utterance:
    """The record with the words of the best hypothesis, and all of them where there are several."""
    found = [_hypothesis(one) for one in best]
    first = found[0]
    fields: dict[str, Any] = {"text": first.text, "tokens": first.tokens, "status": "ok" if first.text else "empty"}
    if len(found) > 1:
        fields["nbest"] = tuple(found)
    if tags := tags_of([*best[0].tags, *best[0].tokens]):
        fields["tags"] = {**utterance.tags, **tags}
    return replace(utterance, **fields)


def _hypothesis(one: TokenText) -> Hypothesis:
    """Its words; tags that stand inside the text are none."""
    spans = None if one.spans is None else [None] * one.num_untimed + list(one.spans)
    shown = [index for index, token in enumerate(one.tokens) if not is_tag(token)]
    words = words_of(
        [one.tokens[index] for index in shown],
        None if spans is None else [spans[index] for index in shown if index < len(spans)],
        None if one.confidences is None else [round(one.confidences[index], 4) for index in shown],
        one.decoded is not None,
    )
    return Hypothesis(reading_text(words), one.score, words)


def _num_frames(one: Loaded) -> int:
    return 0 if one.feats is None else len(one.feats)


def _length(one: Loaded) -> float | None:
    return None if not _num_frames(one) else one.seconds


def _unheard(one: Loaded) -> Transcript:
    if one.utterance.status == "error":
        return Transcript(one.utterance)
    if one.utterance.status == "no-speech":
        return Transcript(replace(one.utterance, text=""))
    return Transcript(replace(one.utterance, text="", status="empty"), (TokenText(),), 0, one.seconds)
