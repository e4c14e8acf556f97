"""A Kaldi data directory as records."""

import os
from collections.abc import Collection, Generator, Iterator
from dataclasses import replace

from asrtools.errors import DataError
from asrtools.io.scp import ScpEntry, read_scp
from asrtools.io.segments import Segment, read_segments
from asrtools.io.text_file import display_name
from asrtools.record import Utterance


def read_data_dir(
    folder: str, is_features: bool | None = None, tables: Collection[str] = ("text", "utt2spk")
) -> Iterator[Utterance]:
    """The utterances of wav.scp, cut by segments where there is one, or of feats.scp, with their text and speaker.

    `is_features` chooses between wav.scp and feats.scp; None takes wav.scp where there is one. `tables`: which of text
    and utt2spk to read. Paths are relative to the working directory. What is wrong is a record with an error: a bad
    line in its place, one of text or utt2spk before all others; a segment without recording in its place; utterances of
    text without audio last, for every reference counts.
    """
    wanted = ["wav.scp", "feats.scp"] if is_features is None else ["feats.scp" if is_features else "wav.scp"]
    found = [name for name in wanted if os.path.isfile(os.path.join(folder, name))]
    if not found:
        raise DataError(
            f"{folder}: is a directory without {' or '.join(wanted)}; should be a Kaldi data directory, a list or audio"
        )
    list_path = os.path.join(folder, found[0])
    targets, speakers = {}, {}
    if "text" in tables:
        targets = yield from _side_table(os.path.join(folder, "text"))
    if "utt2spk" in tables:
        speakers = yield from _side_table(os.path.join(folder, "utt2spk"))
    if found[0] == "wav.scp" and os.path.isfile(os.path.join(folder, "segments")):
        listing, records = "segments", _cut(list_path, os.path.join(folder, "segments"))
    else:
        listing, records = found[0], (as_record(entry, list_path) for entry in read_scp(list_path))
    for record in records:
        target = targets.pop(record.key, None)
        yield replace(record, target=target, speaker=speakers.get(record.key))
    for key, target in targets.items():
        error = f"{folder}/text: utterance {key} has no line in {listing} (run utils/fix_data_dir.sh {folder})"
        yield Utterance(key, target=target, speaker=speakers.get(key), status="error", error=error)


def as_record(entry: ScpEntry, path: str) -> Utterance:
    """A line of a list as a record, under its line number where it has no key."""
    if not entry.error:
        return Utterance(entry.key, entry.value)
    key = entry.key or f"{os.path.basename(display_name(path))}:{entry.line}"
    return Utterance(key, entry.value, status="error", error=entry.error)


def _cut(list_path: str, segments_path: str) -> Iterator[Utterance]:
    """The segments in their order, after the lines of wav.scp that cannot be used."""
    sources = {}
    for entry in read_scp(list_path):
        if entry.error:
            yield as_record(entry, list_path)
        else:
            sources[entry.key] = entry.value
    for segment in read_segments(segments_path):
        yield _cut_out(segment, sources, list_path, segments_path)


def _cut_out(segment: Segment, sources: dict[str, str], list_path: str, segments_path: str) -> Utterance:
    key = segment.key or f"segments:{segment.line}"
    error = segment.error
    if not error and segment.recording not in sources:
        where = f"{segments_path}:{segment.line}"
        folder = os.path.dirname(segments_path) or "."
        error = (
            f"{where}: recording {segment.recording} has no line in {list_path} (run utils/fix_data_dir.sh {folder})"
        )
    if error:
        return Utterance(key, recording=segment.recording or None, status="error", error=error)
    return Utterance(
        key,
        sources[segment.recording],
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        channel=segment.channel,
        recording=segment.recording,
    )


def _side_table(path: str) -> Generator[Utterance, None, dict[str, str]]:
    """The values of a table that need not be there; its bad lines are yielded as records with an error."""
    table = {}
    if os.path.isfile(path):
        for entry in read_scp(path, allow_empty=os.path.basename(path) == "text"):
            if entry.error:
                yield replace(as_record(entry, path), source="")
            else:
                table[entry.key] = entry.value
    return table
