"""Kaldi `segments`: which span of which recording an utterance is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from asrtools.errors import DataError
from asrtools.io.scp import read_scp, split_columns
from asrtools.io.seconds import to_ms, to_seconds
from asrtools.io.text_file import StrPath, atomic_write, display_name


@dataclass(frozen=True)
class Segment:
    key: str
    recording: str = ""
    start_ms: int = 0
    end_ms: int | None = None  # None: to the end of the recording, -1 in the file
    channel: int | None = None
    line: int = field(default=0, compare=False)
    error: str = ""  # a sentence; the other fields are then what could be read


def read_segments(path: StrPath) -> Iterator[Segment]:
    """Lines `utterance recording start end [channel]`, streamed; a bad line is a segment with `error`."""
    name = display_name(path)
    for entry in read_scp(path):
        if entry.error:
            yield Segment(entry.key, line=entry.line, error=entry.error)
            continue
        try:
            yield _segment(entry.key, entry.value, entry.line)
        except DataError as error:
            yield Segment(entry.key, line=entry.line, error=f"{name}:{entry.line}: {entry.key} {error}")


def _segment(key: str, value: str, line: int) -> Segment:
    columns = split_columns(value)
    if len(columns) not in (3, 4):
        raise DataError(f"has {1 + len(columns)} columns; should be `utterance recording start end [channel]`")
    try:
        start_ms, end_ms = to_ms(columns[1]), to_ms(columns[2])
    except ValueError as error:
        raise DataError(f"has the time {error}; should be seconds") from error
    is_to_end = end_ms == -1000
    if start_ms < 0 or (end_ms <= start_ms and not is_to_end):
        raise DataError(f"goes from {columns[1]} to {columns[2]} s; should end after its start, or at -1 for the end")
    channel = None
    if len(columns) == 4:
        if not columns[3].isdecimal():
            raise DataError(f"has the channel {columns[3]}; should be a number from 0")
        channel = int(columns[3])
    return Segment(key, columns[0], start_ms, None if is_to_end else end_ms, channel, line)


def write_segments(path: StrPath, segments: Iterable[Segment]) -> None:
    with atomic_write(path) as out:
        for segment in segments:
            out.write(to_line(segment) + "\n")


def to_line(segment: Segment) -> str:
    end = "-1" if segment.end_ms is None else to_seconds(segment.end_ms)
    channel = "" if segment.channel is None else f" {segment.channel}"
    return f"{segment.key} {segment.recording} {to_seconds(segment.start_ms)} {end}{channel}"
