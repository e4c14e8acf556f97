"""What shards made of parts of one list, as if one process had made it of the whole, in the order of the list.

Every shard's files are read side by side, a line of each at a time, so that a list of any length takes the memory of a
few lines. Nothing appears in the output before everything is there and counted.
"""

import contextlib
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from asrtools.errors import DataError
from asrtools.io.result_dir import ERRORS, JOURNAL, RTF, RUN
from asrtools.io.text_file import StagedFile, raise_if_disk

TOTAL = b"rtf_avf"  # [sic] the key of rtf's last line
# where lines are of a recording and not of a record of the list, and which word of a line names it
BY_RECORDING = {"segments": 1, "rttm": 1, "ctm": 0}


@dataclass(frozen=True)
class Merged:
    num_inputs: int
    num_errors: int
    num_missing: dict[str, int]  # by file: inputs without a line in it


class ShardFile:
    """A file of one shard, a line ahead."""

    def __init__(self, path: Path, stream: IO[bytes], key_of: Callable[[bytes], bytes]):
        self.path = path
        self._stream = stream
        self._key_of = key_of
        self.advance()

    def advance(self) -> None:
        self.line = self._stream.readline()
        if self.line and not self.line.endswith(b"\n"):
            raise DataError(f"{self.path}: its last line is cut short; run that shard again")
        self.key = self._key_of(self.line) if self.line else None


class Order:
    """The keys of the list and its recordings in files, a line each; going through the list again takes longer."""

    def __init__(self, inputs: Iterable[tuple[str, str | None]], out: Path, stack: contextlib.ExitStack):
        self.num_inputs = 0
        self.keys, self.recordings = (out / f".{name}.{os.getpid()}.tmp" for name in ("keys", "recordings"))
        for path in (self.keys, self.recordings):
            stack.callback(path.unlink, missing_ok=True)
        last = None
        seen: set[str] = set()
        with open(self.keys, "wb") as keys, open(self.recordings, "wb") as recordings:
            for key, recording in inputs:
                self.num_inputs += 1
                keys.write(_encoded(key) + b"\n")
                name = recording or key
                if name != last and name not in seen:
                    recordings.write(_encoded(name) + b"\n")
                    if recording:  # keys of a list stand once, recordings of segments may come again
                        seen.add(name)
                last = name

    def has(self, keys: set[bytes]) -> bool:
        """Whether all of these are keys of the list."""
        with open(self.keys, "rb") as lines:
            left = set(keys)
            for line in lines:
                left.discard(line[:-1])
                if not left:
                    return True
        return False

    def of(self, paths: Sequence[Path]) -> tuple[Path, Callable[[bytes], bytes]]:
        """The order of these files, which are one file of every shard, and what reads a line's key."""
        name = paths[0].name
        if name.endswith(".jsonl"):
            keys = {_json_key(line) for path in paths for line in _telling_line(path)}
            return (self.keys, _json_key) if self.has(keys) else (self.recordings, _json_recording)
        kind = name.rpartition(".")[2]
        if kind in BY_RECORDING:
            return self.recordings, partial(_word, BY_RECORDING[kind])
        return self.keys, partial(_word, 0)


def _telling_line(path: Path) -> Iterable[bytes]:
    """The first record that names its recording, which tells segments of the list from segments of its inputs."""
    with open(path, "rb") as file:
        first = next(iter(file), b"")
        if not first or json.loads(first).get("recording"):
            return [first] if first else []
        return [next((line for line in file if b'"recording"' in line), first)]


def _word(column: int, line: bytes) -> bytes:
    words = line.replace(b"\t", b" ").rstrip(b"\r\n").split(b" ", column + 1)
    return words[column] if len(words) > column else b""


def _json_key(line: bytes) -> bytes:
    return _encoded(json.loads(line)["key"])


def _json_recording(line: bytes) -> bytes:
    record = json.loads(line)
    return _encoded(record.get("recording") or record["key"])


def _encoded(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def merge_shards(inputs: Iterable[tuple[str, str | None]], shards: Sequence[Path], out: Path) -> Merged:
    """`out` with every file that the shards have, merged; archives stay where they are, the lists point there.

    `inputs`: key and recording of each record of the list. Result files of which the shards have `run.json` must
    have a line for each input, or its error.
    """
    _check_finished(shards)
    out.mkdir(parents=True, exist_ok=True)
    names = sorted({name for shard in shards for name in _names(shard)})
    if not names:
        raise DataError(f"{shards[0]}: holds no lists to merge; name the directories that the shards wrote")
    with contextlib.ExitStack() as stack:
        staged: list[StagedFile] = []

        def new(name: str) -> IO:
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            file = StagedFile(path)
            stack.callback(file.discard)
            staged.append(file)
            return file.stream

        try:
            order = Order(inputs, out, stack)
            is_complete = any((shard / RUN).is_file() for shard in shards)
            errors = _errors(shards)
            # a line without a usable key has its error under its place in the shard's list
            num_errors = sum(map(len, errors.values()))
            missing = {}
            for name in names:
                if Path(name).name == ERRORS:
                    _write_errors(order.keys, errors, new(name))
                    continue
                missing[name], first = _merge(order, shards, name, errors, new(name))
                if is_complete and name.endswith("_recog/text") and missing[name] != num_errors:
                    raise DataError(
                        f"{out}: {missing[name]} of {order.num_inputs} inputs have no text, "
                        f"and {num_errors} have an error"
                        f"{f'; {first} has neither' if first else ''}; run the shards again"
                    )
            if is_complete:
                _write_run(shards, new(RUN))
            for file in staged:
                file.finish()
            for file in staged:
                file.commit()
        except OSError as error:
            raise_if_disk(out, error)
            raise
    return Merged(order.num_inputs, num_errors, missing)


def _check_finished(shards: Sequence[Path]) -> None:
    for shard in shards:
        if not shard.is_dir():
            raise DataError(f"{shard}: is no directory; run that shard first")
        if (shard / JOURNAL).is_file() and not (shard / RUN).is_file():
            raise DataError(f"{shard}: was not finished, it has {JOURNAL} and no {RUN}; run it again with --resume")


def _names(shard: Path) -> Iterable[str]:
    for folder, _, files in os.walk(shard):
        for file in files:
            if not (file.startswith(".") or file.endswith((".ark", ".log")) or file in (JOURNAL, RUN)):
                yield os.path.relpath(os.path.join(folder, file), shard)


def _merge(
    order: Order, shards: Sequence[Path], name: str, errors: dict[bytes, list[bytes]], merged: IO[bytes]
) -> tuple[int, str]:
    """How many inputs have no line, and the first of them that has no error either."""
    is_rtf = Path(name).name == RTF
    missing, first = 0, ""
    paths = [shard / name for shard in shards if (shard / name).is_file()]
    listed, key_of = order.of(paths)
    with contextlib.ExitStack() as stack:
        heads: dict[bytes, list[ShardFile]] = {}
        for path in paths:
            _put(heads, ShardFile(path, stack.enter_context(open(path, "rb")), key_of), is_rtf)
        with open(listed, "rb") as keys:
            for line in keys:
                key = line[:-1]
                if key not in heads:
                    missing += 1
                    if not first and key not in errors:
                        first = _shown(key)
                    continue
                file = heads[key].pop(0)
                if not heads[key]:
                    del heads[key]
                while file.key == key:
                    merged.write(file.line)
                    file.advance()
                _put(heads, file, is_rtf)
        for key, files in heads.items():
            raise DataError(
                f"{files[0].path}: {_shown(key)} is not in the list, or not in its order; give the list of that run"
            )
    if is_rtf:
        merged.write(_rtf_total(shards, name))
    return missing, first


def _put(heads: dict[bytes, list[ShardFile]], file: ShardFile, is_rtf: bool) -> None:
    if file.key is not None and not (is_rtf and file.key == TOTAL):
        heads.setdefault(file.key, []).append(file)


def _errors(shards: Sequence[Path]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for shard in shards:
        if (shard / ERRORS).is_file():
            with open(shard / ERRORS, "rb") as file:
                for line in file:
                    found.setdefault(_json_key(line), []).append(line)
    return found


def _write_errors(order: Path, errors: dict[bytes, list[bytes]], merged: IO[bytes]) -> None:
    rest = dict(errors)
    with open(order, "rb") as keys:
        for line in keys:
            merged.writelines(rest.pop(line[:-1], ()))
    for lines in rest.values():
        merged.writelines(lines)


def _rtf_total(shards: Sequence[Path], name: str) -> bytes:
    frames, spent = 0, 0.0
    for shard in shards:
        with open(shard / name, "rb") as file:
            last = deque(file, 1)
        found = last and re.search(rb"feature length total: (\d+), forward_time total: ([\d.]+)", last[0])
        if not found:
            raise DataError(f"{shard / name}: has no line {TOTAL.decode()} at its end; run that shard again")
        frames, spent = frames + int(found[1]), spent + float(found[2])
    sums = _sums(shards)
    rate = spent / sums["audio_seconds"] if sums["audio_seconds"] else 0.0
    return (
        f"{TOTAL.decode()} decoding, feature length total: {frames}, forward_time total: {spent:.4f}, "
        f"rtf avg: {rate:.4f}\n"
    ).encode()


def _sums(shards: Sequence[Path]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    seconds = forward = 0.0
    for shard in shards:
        run = json.loads((shard / RUN).read_text())
        for status, count in run.get("counts", {}).items():
            counts[status] = counts.get(status, 0) + count
        seconds += run.get("audio_seconds", 0.0)
        forward += run.get("forward_seconds", 0.0)
    return {
        "counts": counts,
        "audio_seconds": round(seconds, 3),
        "forward_seconds": round(forward, 3),
        "real_time_factor": round(forward / seconds, 5) if seconds else 0.0,
    }


def _write_run(shards: Sequence[Path], merged: IO[bytes]) -> None:
    run = {"shards": [str(shard) for shard in shards], **_sums(shards)}
    merged.write((json.dumps(run, ensure_ascii=False, indent=1) + "\n").encode())


def _shown(key: bytes) -> str:
    return key.decode("utf-8", "replace")
