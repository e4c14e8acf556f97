"""RTTM: who speaks when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asrtools.errors import DataError
from asrtools.io.scp import split_columns
from asrtools.io.seconds import to_ms, to_seconds
from asrtools.io.text_file import StrPath, atomic_write, display_name, read_lines


@dataclass(frozen=True)
class Turn:
    recording: str
    start_ms: int
    end_ms: int
    speaker: str
    channel: str = "1"


def read_rttm(path: StrPath) -> Iterator[Turn]:
    """The SPEAKER lines; other types and `;;` comments are passed over, a malformed line is a DataError."""
    name = display_name(path)
    for line in read_lines(path):
        if line.error:
            raise DataError(line.error)
        columns = split_columns(line.text)
        if columns[0] != "SPEAKER":
            continue
        where = f"{name}:{line.number}"
        if len(columns) < 8:
            wanted = "`SPEAKER recording channel start duration <NA> <NA> speaker`"
            raise DataError(f"{where}: has {len(columns)} columns; should be {wanted}")
        try:
            start_ms = to_ms(columns[3])
            end_ms = to_ms(columns[3], columns[4])
        except ValueError as error:
            raise DataError(f"{where}: has the time {error}; should be seconds") from error
        if start_ms < 0 or end_ms < start_ms:
            raise DataError(f"{where}: starts at {columns[3]} s and lasts {columns[4]} s; should be 0 or more")
        yield Turn(columns[1], start_ms, end_ms, columns[7], columns[2])


def write_rttm(path: StrPath, turns: Iterable[Turn]) -> None:
    with atomic_write(path) as out:
        for turn in turns:
            out.write(to_line(turn) + "\n")


def to_line(turn: Turn) -> str:
    times = f"{to_seconds(turn.start_ms)} {to_seconds(turn.end_ms - turn.start_ms)}"
    return f"SPEAKER {turn.recording} {turn.channel} {times} <NA> <NA> {turn.speaker} <NA> <NA>"
