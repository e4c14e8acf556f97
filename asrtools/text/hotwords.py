"""Hotwords: words that a recognition is biased towards, spelt in the tokens of a model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrtools.errors import DataError
from asrtools.text.seg_dict import SegDict

# what is spelt character by character when the word itself is not listed
_SPELT = re.compile(r"[一-龥0-9]+")


@dataclass(frozen=True)
class Hotwords:
    ids: tuple[tuple[int, ...], ...]  # a row a hotword, the last (sos) for none of them
    unknown: tuple[str, ...] = ()  # hotwords in which something has no token; they do little


def hotword_list(given: str | Path | Sequence[str] | None) -> list[str] | None:
    """The hotwords of what users give: words apart by spaces, a .txt file of a hotword a line, or a list.

    A hotword of a file or a list may be several words. None stays None: no biasing at all.
    """
    if given is None:
        return None
    if isinstance(given, Path) or (isinstance(given, str) and given.endswith(".txt")):
        return hotwords_of_file(given)
    if isinstance(given, str):
        return given.split()
    wrong = [one for one in given if not isinstance(one, str)]
    if wrong:
        raise DataError(f"hotword {wrong[0]!r} is a {type(wrong[0]).__name__}; text is wanted")
    return [one.strip() for one in given if one.strip()]


def hotwords_of_file(path: str | Path) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); a file of hotwords, one a line, is expected") from error
    return [line.strip() for line in lines if line.strip()]


def spell_hotwords(words: Sequence[str] | None, tokenizer: Any, sos: int, seg_dict: SegDict | None = None) -> Hotwords:
    """Hotwords as rows of token ids, by the words of `seg_dict` (the tokenizer's own where none is given)."""
    if words is None:
        return Hotwords(())
    seg_dict = seg_dict or getattr(tokenizer, "seg_dict", None)
    rows, unknown = [], []
    for word in words:
        tokens = _tokens(word, tokenizer, seg_dict)
        rows.append(tuple(tokenizer.tokens2ids(tokens)))
        if tokenizer.unk_symbol in tokenizer.ids2tokens(rows[-1]):
            unknown.append(word)
    return Hotwords((*rows, (sos,)), tuple(unknown))


def _tokens(hotword: str, tokenizer: Any, seg_dict: SegDict | None) -> list[str]:
    if seg_dict is None:
        return tokenizer.text2tokens(hotword)
    tokens: list[str] = []
    for word in hotword.lower().split():
        if word in seg_dict.spelling:
            tokens += seg_dict.spelling[word]
        elif _SPELT.fullmatch(word):
            tokens += [token for char in word for token in seg_dict.spelling.get(char, (seg_dict.unk_symbol,))]
        else:  # rather than letter by letter, as SegDict does
            tokens.append(seg_dict.unk_symbol)
    return tokens
