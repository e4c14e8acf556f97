"""Kaldi lists: one `key value` a line."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from asrtools.errors import DataError
from asrtools.io.text_file import StrPath, display_name, read_lines

_UNFIT_KEY = re.compile(r"[\x00-\x20\x7f]")
_UNFIT_VALUE = re.compile(r"[\x00\n\r]")
_GAP = re.compile("[ \t]+")  # not \s: a key may hold U+3000 and its like


class ScpEntry(NamedTuple):
    key: str
    value: str
    line: int
    error: str = ""  # a sentence; key and value are then what could be read


def split_key(text: str) -> tuple[str, str]:
    """Key and the rest of a line, at its first run of spaces or tabs."""
    key, *rest = _GAP.split(text, maxsplit=1)
    return key, rest[0] if rest else ""


def split_columns(text: str) -> list[str]:
    """The columns of a line without blanks around it."""
    return _GAP.split(text)


def read_scp(path: StrPath, allow_empty: bool = False) -> Iterator[ScpEntry]:
    """The entries of a list, streamed; a bad line or a key seen before is an entry with `error`, and the rest comes.

    Keys are remembered as 64-bit hashes, so that a list of a million lines costs some tens of megabytes.
    """
    name = display_name(path)
    seen: set[int] = set()
    for line in read_lines(path):
        where = f"{name}:{line.number}"
        key, value = split_key(line.text)
        if line.error:
            yield ScpEntry(key, value, line.number, line.error)
        elif not value and not allow_empty:
            yield ScpEntry(key, "", line.number, f"{where}: {key} has no value; a line should be `key value`")
        elif hash(key) in seen:
            yield ScpEntry(key, value, line.number, f"{where}: duplicate key {key}; every key should stand once")
        else:
            seen.add(hash(key))
            yield ScpEntry(key, value, line.number)


def check_key(key: str, where: str) -> None:
    """A DataError unless the key can be read back from a Kaldi file."""
    if not isinstance(key, str) or not key or _UNFIT_KEY.search(key):
        raise DataError(f"{where} cannot be a key; it should be text without spaces")
    _check_unicode(key, f"{where} cannot be a key")


def to_line(key: str, value: str, separator: str = " ") -> str:
    """A line that `read_scp` reads back as this key and value; a DataError where there is none."""
    check_key(key, repr(key))
    if found := _UNFIT_VALUE.search(value):
        kind = "a NUL" if found[0] == "\0" else "a line break"
        raise DataError(f"{key}: {value[:40]!r} has {kind}, which a line cannot hold; take it out")
    _check_unicode(value, f"{key}: {value[:40]!r} cannot be written")
    return f"{key}{separator}{value}\n"


def _check_unicode(text: str, where: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{where}; it should be valid Unicode") from error
