"""CTM: words with their times."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asrtools.errors import DataError
from asrtools.io.scp import split_columns
from asrtools.io.seconds import to_ms, to_seconds
from asrtools.io.text_file import StrPath, atomic_write, display_name, read_lines

_COLUMNS = "recording channel start duration word [confidence]"


@dataclass(frozen=True)
class Word:
    recording: str
    start_ms: int
    end_ms: int
    text: str
    confidence: float | None = None
    channel: str = "1"


def read_ctm(path: StrPath) -> Iterator[Word]:
    """The words of a file; `;;` comments are passed over, a bad line is a DataError."""
    name = display_name(path)
    for line in read_lines(path):
        if line.error:
            raise DataError(line.error)
        if line.text.startswith(";;"):
            continue
        where = f"{name}:{line.number}"
        columns = split_columns(line.text)
        if len(columns) not in (5, 6):
            raise DataError(f"{where}: has {len(columns)} columns; should be `{_COLUMNS}`")
        try:
            start_ms, end_ms = to_ms(columns[2]), to_ms(columns[2], columns[3])
            confidence = float(columns[5]) if len(columns) == 6 else None
        except ValueError as error:
            raise DataError(f"{where}: {error} is no number; should be `{_COLUMNS}`") from error
        if start_ms < 0 or end_ms < start_ms:
            raise DataError(f"{where}: starts at {columns[2]} s and lasts {columns[3]} s; should be 0 or more")
        yield Word(columns[0], start_ms, end_ms, columns[4], confidence, columns[1])


def write_ctm(path: StrPath, words: Iterable[Word]) -> None:
    with atomic_write(path) as out:
        for word in words:
            out.write(to_line(word) + "\n")


def to_line(word: Word) -> str:
    times = f"{to_seconds(word.start_ms)} {to_seconds(word.end_ms - word.start_ms)}"
    confidence = "" if word.confidence is None else f" {word.confidence}"
    return f"{word.recording} {word.channel} {times} {word.text}{confidence}"
