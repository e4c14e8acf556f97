"""A text as the words that punctuation models know, each with its place in the text.

Published models cut a text at blanks and around every character that is not ASCII; those with a `jieba_usr_dict` know
Chinese words, which jieba finds. Either way the words are found again in the text, so that marks are put into the text
itself and nothing else in it changes.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from asrtools.errors import ConfigError, DataError
from asrtools.text.surface import is_unspaced

_WORD = re.compile("[^\\s\u0080-\U0010ffff]+|[^\\s\u0000-\u007f]")
_LATIN_WORD = re.compile(r"[a-zA-Z']+")
_EMOJI_MODIFIERS = range(0x1F3FB, 0x1F400)
_JOINER = "\u200d"


class Word(NamedTuple):
    text: str
    begin: int  # in the text it stands in
    end: int


WordSplitter = Callable[[str], list[Word]]


def split_words(text: str) -> list[Word]:
    """The runs of ASCII and the single other characters of a text, blanks left out."""
    return [Word(found[0], found.start(), found.end()) for found in _WORD.finditer(text)]


class JiebaSplitter:
    """The words that jieba finds with a model's dictionary; runs of Latin words stay as they are."""

    def __init__(self, user_dict: str | Path):
        try:
            import jieba
        except ImportError as error:
            raise ConfigError(
                f"{user_dict}: this model knows words, which jieba finds, and jieba cannot be imported ({error}); "
                "install it with `pip install jieba`"
            ) from error
        jieba.setLogLevel("WARNING")  # it tells of its start on stderr
        self._tokenizer = jieba.Tokenizer()  # one of its own, for a dictionary changes all that share it
        try:
            self._tokenizer.load_userdict(str(user_dict))
        except (OSError, ValueError, AttributeError) as error:
            raise DataError(
                f"{user_dict}: cannot be read as a dictionary of jieba ({error}); lines of `word frequency tag` are "
                "expected"
            ) from error

    def __call__(self, text: str) -> list[Word]:
        words: list[Word] = []
        run: list[re.Match[str]] = []
        for found in re.finditer(r"\S+", text):
            if _LATIN_WORD.fullmatch(found[0]):
                words += self._cut(run)
                run = []
                words.append(Word(found[0], found.start(), found.end()))
            else:
                run.append(found)
        return words + self._cut(run)

    def _cut(self, run: list[re.Match[str]]) -> list[Word]:
        """The words of a stretch without Latin ones; jieba sees no blanks, so that a word may reach over one."""
        places = [place for found in run for place in range(found.start(), found.end())]
        words = []
        at = 0
        for word in self._tokenizer.cut("".join(found[0] for found in run), HMM=False):
            words.append(Word(word, places[at], places[at + len(word) - 1] + 1))
            at += len(word)
        return words


def may_take_mark(text: str, place: int) -> bool:
    """Whether a mark may be put in at `place`: at a blank, or beside a character of a script written without blanks.

    So a mark never stands inside a word (naïve, 한국어) or inside one character that is written as several.
    """
    if place <= 0:
        return False
    if place >= len(text):
        return True
    before, after = text[place - 1], text[place]
    if before.isspace() or after.isspace():
        return True
    if _JOINER in (before, after) or ord(after) in _EMOJI_MODIFIERS or unicodedata.category(after)[0] == "M":
        return False
    return is_unspaced(before) or is_unspaced(after)


def visible_places(text: str) -> Iterator[int]:
    """The places of the characters that are not blank."""
    return (place for place, character in enumerate(text) if not character.isspace())
