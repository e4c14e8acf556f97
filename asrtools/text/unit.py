"""What is counted: a text cut into characters, words, or both."""

import re
from collections.abc import Callable, Sequence

# Han, kana, bopomofo, Hangul and the full-width signs that go with them: one unit a character
_SINGLE = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3001-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\ufe30-\ufe4f\uff01-\uffef\U00020000-\U0003ffff"
)
# Thai, Lao, Tibetan, Burmese, Khmer: written without spaces too, with marks that belong to the letter before them
_LETTERS = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e50-\u0e5b\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0ed0-\u0edf"
    "\u0f00-\u0f17\u0f20-\u0f34\u0f40-\u0f6c\u1000-\u102a\u103f-\u1055\u1780-\u17b3\u17d4-\u17dc\u17e0-\u17e9"
)
_MARKS = (
    "\u0300-\u036f\u3099\u309a\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f18\u0f19\u0f35-\u0f39"
    "\u0f71-\u0fbc\u102b-\u103e\u1056-\u109f\u17b4-\u17d3\u17dd"
)
_MIXED = re.compile(f"[{_SINGLE}{_LETTERS}][{_MARKS}]*|[^\\s{_SINGLE}{_LETTERS}]+")

_HAN_AND_BLANKS = re.compile("[\u4e00-\u9fff ]*")

# A string is a sequence of characters, and takes a fiftieth of the memory of a list of them
Cutter = Callable[[str], Sequence[str]]


def _mixed(text: str) -> Sequence[str]:
    if _HAN_AND_BLANKS.fullmatch(text):  # most of what is scored
        return text.replace(" ", "")
    return _MIXED.findall(text)


def _characters(text: str) -> Sequence[str]:
    return "".join(text.split())


UNITS: dict[str, Cutter] = {
    "mixed": _mixed,
    "char": _characters,
    "word": str.split,
    "token": str.split,
}
