"""Lines of a training list taken apart into wav.scp, text and their like."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from asrtools.errors import DataError
from asrtools.io import segments
from asrtools.io.scp import check_key, to_line
from asrtools.io.text_file import StagedFile, raise_if_disk
from asrtools.record import Utterance

# Record fields that a file of a data directory never holds; *_len are computed.
WITHOUT_FILE = ("text", "tokens", "sentences", "tags", "nbest", "status", "error")


class ListSplitter:
    """Writes lines to files of `key value` lines, which get their names together when the block ends well and at least
    one line was written; files of before stay otherwise.

    With a `directory`, speakers go to utt2spk; and where any line is a span or a channel of its recording, all lines go
    to segments and wav.scp holds the recordings. `unheld` counts, by name, the fields that went nowhere.
    """

    def __init__(
        self,
        outputs: Mapping[str, Path],
        required: Iterable[str],
        directory: Path | None = None,
        separator: str = " ",
    ):
        self.outputs = dict(outputs)
        self.required = tuple(required)
        self.directory = directory
        self.separator = separator
        self.unheld: Counter[str] = Counter()
        self._files: dict[Path, StagedFile] = {}
        self._recordings: dict[str, str] = {}
        self._has_segments = False

    def __enter__(self) -> "ListSplitter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            if kind is None:
                self._commit()
            elif isinstance(error, OSError):  # of a write, which is no single line's trouble
                raise_if_disk(self.directory or ", ".join(map(str, self._files)), error)
        finally:
            for file in self._files.values():
                file.discard()

    def write(self, utterance: Utterance) -> None:
        """One line to its files, or a DataError and nothing written of it."""
        key = utterance.key
        values = {kind: value_of(utterance, kind) for kind in self.outputs}
        for kind, value in values.items():
            if value is None and kind in self.required:
                raise DataError(f"{key}: its line has no {kind}; give --allow-missing to go on without")
        lines = {kind: to_line(key, value, self.separator) for kind, value in values.items() if value is not None}
        if self.directory is not None and utterance.speaker:
            check_key(utterance.speaker, f"{key}: its speaker {utterance.speaker!r}")
        if utterance.end_ms is not None and utterance.end_ms <= utterance.start_ms:
            raise DataError(f"{key}: it goes from {utterance.start_ms} to {utterance.end_ms} ms; the end comes later")
        is_part = bool(utterance.start_ms) or utterance.end_ms is not None or utterance.channel is not None
        if is_part and "source" in self.outputs and self.directory is None:
            raise DataError(f"{key}: it is a part of {utterance.source}; give a directory to write to")
        if self.directory is not None and values["source"] is not None:
            self._write_segment(utterance, is_part)
        for kind, line in lines.items():
            self._write(self.outputs[kind], line)
        if self.directory is not None and utterance.speaker:
            self._write(self.directory / "utt2spk", to_line(key, utterance.speaker))
        self._count_unheld(utterance)

    def _write_segment(self, utterance: Utterance, is_part: bool) -> None:
        key, source = utterance.key, utterance.source
        recording = utterance.recording or (Path(source).stem if is_part else key)
        known = self._recordings.setdefault(recording, source)
        if known != source:
            raise DataError(f"{key}: its recording {recording} is {known} in a line before, and {source} here")
        check_key(recording, f"{key}: its recording {recording!r}")
        self._has_segments |= is_part
        span = utterance.start_ms, utterance.end_ms, utterance.channel
        line = segments.to_line(segments.Segment(key, recording, *span))
        self._write(self.directory / "segments", line + "\n")

    def _count_unheld(self, utterance: Utterance) -> None:
        names = [name for name in WITHOUT_FILE if getattr(utterance, name)]
        names += [name for name in utterance.extra if name not in self.outputs and not name.endswith("_len")]
        if utterance.target is not None and "target" not in self.outputs:
            names.append("target")
        if utterance.speaker and self.directory is None:
            names.append("speaker")
        self.unheld.update(names)

    def _write(self, path: Path, line: str) -> None:
        if path not in self._files:
            if self.directory is not None:
                self.directory.mkdir(parents=True, exist_ok=True)
            self._files[path] = StagedFile(path, "w")
        self._files[path].stream.write(line)

    def _commit(self) -> None:
        if self.directory is not None:
            wav_scp, listing = self.outputs["source"], self.directory / "segments"
            if self._has_segments:  # wav.scp holds the recordings then
                self._files.pop(wav_scp).discard()
                for recording, source in self._recordings.items():
                    self._write(wav_scp, to_line(recording, source))
            elif listing in self._files:
                self._files.pop(listing).discard()
        for file in self._files.values():
            file.finish()
        for file in self._files.values():
            file.commit()


def value_of(utterance: Utterance, kind: str) -> str | None:
    """The value of a type in a line, as text."""
    if kind == "source":
        return utterance.source.strip() or None
    value = utterance.target if kind == "target" else utterance.extra.get(kind)
    return None if value is None else str(value)
