"""A corpus on disk to data directories: wav.scp, text and utt2spk of each part, by lhotse's recipe where it has one."""

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from asrtools.errors import DataError
from asrtools.hub.place import quiet_bars
from asrtools.io.scp import to_line
from asrtools.io.text_file import atomic_write

FILES = ("wav.scp", "text", "utt2spk", "spk2utt")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FSDD_TEST_RECORDINGS = 5  # of each digit and speaker; its publisher's split

# of data sets on modelscope, the published name first
AUDIO_COLUMNS = ("Audio:FILE", "audio:FILE", "audio", "wav", "path", "file")
TEXT_COLUMNS = ("Text:LABEL", "text:LABEL", "text", "sentence", "transcription", "transcript", "label")


class Line(NamedTuple):
    key: str
    source: str
    text: str
    speaker: str = ""


def prepare(name: str, root: Path, parts: Iterable[str], to: Path) -> list[Path]:
    """Data directories under `to` of a corpus that lies unpacked in `root`; of `parts` where it comes in parts."""
    read = {"fsdd": _fsdd}.get(name) or _through_lhotse(name)
    folders = []
    for part, lines in read(root, list(parts)):
        write_data_dir(to / part, lines)
        folders.append(to / part)
    if not folders:
        raise DataError(f"{root}: nothing of {name} is found there; was it unpacked whole?")
    return folders


def write_data_dir(folder: Path, lines: Iterable[Line]) -> int:
    """wav.scp, text, utt2spk and spk2utt in Kaldi's order; how many utterances. They appear when all is written."""
    ordered = sorted(lines, key=lambda line: line.key.encode())
    if not ordered:
        raise DataError(f"{folder}: no utterance was found for it")
    folder.mkdir(parents=True, exist_ok=True)
    speakers: dict[str, list[str]] = {}
    with ExitStack() as stack:
        files = {name: stack.enter_context(atomic_write(folder / name)) for name in FILES}
        for line in ordered:
            files["wav.scp"].write(to_line(line.key, line.source))
            files["text"].write(to_line(line.key, line.text))
            files["utt2spk"].write(to_line(line.key, line.speaker or line.key))
            speakers.setdefault(line.speaker or line.key, []).append(line.key)
        for speaker in sorted(speakers, key=str.encode):
            files["spk2utt"].write(to_line(speaker, " ".join(speakers[speaker])))
    return len(ordered)


def rows_to_lines(rows: Iterable[Mapping[str, Any]], name: str) -> Iterator[Line]:
    """The rows of a table with a column of recordings and one of texts."""
    columns: tuple[str, str] | None = None
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        if columns is None:
            columns = _column(row, AUDIO_COLUMNS, "recordings", name), _column(row, TEXT_COLUMNS, "texts", name)
        audio = row[columns[0]]
        source = audio.get("path") if isinstance(audio, Mapping) else audio
        if not isinstance(source, str | os.PathLike) or not os.fspath(source):
            raise DataError(
                f"{name}: row {number} has {audio!r} as its {columns[0]}; the path of a recording is wanted"
            )
        source = os.path.abspath(source)
        key = Path(source).stem.replace(" ", "_")
        if key in seen:  # recordings of one name in two folders
            key = f"{Path(source).parent.name}-{key}".replace(" ", "_")
        seen.add(key)
        yield Line(key, source, " ".join(str(row[columns[1]]).split()))


def _column(row: Mapping[str, Any], names: tuple[str, ...], kind: str, where: str) -> str:
    found = next((name for name in names if name in row), None)
    if found is None:
        raise DataError(f"{where}: has no column of {kind}; its columns are {', '.join(row)}")
    return found


def _fsdd(root: Path, _: list[str]) -> Iterator[tuple[str, list[Line]]]:
    parts: dict[str, list[Line]] = {"train": [], "test": []}
    for path in sorted(root.rglob("*.wav")):
        digit, _, rest = path.stem.partition("_")
        speaker, _, index = rest.rpartition("_")
        if not (digit.isdecimal() and index.isdecimal() and speaker and int(digit) < len(DIGITS)):
            continue
        part = "test" if int(index) < FSDD_TEST_RECORDINGS else "train"
        key = f"{speaker}-{digit}-{int(index):02d}"  # by speaker first, as Kaldi wants it sorted
        parts[part].append(Line(key, str(path.absolute()), DIGITS[int(digit)], speaker))
    for part, lines in parts.items():
        if lines:
            yield part, lines


def _through_lhotse(name: str) -> Callable[[Path, list[str]], Iterator[tuple[str, list[Line]]]]:
    module = "librispeech" if name.endswith("librispeech") else name
    os.environ.setdefault("LHOTSE_AUDIO_BACKEND", "LibsndfileBackend")  # an unusable torchaudio breaks the others
    with quiet_bars():
        recipe = getattr(importlib.import_module(f"lhotse.recipes.{module}"), f"prepare_{module}")

    def read(root: Path, parts: list[str]) -> Iterator[tuple[str, list[Line]]]:
        chosen = {"dataset_parts": parts} if module == "librispeech" else {}
        try:
            manifests = recipe(root, **chosen)
        except (AssertionError, OSError, ValueError) as error:
            cause = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{root}: lhotse's recipe for {name} stops: {cause}; was it unpacked whole?") from error
        for part, manifest in manifests.items():
            yield part, list(_lines_of(manifest))

    return read


def _lines_of(manifest: Mapping[str, Any]) -> Iterator[Line]:
    sources = {recording.id: recording.sources[0].source for recording in manifest["recordings"]}
    for supervision in manifest["supervisions"]:
        source = os.path.abspath(sources[supervision.recording_id])
        yield Line(supervision.id, source, supervision.text or "", supervision.speaker or "")
