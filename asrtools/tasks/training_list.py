"""wav.scp, text and their like joined into the lines of a training list."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from asrtools.errors import DataError
from asrtools.io.audio import AudioInfo, probe, span_of
from asrtools.io.scp import read_scp
from asrtools.io.source import read_inputs
from asrtools.io.url import fetch, is_url
from asrtools.record import Utterance
from asrtools.tasks.ordered_map import ordered_map

# What a file of a data directory holds; the tags of the published training lists have no length beside them.
FILE_NAMES = {
    "source": "wav.scp",
    "target": "text",
    "text_language": "text_language",
    "emo_target": "emo_target",
    "event_target": "event_target",
    "with_or_wo_itn": "with_or_wo_itn",
    "prompt": "prompt",
}
TAGS = tuple(FILE_NAMES)[2:]
RESERVED = {field.name for field in fields(Utterance)} - {"source", "target"}  # computed, or of other commands


def files_of(directory: Path) -> list[tuple[str, Path]]:
    """(type, file) of what a data directory has for a training list; its recordings stand for the directory itself."""
    found = [(kind, directory / name) for kind, name in FILE_NAMES.items() if (directory / name).is_file()]
    return [(kind, directory if kind == "source" else path) for kind, path in found]


def type_of(path: str, position: int) -> str | None:
    """The type that a file's name or, for the first two, its place in the command gives it."""
    stem = Path(path).stem
    if stem in TAGS:
        return stem
    return ("source", "target")[position] if position < 2 else None


def read_sources(path: Path) -> list[Utterance]:
    """The recordings of a list, or of a data directory with its segments and speakers; bad lines with their error."""
    return list(read_inputs([str(path)], "scp", tables=("utt2spk",)))


@dataclass
class Column:
    """One file beside the sources: its values by key, and its bad lines."""

    kind: str
    path: Path
    values: dict[str, str]
    errors: list[tuple[str, str]]


def read_column(kind: str, path: Path) -> Column:
    column = Column(kind, path, {}, [])
    for entry in read_scp(path, allow_empty=True):
        if entry.error:
            column.errors.append((entry.key, entry.error))
        else:
            column.values[entry.key] = entry.value
    return column


def differences(sources: Sequence[Utterance], path: Path, columns: Iterable[Column]) -> Iterator[tuple[str, str]]:
    """(key, sentence) for every key that one file has and another has not; `path`: where the sources are from."""
    if path.is_dir():
        path = path / ("segments" if (path / "segments").is_file() else "wav.scp")
    there = {utterance.key for utterance in sources}
    usable = dict.fromkeys(utterance.key for utterance in sources if utterance.status != "error")
    for column in columns:
        bad = {key for key, _ in column.errors}
        for key in usable:
            if key not in column.values and key not in bad:
                yield key, f"it is in {path} and not in {column.path}"
        for key in column.values:
            if key not in there:
                yield key, f"it is in {column.path} and not in {path}"


def join(sources: Iterable[Utterance], columns: Sequence[Column]) -> Iterator[Utterance]:
    """Each source with what the columns have for it."""
    for utterance in sources:
        extra: dict[str, Any] = dict(utterance.extra)
        found = {column.kind: column.values[utterance.key] for column in columns if utterance.key in column.values}
        target = found.pop("target", None)
        for kind, value in found.items():
            extra[kind] = value
            if kind not in TAGS:
                extra[f"{kind}_len"] = text_length(value)
        length = None if target is None else text_length(target)
        yield replace(utterance, target=target, target_len=length, extra=extra)


def text_length(text: str) -> int:
    """The number of words of a spaced text, of characters of an unspaced one, as the published lists count."""
    return len(text.split()) if " " in text else len(text)


def with_lengths(utterances: Iterable[Utterance], nj: int = 1) -> Iterator[Utterance]:
    """Each utterance with source_len, from the header of its audio; a URL that cannot be had goes without."""
    for chunk in ordered_map(_lengths_of, utterances, nj, chunk=200):
        yield from chunk


def _lengths_of(utterances: list[Utterance]) -> list[Utterance]:
    done, source, audio = [], None, None
    for utterance in utterances:
        if utterance.status == "error":
            done.append(utterance)
            continue
        try:
            if utterance.source != source or audio is None:  # the segments of a recording follow one another
                source, audio = utterance.source, None
                audio = _probe(utterance)
            if audio is not None:
                first, last = span_of(audio, utterance.source, utterance.start_ms, utterance.end_ms)
                # in 10 ms frames, rounded down, as the published lists count them at 16 kHz
                utterance = replace(utterance, source_len=(last - first) * 100 // audio.rate)
            done.append(utterance)
        except DataError as error:
            done.append(replace(utterance, status="error", error=str(error)))
    return done


def _probe(utterance: Utterance) -> AudioInfo | None:
    """What the header says; None for a URL that cannot be had."""
    if is_url(utterance.source):
        try:
            fetch(utterance.source)
        except DataError:
            return None
    return probe(utterance.source, key=utterance.key)
