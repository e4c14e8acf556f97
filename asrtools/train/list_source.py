"""What a training list may be: jsonl files, Kaldi data directories, or a list of the names of such."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from asrtools.errors import DataError
from asrtools.io.ark import holds_features, read_matrix
from asrtools.io.scp import read_scp
from asrtools.io.source import read_inputs
from asrtools.io.text_file import GZIP_MAGIC, UNREADABLE, UTF8_BOM, read_failure
from asrtools.record import Utterance
from asrtools.tasks import training_list

MANY, MOST_JOBS = 2000, 8  # headers that are read by several processes

Lists = str | Path | Sequence[str | Path]


def parts_of(lists: Lists, num_parts: int = 1, takes_text: bool = False) -> list[list[str]]:
    """The files and directories of rows in up to `num_parts` parts, as even as whole files are.

    `takes_text`: plain text is rows too, unless its first line names jsonl files or directories.
    """
    names: list[str] = []
    for one in [lists] if isinstance(lists, str | Path) else lists:
        is_text = takes_text and not is_rows(one) and not is_rows(_first_line(one))
        names += [str(one)] if is_text or is_rows(one) else _named_in(one)
    if not names:
        raise DataError(f"{lists}: is empty; should be a .jsonl file, a data directory, or a list of such")
    size = -(-len(names) // max(1, num_parts))
    return [names[first : first + size] for first in range(0, len(names), size)]


def is_rows(path: str | Path) -> bool:
    """Whether it is rows itself, and not a list of such."""
    return str(path).endswith((".jsonl", ".json")) or os.path.isdir(path)


def _first_line(path: str | Path) -> str:
    return next((raw.decode("utf-8", "replace").strip() for _, _, raw in raw_lines(str(path))), "")


def _named_in(path: str | Path) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); should be a .jsonl file, a data directory, or a list of such"
        ) from error
    names = [line.strip() for line in lines if line.strip()]
    for name in names:
        if not is_rows(name):
            raise DataError(
                f"{path}: names {name[:60]!r}; a list of lists should have a .jsonl file or a data directory a line"
            )
    return names


def raw_lines(path: str) -> Iterator[tuple[int, int, bytes]]:
    """Number, place and bytes of every line of a file that is not blank."""
    try:
        with open(path, "rb") as stream:
            offset = 0
            for number, raw in enumerate(stream, 1):
                if number == 1 and raw.startswith(GZIP_MAGIC):
                    raise DataError(f"{path}: is gzip, and training reads its lines by place; unpack it")
                skip = len(UTF8_BOM) if number == 1 and raw.startswith(UTF8_BOM) else 0
                if raw[skip:].strip():
                    yield number, offset + skip, raw[skip:].rstrip(b"\r\n")
                offset += len(raw)
    except UNREADABLE as error:
        raise read_failure(path, error) from error


def utterances_of(folder: str, needs_source: bool = True, is_cut: bool = True) -> Iterator[Utterance]:
    """The rows of a data directory: wav.scp (cut by segments, if `is_cut`) or feats.scp, with text, tags and speakers.

    Without `needs_source`: its text alone.
    """
    path = Path(folder)
    if not needs_source:
        yield from (replace(one, target=one.text, text=None) for one in read_inputs([folder], "text"))
        return
    if not (path / "wav.scp").is_file():
        sources = list(read_inputs([folder], "fbank", tables=("utt2spk",)))
    elif is_cut:
        sources = training_list.read_sources(path)
    else:
        sources = list(read_inputs([str(path / "wav.scp")], "scp"))
    files = [(kind, file) for kind, file in training_list.files_of(path) if kind != "source"]
    columns = [training_list.read_column(kind, file) for kind, file in files]
    frames = _frames(path / "utt2num_frames")
    rows = training_list.join(sources, columns)
    if not frames and (path / "wav.scp").is_file():
        rows = training_list.with_lengths(rows, min(MOST_JOBS, os.cpu_count() or 1) if len(sources) > MANY else 1)
    for utterance in rows:
        yield replace(utterance, source_len=frames.get(utterance.key, utterance.source_len))
    there = {utterance.key for utterance in sources}
    for column in columns:
        for key, error in column.errors:
            yield Utterance(key, status="error", error=error)
        for key in column.values:
            if column.kind == "target" and key not in there:
                yield Utterance(key, status="error", error=f"it is in {column.path} and has no audio")


def _frames(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    return {entry.key: int(entry.value) for entry in read_scp(path) if not entry.error and entry.value.isdecimal()}


def measured(utterance: Utterance) -> int:
    """How many frames of 10 ms an utterance has, whose list does not say so."""
    if holds_features(utterance.source):
        return len(read_matrix(utterance.source))
    done = next(iter(training_list.with_lengths([utterance])))
    if done.source_len is None:
        raise DataError(done.error or f"{utterance.key}: cannot be fetched")
    return done.source_len
