"""Recordings cut by a Kaldi `segments` file."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from asrtools.io.segments import read_segments
from asrtools.io.text_file import StrPath, display_name
from asrtools.record import Utterance


def cut_by_segments(recordings: Iterable[Utterance], path: StrPath) -> Iterator[Utterance]:
    """The segments in their order, after those recordings that cannot be used; a bad line is a record with an error."""
    known: dict[str, Utterance] = {}
    for recording in recordings:
        if recording.status == "error":
            yield recording
        else:
            known[recording.key] = recording
    for segment in read_segments(path):
        whole = known.get(segment.recording)
        if segment.error or whole is None:
            where = f"{display_name(path)}:{segment.line}"
            error = (
                segment.error or f"{where}: recording {segment.recording} is not among the recordings that are given"
            )
            yield Utterance(segment.key or where, recording=segment.recording or None, status="error", error=error)
            continue
        yield replace(
            whole,
            key=segment.key,
            recording=whole.key,
            start_ms=segment.start_ms,
            end_ms=segment.end_ms,
            channel=segment.channel if whole.channel is None else whole.channel,
        )
