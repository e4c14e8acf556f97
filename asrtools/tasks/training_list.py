"""wav.scp and text joined into the lines of a training list, and such lines taken apart again."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from asrtools.errors import DataError
from asrtools.io import segments
from asrtools.io.audio import probe
from asrtools.io.scp import read_scp
from asrtools.io.source import read_inputs
from asrtools.io.text_file import atomic_write
from asrtools.io.url import is_url
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


def files_of(directory: Path) -> list[tuple[str, Path]]:
    """(type, file) of what a data directory has for a training list."""
    return [(kind, directory / name) for kind, name in FILE_NAMES.items() if (directory / name).is_file()]


def type_of(path: str, position: int) -> str | None:
    """The type that a file's name or, for the first two, its place in the command gives it."""
    stem = Path(path).stem
    if stem in TAGS:
        return stem
    return ("source", "target")[position] if position < 2 else None


def read_sources(path: Path) -> list[Utterance]:
    """The recordings of wav.scp, or their segments where a segments file lies beside it; bad lines with their error."""
    data = path.parent if path.name == "wav.scp" and (path.parent / "segments").is_file() else path
    return list(read_inputs([str(data)], input_type="auto" if data != path else "scp", tables=("utt2spk",)))


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


def differences(
    sources: Sequence[Utterance], source_path: Path, columns: Iterable[Column]
) -> Iterator[tuple[str, str]]:
    """(key, sentence) for every key that one file has and another has not."""
    there = {utterance.key for utterance in sources}
    usable = dict.fromkeys(utterance.key for utterance in sources if utterance.status != "error")
    for column in columns:
        bad = {key for key, _ in column.errors}
        for key in usable:
            if key not in column.values and key not in bad:
                yield key, f"it is in {source_path} and not in {column.path}"
        for key in column.values:
            if key not in there:
                yield key, f"it is in {column.path} and not in {source_path}"


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
    return [_with_length(utterance) for utterance in utterances]


def _with_length(utterance: Utterance) -> Utterance:
    if utterance.status == "error":
        return utterance
    if utterance.end_ms is not None:
        return replace(utterance, source_len=(utterance.end_ms - utterance.start_ms) // 10)
    try:
        audio = probe(utterance.source, key=utterance.key)
    except DataError as error:
        return utterance if is_url(utterance.source) else replace(utterance, status="error", error=str(error))
    # 10 ms frames of what is there, rounded down, as the published lists count them at 16 kHz
    return replace(utterance, source_len=audio.num_samples * 100 // audio.rate - utterance.start_ms // 10)


class Splitter:
    """Lines of a training list to files of `key value` lines, which appear together when the block ends.

    With a `directory`, segments go to a segments file and their recordings to wav.scp, speakers to utt2spk.
    """

    def __init__(
        self,
        outputs: Mapping[str, Path],
        required: Iterable[str],
        directory: Path | None = None,
        separator: str = " ",
    ):
        self.outputs = outputs
        self.required = tuple(required)
        self.directory = directory
        self.separator = separator
        self._stack = contextlib.ExitStack()
        self._files: dict[Path, IO[str]] = {}
        self._recordings: dict[str, str] = {}

    def __enter__(self) -> "Splitter":
        for kind in self.required:
            self._file(self.outputs[kind])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if kind is None:
            for recording, source in self._recordings.items():
                self._put(self.outputs["source"], recording, source)
        self._stack.__exit__(kind, error, trace)

    def write(self, utterance: Utterance) -> None:
        """One line to its files, or a DataError and nothing written of it."""
        key = utterance.key
        values = {kind: value_of(utterance, kind) for kind in self.outputs}
        for kind, value in values.items():
            if value is None and kind in self.required:
                raise DataError(f"{key}: its line has no {kind}; give --allow-missing to go on without")
            if value is not None and "\n" in value:
                raise DataError(
                    f"{key}: its {kind} has a line break, so {self.outputs[kind]} cannot hold it; take it out"
                )
        if utterance.start_ms or utterance.end_ms is not None:
            span = utterance.start_ms, utterance.end_ms, utterance.channel
            segment = segments.Segment(key, self._recording_of(utterance), *span)
            self._file(self.directory / "segments").write(segments.to_line(segment) + "\n")
            del values["source"]
        for kind, value in values.items():
            if value is not None:
                self._put(self.outputs[kind], key, value)
        if self.directory is not None and utterance.speaker:
            self._put(self.directory / "utt2spk", key, utterance.speaker)

    def _recording_of(self, utterance: Utterance) -> str:
        """The key under which a segment's recording goes to wav.scp."""
        if self.directory is None:
            raise DataError(f"{utterance.key}: it is a segment of {utterance.source}; give a directory to write to")
        recording = utterance.recording or Path(utterance.source).stem
        known = self._recordings.setdefault(recording, utterance.source)
        if known != utterance.source:
            raise DataError(
                f"{utterance.key}: its recording {recording} is {known} in a line before, not {utterance.source}"
            )
        return recording

    def _put(self, path: Path, key: str, value: str) -> None:
        self._file(path).write(f"{key}{self.separator}{value}\n")

    def _file(self, path: Path) -> IO[str]:
        if path not in self._files:
            self._files[path] = self._stack.enter_context(atomic_write(path))
        return self._files[path]


def value_of(utterance: Utterance, kind: str) -> str | None:
    """The value of a type in a line, as text."""
    if kind == "source":
        return utterance.source or None
    value = utterance.target if kind == "target" else utterance.extra.get(kind)
    return None if value is None else str(value)
