"""Marks in a text: the classes that a punctuation model gave its words, rendered in two ways.

`place_marks`: into the text as it was given. Marks are put after words and sentences begin with a capital; nothing else
changes, so that taking both away gives the text back. `funasr_text`: the string that FunASR's AutoModel returns, to the
letter, which joins the words anew.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from asrtools.text.punctuation_words import Word, may_take_mark
from asrtools.text.surface import is_unspaced
from asrtools.text.words import MARKS

NOTHING = ("_", "<unk>")  # classes of published lists that stand for no mark
ENDS = ("。", "？")  # what ends a sentence, as FunASR compares it
COMMA = "，"
NARROW = {"，": ",", "。": ".", "？": "?", "、": ","}
WIDE = {",": "，", ".": "。", "?": "？"}
OPENING = ("Ps", "Pi")  # categories of Unicode
FUNASR_NARROW = {"，": ",", "。": ".", "？": "?"}


@dataclass(frozen=True)
class MarkSet:
    """The classes of a model."""

    punc_list: tuple[str, ...]
    sentence_end_id: int = 3
    ends: frozenset[int] = field(init=False)  # classes that end a sentence
    commas: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", frozenset(i for i, mark in enumerate(self.punc_list) if mark in ENDS))
        object.__setattr__(self, "commas", frozenset(i for i, mark in enumerate(self.punc_list) if mark == COMMA))

    def sign(self, index: int) -> str:
        """The mark of a class, or "" where it stands for none."""
        mark = self.punc_list[index]
        return "" if mark in NOTHING else mark


class PlacedMark(NamedTuple):
    place: int  # in the text as it was given; the mark stands before the character there
    sign: str


def find_marks(text: str, words: Sequence[Word], classes: Sequence[int], marks: MarkSet) -> list[PlacedMark]:
    """Where marks go in a text: after words, none where one already stands, nor after an opening bracket.

    A mark inside of what people call a word goes to its end.
    """
    placed = []
    sign = ""
    for word, index in zip(words, classes, strict=True):
        sign = marks.sign(index) or sign
        if not may_take_mark(text, word.end):
            continue
        before = text[word.end - 1]
        is_marked = before in MARKS or (word.end < len(text) and text[word.end] in MARKS)
        if sign and not is_marked and unicodedata.category(before) not in OPENING:
            placed.append(PlacedMark(word.end, _fitting(sign, before)))
        sign = ""
    return placed


def put_in(text: str, placed: Iterable[PlacedMark]) -> str:
    parts = []
    last = 0
    for place, sign in placed:
        parts += [text[last:place], sign]
        last = place
    return "".join([*parts, text[last:]])


def capitalised(text: str, words: Sequence[Word], placed: Sequence[PlacedMark], goes_on: bool = False) -> str:
    """The text, in which a Latin word at the beginning and after a mark that ends a sentence has a capital.

    `goes_on`: it begins inside a sentence.
    """
    ends = {mark.place for mark in placed if mark.sign in "。？.?"}
    letters = list(text)
    is_first = not goes_on
    for word in words:
        if is_first and "a" <= word.text[0] <= "z":
            letters[word.begin] = word.text[0].upper()
        is_first = word.end in ends
    return "".join(letters)


def _fitting(sign: str, before: str) -> str:
    """The mark in the width of the script it follows."""
    is_narrow = before.isascii() or (before.isalnum() and not is_unspaced(before))
    return NARROW.get(sign, sign) if is_narrow else WIDE.get(sign, sign)


def closed(classes: Sequence[int], last_word: str, marks: MarkSet) -> tuple[list[int], str]:
    """The classes of a whole text with a full stop at its end, and what FunASR's string ends in after the last word.

    The published rule: a comma at the end becomes a full stop, and one is added where neither mark nor word is one.
    """
    sign = _funasr_sign(classes[-1], last_word, marks)
    ending = last_word + sign
    if ending[-1] in ("，", "、"):
        ending = ending[:-1] + "。"
    elif ending[-1] == ",":
        ending = ending[:-1] + "."
    elif ending[-1] in ("。", "？", ".", "?"):
        return list(classes), ending
    else:
        ending += "." if ending[-1].isascii() else "。"
    return [*classes[:-1], marks.sentence_end_id], ending


def funasr_text(words: Sequence[str], classes: Sequence[int], starts: Iterable[int], marks: MarkSet) -> str:
    """FunASR's string of words with their classes (not closed yet); `starts`: the words that windows began with.

    Latin words get a space before them where another one or nothing is before them, and lose their own capitals where
    a sentence begins.
    """
    if not words:
        return ""
    begins = set(starts)
    parts = []
    for index, word in enumerate(words):
        is_first = index in begins
        if word[0].isascii():
            if is_first or classes[index - 1] in marks.ends:
                word = word.capitalize()
            if is_first or words[index - 1][0].isascii():
                word = " " + word
        if index == len(words) - 1:
            parts.append(closed(classes, word, marks)[1])
        else:
            parts += [word, _funasr_sign(classes[index], word, marks)]
    return "".join(parts)


def _funasr_sign(index: int, word: str, marks: MarkSet) -> str:
    mark = marks.punc_list[index]
    if mark == "_":
        return ""
    return FUNASR_NARROW.get(mark, mark) if word[0].isascii() else mark
