"""A training list by number: where each line stands and how long its audio and text are; lines are read when wanted.

A million rows take some 30 MB here, whatever stands in them; rows that the length limits leave out are counted.
"""

import hashlib
import json
import os
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from asrtools.errors import DataError
from asrtools.io.jsonl import from_line
from asrtools.io.text_file import GZIP_MAGIC, UNREADABLE, UTF8_BOM, read_failure
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.tasks.training_list import text_length, with_lengths

MOST_OPEN = 64  # files of a list of lists
EXAMPLES = 5  # rows of a reason that are named


@dataclass(frozen=True)
class Limits:
    """Lengths that rows are kept within; audio in frames of 10 ms, text in tokens as the list counts them."""

    max_source_length: float = 2048
    min_source_length: float = 0
    max_target_length: float = 2048
    min_target_length: float = 0
    max_token_length: float = 2200
    length_scale_source: float = 1.0

    def reason(self, source_len: float, target_len: float) -> str:
        """Why a row is left out; "" where it is not."""
        if source_len > self.max_source_length:
            return f"source_len above {self.max_source_length}"
        if source_len < self.min_source_length:
            return f"source_len below {self.min_source_length}"
        if target_len > self.max_target_length:
            return f"target_len above {self.max_target_length}"
        if target_len < self.min_target_length:
            return f"target_len below {self.min_target_length}"
        if source_len / self.length_scale_source + target_len > self.max_token_length:
            return f"source_len + target_len above {self.max_token_length}"
        return ""


class LineStore:
    """Lines of files by place, read on demand; safe in forked and in spawned processes."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self._open: dict[int, BinaryIO] = {}

    def read(self, file: int, offset: int, size: int) -> bytes:
        stream = self._open.get(file)
        if stream is None:
            if len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            try:
                stream = self._open[file] = open(self.paths[file], "rb", buffering=0)  # noqa: SIM115
            except OSError as error:
                raise read_failure(self.paths[file], error) from error
        return os.pread(stream.fileno(), size, offset)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}


@tables.register("index_ds_classes", "IndexDSJsonlRankSplit")
@tables.register("index_ds_classes", "IndexDSJsonlRankFull")
@tables.register("index_ds_classes", "IndexDSJsonl")
class ListIndex:
    """The rows of a jsonl file, or of the jsonl files that a list names, `data_split_num` parts of it in turn.

    `dropped` counts the rows left out by reason, `examples` names some; `parts` are ranges of rows that an epoch goes
    through in turn. Every rank has the whole index, and the sampler divides it.
    """

    needs_text = True
    needs_source = True

    def __init__(
        self,
        path: str | Path,
        max_source_length: float = 2048,
        min_source_length: float = 0,
        max_target_length: float = 2048,
        min_target_length: float = 0,
        max_token_length: float = 2200,
        length_scale_source: float = 1.0,
        data_split_num: int = 1,
        is_training: bool = True,
    ):
        self.limits = Limits(
            max_source_length,
            min_source_length,
            max_target_length,
            min_target_length,
            max_token_length,
            length_scale_source,
        )
        self.dropped: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.parts: list[tuple[int, int]] = []
        self._store = LineStore()
        columns = {name: array(kind) for name, kind in _COLUMNS.items()}
        for files in _files(path, data_split_num if is_training else 1):
            first = len(columns["offset"])
            for file in files:
                self._add_file(file, columns)
            if len(columns["offset"]) > first:
                self.parts.append((first, len(columns["offset"])))
        self.source_lens = _as_numpy(columns["source_len"])
        self.target_lens = _as_numpy(columns["target_len"])
        self.key_hashes = _as_numpy(columns["key"])
        self._file, self._offset, self._size = (_as_numpy(columns[name]) for name in ("file", "offset", "size"))

    def __len__(self) -> int:
        return len(self._offset)

    def __getitem__(self, index: int) -> Utterance:
        place = int(self._file[index]), int(self._offset[index]), int(self._size[index])
        return from_line(self._store.read(*place).decode("utf-8"), self._where(place[0], place[1]))

    def get_source_len(self, index: int) -> int:
        return int(self.source_lens[index])

    def get_target_len(self, index: int) -> int:
        return int(self.target_lens[index])

    def _where(self, file: int, offset: int) -> str:
        return f"{self._store.paths[file]}@{offset}"

    def _add_file(self, path: str, columns: dict[str, array]) -> None:
        number = len(self._store.paths)
        self._store.paths.append(path)
        for line, offset, raw in _raw_lines(path):
            row = self._read(raw, f"{path}:{line}")
            if row is not None:
                key, source_len, target_len = row
                values = (number, offset, len(raw), source_len, target_len, hash_of(key))
                for column, value in zip(columns.values(), values, strict=True):
                    column.append(value)

    def _read(self, raw: bytes, where: str) -> tuple[str, int, int] | None:
        """key, source_len and target_len of a line that is kept."""
        try:
            data = json.loads(raw)
        except ValueError as error:  # JSON or UTF-8
            self._drop("not a line of JSON", f"{where} ({str(error).partition(':')[0]})")
            return None
        key = data.get("key") if isinstance(data, dict) else None
        if not isinstance(key, str) or not key:
            self._drop("no key", where)
            return None
        if self.needs_source and not data.get("source"):
            self._drop("no source", key)
            return None
        target = data.get("target")
        if self.needs_text and not (isinstance(target, str) and target.strip()):
            self._drop("no target", key)
            return None
        source_len, target_len = data.get("source_len"), data.get("target_len")
        if not _is_length(source_len):
            source_len = self.measure(data, where)
            if source_len is None:
                return None
        if not _is_length(target_len):
            target_len = text_length(target) if isinstance(target, str) else 0
        reason = self.limits.reason(source_len, target_len)
        if reason:
            self._drop(reason, key)
            return None
        return key, int(source_len), int(target_len)

    def measure(self, data: dict[str, Any], where: str) -> int | None:
        """Frames of a row that does not say so; None (and counted) where its audio cannot be opened."""
        utterance = from_line(json.dumps(data), where)
        done = next(iter(with_lengths([utterance])))
        if done.status == "error" or done.source_len is None:
            self._drop("no source_len, and the audio cannot be opened", done.key)
            return None
        return done.source_len

    def _drop(self, reason: str, name: str) -> None:
        self.dropped[reason] += 1
        named = self.examples.setdefault(reason, [])
        if len(named) < EXAMPLES:
            named.append(name)


_COLUMNS = {"file": "i", "offset": "q", "size": "i", "source_len": "i", "target_len": "i", "key": "q"}


def _as_numpy(column: array) -> np.ndarray:
    return np.frombuffer(column, dtype=column.typecode) if len(column) else np.zeros(0, dtype=column.typecode)


def hash_of(text: str) -> int:
    """63 bits, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little") >> 1


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def is_jsonl(path: str | Path) -> bool:
    return str(path).endswith((".jsonl", ".json"))


def _files(path: str | Path, num_parts: int) -> list[list[str]]:
    """The jsonl files in `num_parts` parts, as even as whole files are; empty parts are left out."""
    if is_jsonl(path):
        return [[str(path)]]
    try:
        names = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); should be a .jsonl file or a list of such files") from error
    names = [name for name in names if name]
    for name in names:
        if not is_jsonl(name):
            raise DataError(f"{path}: names {name[:60]!r}; a list of lists should have the name of a jsonl file a line")
    if not names:
        raise DataError(f"{path}: is empty; should be a .jsonl file or a list of such files")
    size = -(-len(names) // max(1, num_parts))
    return [names[first : first + size] for first in range(0, len(names), size)]


def _raw_lines(path: str) -> Iterator[tuple[int, int, bytes]]:
    """Number, place and bytes of every line that is not blank."""
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
