"""Subtitles: SubRip (srt) and WebVTT, from lines with their times."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    text: str


def to_srt(cues: Iterable[Cue]) -> Iterator[str]:
    """The file in pieces, one a cue."""
    for number, cue in enumerate(cues, 1):
        yield f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{_one_line(cue.text)}\n\n"


def to_vtt(cues: Iterable[Cue]) -> Iterator[str]:
    """The file in pieces: its head, then one a cue."""
    yield "WEBVTT\n\n"
    for cue in cues:
        # what would be taken for a tag or an entity
        text = _one_line(cue.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        yield f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{text}\n\n"


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(max(0, ms), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{ms:03d}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
