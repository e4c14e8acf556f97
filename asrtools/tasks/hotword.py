"""Hotwords as users give them (words, a text file, a URL, a list) to the token ids a network listens for."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from asrtools.errors import ConfigError, DataError
from asrtools.io.text_file import read_lines
from asrtools.io.url import fetch, is_url
from asrtools.text.seg_dict import SegDict


def read_hotwords(given: str | os.PathLike[str] | Iterable[str] | None) -> list[str]:
    """A string holds words with blanks between; a name ending in .txt or a URL, a file with one hotword a line."""
    if given is None:
        return []
    if isinstance(given, os.PathLike):
        return _of_file(os.fspath(given))
    if not isinstance(given, str):
        return [word for item in given for word in [str(item).strip()] if word]
    name = given.strip()
    if is_url(name):
        return _of_file(str(fetch(name)))
    if name.endswith(".txt") and " " not in name:
        if not os.path.isfile(name):
            raise DataError(f"{name}: no such file; hotwords are words with blanks between, or a file with one a line")
        return _of_file(name)
    return name.split()


def hotword_ids(words: Sequence[str], tokenizer: Any, directory: Path, none_id: int) -> tuple[tuple[int, ...], ...]:
    """The ids of each word, spelt by the model's seg_dict where it has one, and last the one that stands for none."""
    if not words:
        return ()
    file = directory / "seg_dict"
    seg_dict = SegDict.read(file) if file.is_file() else None
    found = []
    for word in words:
        tokens = seg_dict.split(word) if seg_dict is not None else tokenizer.text2tokens(word)
        ids = tuple(tokenizer.tokens2ids(tokens))
        if not ids:
            raise ConfigError(f"hotword {word!r} has no token of this model; leave it out")
        found.append(ids)
    return (*found, (none_id,))


def _of_file(path: str) -> list[str]:
    words = []
    for line in read_lines(path):
        if line.error:
            raise DataError(line.error)
        words.append(line.text)
    return words
