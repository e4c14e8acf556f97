"""Texts to texts with marks, many at once: each window of a text waits for the one before, texts wait for none."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, TypeVar

from asrtools.build import LoadedModel
from asrtools.errors import AsrError, ConfigError, DataError, ModelError
from asrtools.models.protocols import Punctuator
from asrtools.record import Utterance
from asrtools.tasks.punctuation_windows import WINDOW_WORDS, WindowRule, Windows
from asrtools.tasks.sentences import mark_tokens, sentences_of
from asrtools.text.marks import (
    MarkSet,
    PlacedMark,
    capitalised,
    closed,
    find_marks,
    funasr_text,
    put_in,
)
from asrtools.text.punctuation_words import JiebaSplitter, Word, WordSplitter, split_words
from asrtools.text.surface import reading_text

BATCH_WORDS = 8192  # of a batch, padding counted
POOL_BATCHES = 4  # texts under way, in batches, so that windows of like length meet
AHEAD = 4  # finished texts that may wait for a longer one before them, in pools
PATIENCE_S = 0.05  # for more texts to come before those that are there are begun

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Punctuated:
    """A text and what the model said about it."""

    source: str
    words: Sequence[Word]
    classes: Sequence[int]  # places in punc_list, one a word, a full stop at the end
    marks: MarkSet
    starts: Sequence[int] = ()  # words that windows began with; FunASR's string shows them
    open_end: int | None = None  # what the model said about the last word
    goes_on: bool = False  # the source begins inside a sentence

    @cached_property
    def placed(self) -> list[PlacedMark]:
        return find_marks(self.source, self.words, self.classes, self.marks)

    @cached_property
    def capitalised(self) -> str:
        """The source with capitals, without marks."""
        return capitalised(self.source, self.words, self.placed, self.goes_on)

    @property
    def text(self) -> str:
        return put_in(self.capitalised, self.placed)

    @property
    def text_as_spelt(self) -> str:
        """The text with marks and without capitals of ours."""
        return put_in(self.source, self.placed)

    @property
    def funasr_text(self) -> str:
        """What AutoModel returns."""
        if not self.words or self.open_end is None:
            return ""
        classes = [*self.classes[:-1], self.open_end]
        return funasr_text([word.text for word in self.words], classes, self.starts, self.marks)

    @property
    def punc_array(self) -> list[int] | None:
        """FunASR's array: one a word, and 1 for each Chinese character before the last of a word that jieba found."""
        if not self.words:
            return None
        array = []
        for word, index in zip(self.words, self.classes, strict=True):
            if "\u0e00" <= word.text[0] <= "\u9fa5":
                array += [1] * (len(word.text) - 1)
            array.append(index)
        return array


@dataclass(eq=False)
class _UnderWay(Generic[Item]):
    """An item, and how far its text has come."""

    item: Item
    source: str | None = None
    words: list[Word] = field(default_factory=list)
    windows: Windows | None = None
    error: str = ""

    @property
    def is_done(self) -> bool:
        return self.windows is None or self.windows.is_done


class Punctuate:
    """The punctuation of one model; `batch_size`: most windows in a batch, which changes no result."""

    def __init__(
        self, model: LoadedModel, batch_size: int = 64, split_size: int = WINDOW_WORDS, capitalize: bool = True
    ):
        if not isinstance(model.network, Punctuator):
            raise ModelError(f"{model.directory}: {model.name} gives no marks; a model such as ct-punc is wanted")
        if model.tokenizer is None:
            raise ConfigError(f"{model.directory}: its config names no tokenizer; CharTokenizer is expected")
        if split_size < 1:
            raise ConfigError(f"split_size is {split_size}; should be 1 or more")
        self.network = model.network
        self.tokenizer = model.tokenizer
        self.marks = MarkSet(model.network.punc_list, model.network.sentence_end_id)
        self.split = _splitter(model)
        self.rule = WindowRule(self.marks, split_size)
        self.batch_size = batch_size
        self.capitalize = capitalize

    def texts(self, texts: Iterable[str]) -> list[Punctuated]:
        """One for each text, in order."""
        found = []
        for under_way in self._run((text, text) for text in texts):
            if under_way.error:
                raise DataError(under_way.error)
            found.append(self._finished(under_way))
        return found

    def records(self, records: Iterable[Utterance], num_ahead: int | None = None) -> Iterator[Utterance]:
        """The records with marks in their text and on their tokens, and with sentences; in order.

        Up to `num_ahead` texts (256 for batches of 64) are taken before the first comes out; 1 where each is long in
        coming. Where `records` says by `is_ready(seconds)` that no more comes for now, those that came are finished.
        """
        for under_way in self._run(_with_text(records), num_ahead, getattr(records, "is_ready", None)):
            record = under_way.item
            if under_way.error:
                yield replace(record, status="error", error=under_way.error)
            elif under_way.source is None or record.status == "error":
                yield record
            else:
                yield self.marked(record, self._finished(under_way))

    def marked(self, record: Utterance, punctuated: Punctuated) -> Utterance:
        """The record with the marks that its text was given."""
        text = punctuated.text if self.capitalize else punctuated.text_as_spelt
        if not punctuated.words:
            return replace(record, text=text, status=record.status or "empty")
        tokens = mark_tokens(record.tokens, punctuated.source, punctuated.placed)
        sentences = sentences_of(text, tokens, record.speaker)
        return replace(record, text=text, tokens=tokens, sentences=sentences, status=record.status or "ok")

    def _finished(self, under_way: _UnderWay) -> Punctuated:
        source, words, windows = under_way.source or "", under_way.words, under_way.windows
        if windows is None or not words:
            return Punctuated(source, (), (), self.marks)
        classes = windows.classes
        whole, _ = closed(classes, words[-1].text, self.marks)
        return Punctuated(source, words, whole, self.marks, windows.starts, classes[-1])

    def _run(
        self,
        items: Iterable[tuple[Item, str | None]],
        num_ahead: int | None = None,
        is_ready: Callable[[float], bool] | None = None,
    ) -> Iterator[_UnderWay[Item]]:
        """Items with the text of each, to items whose text has been through the model; in order."""
        source = iter(items)
        is_open = True
        waiting: deque[_UnderWay[Item]] = deque()  # all that have not been given out, in order
        active: list[_UnderWay[Item]] = []
        pool = num_ahead or self.batch_size * POOL_BATCHES
        while is_open or waiting:
            deadline = time.monotonic() + (0 if active else PATIENCE_S)
            while is_open and len(active) < pool and len(waiting) < AHEAD * pool:
                if waiting and is_ready is not None and not is_ready(max(0.0, deadline - time.monotonic())):
                    break
                pair = next(source, None)
                if pair is None:
                    is_open = False
                    break
                under_way = self._begun(*pair)
                waiting.append(under_way)
                if not under_way.is_done:
                    active.append(under_way)
                elif is_ready is not None and not active:
                    break  # nothing to compute: out with it
            self._advance(active)
            active = [under_way for under_way in active if not under_way.is_done]
            while waiting and waiting[0].is_done:
                yield waiting.popleft()

    def _begun(self, item: Item, text: str | None) -> _UnderWay[Item]:
        if text is None:
            return _UnderWay(item)
        try:
            words = self.split(text)
            ids = self.tokenizer.tokens2ids([word.text for word in words])
        except AsrError as error:
            return _UnderWay(item, text, error=str(error))
        return _UnderWay(item, text, words, Windows(self.rule, ids))

    def _advance(self, active: Sequence[_UnderWay]) -> None:
        """Each text by one window, windows of like length together."""
        windows = sorted((one.windows for one in active if one.windows is not None), key=lambda one: len(one.ids))
        for batch in _batches(windows, self.batch_size):
            for one, classes in zip(batch, self.network.punctuate([one.ids for one in batch]), strict=True):
                one.take(classes)


def _splitter(model: LoadedModel) -> WordSplitter:
    """How the model wants its texts split; one that knows words has a dictionary of them for jieba."""
    dictionary = model.config.values.get("jieba_usr_dict")
    if dictionary:
        return JiebaSplitter(dictionary)
    if "jieba_usr_dict" in model.config.missing:
        raise ConfigError(
            f"{model.config.missing['jieba_usr_dict']}: configuration.json names it, and it is not there; fetch the "
            "model again, or strike it out there if the model knows characters only"
        )
    return split_words


def _batches(windows: Sequence[Windows], batch_size: int) -> Iterator[Sequence[Windows]]:
    """Windows, shortest first, cut where a batch is full or would be padded by more than a tenth."""
    begin = 0
    for end in range(1, len(windows) + 1):
        if end < len(windows):
            longest = len(windows[end].ids)
            num = end + 1 - begin
            fits = longest <= 1.1 * len(windows[begin].ids) + 1
            if num <= batch_size and num * longest <= BATCH_WORDS and fits:
                continue
        yield windows[begin:end]
        begin = end


def _with_text(records: Iterable[Utterance]) -> Iterator[tuple[Utterance, str | None]]:
    """Records with the text to punctuate; None where there is none, or nothing is to be done."""
    for record in records:
        if record.status == "error":
            yield record, None
        elif record.text is None and record.tokens:
            yield record, reading_text(record.tokens)
        elif record.text is None and record.status == "":
            error = f"{record.key}: has no text; decode gives it one, and lines of `key text` have one"
            yield replace(record, status="error", error=error), None
        else:
            yield record, record.text
