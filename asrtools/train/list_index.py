"""A training list by number: where each line stands and how long its audio and text are; lines are read when wanted.

A million rows take some 50 MB here, whatever stands in them; rows that the length limits leave out are counted.
"""

import hashlib
import json
from array import array
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from asrtools.errors import DataError
from asrtools.io.jsonl import from_object, to_line
from asrtools.io.scp import split_key
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.tasks.training_list import text_length
from asrtools.train.length_limit import Limits
from asrtools.train.line_store import LineStore
from asrtools.train.list_source import Lists, is_rows, measured, parts_of, raw_lines, utterances_of

EXAMPLES = 5  # rows of a reason that are named
FRAME_MS = 10
_COLUMNS = {
    "file": "i",
    "offset": "q",
    "size": "i",
    "source_len": "i",
    "target_len": "i",
    "piece": "i",
    "key": "q",
    "source": "q",
}


@tables.register("index_ds_classes", "IndexDSJsonlRankSplit")
@tables.register("index_ds_classes", "IndexDSJsonlRankFull")
@tables.register("index_ds_classes", "IndexDSJsonl")
class ListIndex:
    """The rows of jsonl files and data directories, or of those that a list names, `data_split_num` parts in turn.

    `dropped` counts the rows left out by reason, `examples` names some; `parts` are ranges of rows that an epoch goes
    through in turn. Every rank has the whole index, and the sampler divides it. Without `needs_source` rows are texts,
    and lists may be plain text (a file named `text` has keys). `window`: frames that longer recordings are cut into.
    """

    def __init__(
        self,
        path: Lists,
        max_source_length: float = 2048,
        min_source_length: float = 0,
        max_target_length: float = 2048,
        min_target_length: float = 0,
        max_token_length: float = 2200,
        min_token_length: float = 0,
        length_scale_source: float = 1.0,
        data_split_num: int = 1,
        is_training: bool = True,
        needs_source: bool = True,
        needs_text: bool = True,
        is_cut: bool = True,
        window: int = 0,
        **_: Any,  # published index classes are given the whole dataset_conf
    ):
        self.limits = Limits(
            max_source_length,
            min_source_length,
            max_target_length,
            min_target_length,
            max_token_length,
            min_token_length,
            length_scale_source,
        )
        self.needs_source, self.needs_text, self.is_cut, self.window = needs_source, needs_text, is_cut, window
        self.dropped: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.parts: list[tuple[int, int]] = []
        self._store = LineStore()
        columns = {name: array(kind) for name, kind in _COLUMNS.items()}
        for names in parts_of(path, data_split_num if is_training else 1, takes_text=not needs_source):
            first = len(columns["offset"])
            for name in names:
                self._add(name, columns)
            if len(columns["offset"]) > first:
                self.parts.append((first, len(columns["offset"])))
        kept = {name: _as_numpy(column) for name, column in columns.items()}
        self.source_lens, self.target_lens = kept["source_len"], kept["target_len"]
        self.key_hashes, self.source_hashes = kept["key"], kept["source"]
        self._places, self._pieces = (kept["file"], kept["offset"], kept["size"]), kept["piece"]

    def __len__(self) -> int:
        return len(self.source_lens)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The row as it stands in the list."""
        file, offset, size = (int(column[index]) for column in self._places)
        raw, name = self._store.read(file, offset, size), self._store.names[file]
        return json.loads(raw) if is_rows(name) else _text_row(raw, name, offset)

    def utterance(self, index: int) -> Utterance:
        """The row as a record; of a recording cut into windows, the span of this one."""
        where = f"{self._store.names[int(self._places[0][index])]}: row {index + 1}"
        utterance = from_object(self[index], where)
        if utterance.status == "error" or not self.window:
            return utterance
        begin = utterance.start_ms + int(self._pieces[index]) * self.window * FRAME_MS
        end = begin + int(self.source_lens[index]) * FRAME_MS
        return replace(utterance, start_ms=begin, end_ms=end)

    def get_source_len(self, row: int | dict[str, Any]) -> int:
        return int(self.source_lens[row]) if isinstance(row, int) else int(row.get("source_len") or 1)

    def get_target_len(self, row: int | dict[str, Any]) -> int:
        return int(self.target_lens[row]) if isinstance(row, int) else int(row.get("target_len") or 0)

    def _add(self, name: str, columns: dict[str, array]) -> None:
        file = self._store.add(name)
        if not Path(name).is_dir():
            for line, offset, raw in raw_lines(name):
                row = self._parsed(raw, f"{name}:{line}") if is_rows(name) else _text_row(raw, name, offset)
                if row is not None:
                    self._add_row(row, f"{name}:{line}", (file, offset, len(raw)), columns)
            return
        held = bytearray()
        for utterance in utterances_of(name, self.needs_source, self.is_cut):
            if utterance.status == "error":
                self._drop("no usable audio or text in the data directory", f"{utterance.key} ({utterance.error})")
                continue
            raw = to_line(utterance).encode("utf-8")
            if self._add_row(json.loads(raw), name, (file, len(held), len(raw)), columns):
                held += raw
        self._store.hold(file, bytes(held))

    def _add_row(self, row: dict[str, Any], where: str, place: tuple[int, int, int], columns: dict[str, array]) -> bool:
        lens = self._lens(row, where)
        if lens is None:
            return False
        source_len, target_len = lens
        window = self.window or max(1, source_len)
        key, source = hash_of(row["key"]), _source_hash(row)
        for piece, begin in enumerate(range(0, max(1, source_len), window)):
            values = (*place, min(window, source_len - begin), target_len, piece, key, source)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
        return True

    def _parsed(self, raw: bytes, where: str) -> dict[str, Any] | None:
        try:
            row = json.loads(raw)
        except ValueError as error:  # JSON or UTF-8
            self._drop("not a line of JSON", f"{where} ({str(error).partition(':')[0]})")
            return None
        if isinstance(row, dict) and isinstance(row.get("key"), str) and row["key"]:
            return row
        self._drop("no key", where)
        return None

    def _lens(self, row: dict[str, Any], where: str) -> tuple[int, int] | None:
        """source_len and target_len of a row that is kept."""
        key, target = row["key"], row.get("target")
        if self.needs_source and not row.get("source"):
            self._drop("no source", key)
            return None
        if self.needs_text and not (isinstance(target, str) and target.strip()):
            self._drop("no target", key)
            return None
        source_len, target_len = row.get("source_len"), row.get("target_len")
        if not self.needs_source:
            source_len, target_len = text_length(target), 0
        if not _is_length(source_len):
            source_len = self._measured(row, where)
            if source_len is None:
                return None
        if not _is_length(target_len):
            target_len = text_length(target) if isinstance(target, str) else 0
        reason = self.limits.reason(source_len, target_len)
        if reason:
            self._drop(reason, key)
            return None
        return int(source_len), int(target_len)

    def _measured(self, row: dict[str, Any], where: str) -> int | None:
        """Frames of a row that does not say so; None (and counted) where its audio cannot be opened."""
        utterance = from_object(row, where)
        try:
            if utterance.status == "error":
                raise DataError(str(utterance.error))
            return measured(utterance)
        except DataError as error:
            self._drop("no source_len, and the audio cannot be opened", f"{utterance.key} ({error})")
            return None

    def _drop(self, reason: str, name: str) -> None:
        self.dropped[reason] += 1
        named = self.examples.setdefault(reason, [])
        if len(named) < EXAMPLES:
            named.append(name)


def _text_row(raw: bytes, name: str, offset: int) -> dict[str, Any]:
    """A line of plain text, or of Kaldi's `text`, which begins with a key."""
    line = raw.decode("utf-8", "replace").strip()
    if Path(name).name == "text":
        key, target = split_key(line)
        return {"key": key, "target": target}
    return {"key": f"{Path(name).name}@{offset}", "target": line}


def _as_numpy(column: array) -> np.ndarray:
    return np.frombuffer(column, dtype=column.typecode) if len(column) else np.zeros(0, dtype=column.typecode)


def hash_of(text: str) -> int:
    """63 bits, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little") >> 1


def _source_hash(row: dict[str, Any]) -> int:
    """Of the audio, and of the part of it that a segment is; 0: it has none."""
    source = row.get("source")
    return hash_of(f"{source} {row.get('start_ms')} {row.get('end_ms')}") if source else 0


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
