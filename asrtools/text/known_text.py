"""A text that is known, for alignment: its words as they were given, each with the tokens that are looked for."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asrtools.record import Token
from asrtools.text.surface import BEGINS, Span, is_unspaced


@dataclass(frozen=True)
class KnownWord:
    text: str
    ids: tuple[int, ...] = ()
    mark: str = ""  # punctuation that follows it; nobody says it


def known_words(text: str, tokenizer: Any) -> list[KnownWord]:
    """The words of a text: Chinese characters, runs of other scripts. Nothing of the text but its spaces is lost.

    A word (a letter, a character of it) that the model has no token for is looked for as the unknown token, for it was
    said and takes its time; where the model has no unknown token it has none.
    """
    words: list[KnownWord] = []
    for chunk in text.split():
        parts = [chunk] if _is_listed(chunk, tokenizer) else _parts(chunk)
        for part in parts:
            if all(_is_mark(character) for character in part):
                before = words.pop() if words else KnownWord("")
                words.append(KnownWord(before.text, before.ids, before.mark + part))
            else:
                words.append(KnownWord(part, _ids(part, tokenizer)))
    return words


def timed_words(words: Sequence[KnownWord], spans: Sequence[Span]) -> tuple[Token, ...]:
    """Words with the times of their tokens, one span for each id in turn; words without tokens share what lies between
    their neighbours."""
    timed: list[Token] = []
    waiting: list[KnownWord] = []  # words without tokens
    place = 0
    for word in words:
        own = spans[place : place + len(word.ids)]
        place += len(word.ids)
        if not own:
            waiting.append(word)
            continue
        timed += _shared(waiting, timed[-1].end_ms if timed else own[0][0], own[0][0])
        timed.append(Token(word.text, own[0][0], own[-1][1], mark=word.mark))
        waiting = []
    end = timed[-1].end_ms if timed else None
    return (*timed, *_shared(waiting, end, end))


def _shared(words: Sequence[KnownWord], start: int | None, end: int | None) -> list[Token]:
    if start is None or end is None:
        return [Token(word.text, mark=word.mark) for word in words]
    edges = [start + (end - start) * n // max(1, len(words)) for n in range(len(words) + 1)]
    return [Token(word.text, edges[n], edges[n + 1], mark=word.mark) for n, word in enumerate(words)]


def _parts(chunk: str) -> list[str]:
    """A chunk without spaces, cut round every character of an unspaced script, marks at either end of a part apart."""
    parts: list[str] = []
    is_run = False
    for character in chunk:
        is_single = is_unspaced(character)
        if is_run and not is_single:
            parts[-1] += character
        else:
            parts.append(character)
        is_run = not is_single
    cut: list[str] = []
    for part in parts:
        first = next((index for index, character in enumerate(part) if not _is_mark(character)), len(part))
        last = next((len(part) - n for n, character in enumerate(reversed(part)) if not _is_mark(character)), first)
        cut += [piece for piece in (part[:first], part[first:last], part[last:]) if piece]
    return cut


def _is_mark(character: str) -> bool:
    """Punctuation; of other signs (%, +, =, $) somebody may say a word."""
    return unicodedata.category(character)[0] == "P" and character not in "%&@#*％＆＠＃＊"


def _is_listed(word: str, tokenizer: Any) -> bool:
    seg_dict = getattr(tokenizer, "seg_dict", None)
    return seg_dict is not None and word.lower() in seg_dict.spelling


def _ids(word: str, tokenizer: Any) -> tuple[int, ...]:
    tokens = [token for token in tokenizer.text2tokens(word) if token != BEGINS]
    token2id = getattr(tokenizer, "token2id", None)
    if token2id is not None and tokenizer.unk_symbol not in token2id:
        tokens = [token for token in tokens if token in token2id]
    return tuple(tokenizer.tokens2ids(tokens))
