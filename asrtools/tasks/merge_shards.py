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
from pathlib import Path
from typing import IO, Any

from asrtools.errors import DataError
from asrtools.io.result_dir import ERRORS, JOURNAL, RTF, RUN
from asrtools.io.text_file import StagedFile, raise_if_disk

ORDER = "order"  # the keys of the whole list, a line each, while the merging goes on
TOTAL = b"rtf_avf"  # [sic] the key of rtf's last line
# of these the second word is the key of the input
BY_SECOND_WORD = (re.compile(r"(^|[./])segments$"), re.compile(r"(^|\.)rttm$"))


@dataclass(frozen=True)
class Merged:
    num_inputs: int
    num_errors: int
    num_missing: dict[str, int]  # by file: inputs without a line in it


class ShardFile:
    """A file of one shard, a line ahead."""

    def __init__(self, path: Path, stream: IO[bytes]):
        self.path = path
        self._stream = stream
        self._key_of = _key_reader(path.name)
        self.advance()

    def advance(self) -> None:
        self.line = self._stream.readline()
        if self.line and not self.line.endswith(b"\n"):
            raise DataError(f"{self.path}: its last line is cut short; run that shard again")
        self.key = self._key_of(self.line) if self.line else None


def _key_reader(name: str) -> Callable[[bytes], bytes]:
    if name.endswith(".jsonl"):
        return _json_key
    column = 1 if any(pattern.search(name) for pattern in BY_SECOND_WORD) else 0
    return lambda line: (line.replace(b"\t", b" ").split(None, column + 1) or [b""] * 2)[column].strip()


def _json_key(line: bytes) -> bytes:
    record = json.loads(line)
    return str(record.get("recording") or record["key"]).encode("utf-8", "surrogateescape")


def merge_shards(keys: Iterable[str], shards: Sequence[Path], out: Path) -> Merged:
    """`out` with every file that the shards have, merged; archives stay where they are, the lists point there."""
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
            num_inputs, order = _write_order(keys, out, stack)
            errors = _errors(shards)
            # a line without a usable key has its error under its place in the shard's list
            num_errors = sum(map(len, errors.values()))
            missing = {}
            for name in names:
                if Path(name).name == ERRORS:
                    _write_errors(order, errors, new(name))
                    continue
                missing[name], first = _merge(order, shards, name, errors, new(name))
                if name.endswith("_recog/text") and missing[name] != num_errors:
                    raise DataError(
                        f"{out}: {missing[name]} of {num_inputs} inputs have no text, and {num_errors} have an error"
                        f"{f'; {first} has neither' if first else ''}; run the shards again"
                    )
            if any((shard / RUN).is_file() for shard in shards):
                _write_run(shards, new(RUN))
            for file in staged:
                file.finish()
            for file in staged:
                file.commit()
        except OSError as error:
            raise_if_disk(out, error)
            raise
    return Merged(num_inputs, num_errors, missing)


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


def _write_order(keys: Iterable[str], out: Path, stack: contextlib.ExitStack) -> tuple[int, Path]:
    """The keys in a file that is gone when the merging is over; reading the list itself for each file takes longer."""
    path = out / f".{ORDER}.{os.getpid()}.tmp"
    stack.callback(lambda: path.unlink(missing_ok=True))
    count = 0
    with open(path, "wb") as file:
        for key in keys:
            file.write(key.encode("utf-8", "surrogateescape") + b"\n")
            count += 1
    return count, path


def _merge(
    order: Path, shards: Sequence[Path], name: str, errors: dict[bytes, list[bytes]], merged: IO[bytes]
) -> tuple[int, str]:
    """How many inputs have no line, and the first of them that has no error either."""
    is_rtf = Path(name).name == RTF
    missing, first = 0, ""
    with contextlib.ExitStack() as stack:
        heads: dict[bytes, list[ShardFile]] = {}
        for shard in shards:
            if (shard / name).is_file():
                file = ShardFile(shard / name, stack.enter_context(open(shard / name, "rb")))
                _put(heads, file, is_rtf)
        with open(order, "rb") as keys:
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
                    found.setdefault(str(json.loads(line)["key"]).encode("utf-8", "surrogateescape"), []).append(line)
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
