"""A journal of finished work: a head that says what the work is, then an object a line, as each is done.

It is what an interrupted run goes on from. Lines are handed to the system one by one, so that a killed process leaves
whole lines and at most one broken one at the end, which is taken off.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asrtools.errors import DataError
from asrtools.io.text_file import raise_if_disk, write_failure


class Journal:
    """Open for one process at a time, until `close`."""

    def __init__(self, path: Path, head: Mapping[str, Any], resume: bool = False):
        """`resume`: keep the entries there are, which must have been written under the same head."""
        self.path = path
        try:
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise write_failure(path, error) from error
        try:
            self._lock()
            self.num_earlier = self._take_up(dict(head)) if resume else self._begin(dict(head))
        except BaseException:
            self._file.close()
            raise

    def append(self, entry: Mapping[str, Any]) -> None:
        try:
            line = json.dumps(entry, ensure_ascii=True, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise DataError(f"{self.path}: cannot be written as JSON ({error}); should be text and numbers") from error
        self._write(line.encode("ascii"))

    def entries(self, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Those there are, in the order they were written, up to `most`."""
        with open(self.path, "rb") as lines:
            next(lines, None)
            for index, line in enumerate(lines):
                if most is not None and index >= most:
                    return
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise DataError(f"{self.path}:{index + 2}: is broken; begin anew without --resume") from error

    def close(self) -> None:
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{self.path}: another process is writing there; wait for it, or choose another") from error
        except OSError:
            pass  # a file system without locks

    def _begin(self, head: dict[str, Any]) -> int:
        self._file.truncate(0)
        self.append(head)
        return 0

    def _take_up(self, head: dict[str, Any]) -> int:
        """The number of whole entries; what follows the last of them is cut off."""
        count, end, before = -1, 0, b""
        with open(self.path, "rb") as lines:
            for line in lines:
                if not (line.startswith(b"{") and line.endswith(b"}\n")):
                    break
                if count < 0:
                    self._compare(_parsed(line), head)
                count, end, before = count + 1, end + len(line), line
        if count > 0 and not _parsed(before):  # all lines were whole when they were written, but for the last
            count, end = count - 1, end - len(before)
        if count < 0:
            return self._begin(head)
        self._file.truncate(end)
        return count

    def _compare(self, earlier: dict[str, Any], head: dict[str, Any]) -> None:
        head = json.loads(json.dumps(head))
        for name in [*head, *earlier]:
            if earlier.get(name) != head.get(name):
                raise DataError(
                    f"{self.path}: was begun with {name} {earlier.get(name)!r}, now it is {head.get(name)!r}; "
                    "give the same, or begin anew without --resume"
                )

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:
            raise_if_disk(self.path, error)
            raise


def _parsed(line: bytes) -> dict[str, Any]:
    """Empty where it is none."""
    try:
        return json.loads(line)
    except ValueError:
        return {}


def count_entries(path: Path) -> int:
    """How many lines an earlier journal holds, without its head."""
    try:
        size = os.path.getsize(path)
        if not size:
            return 0
        with open(path, "rb") as lines:
            return max(0, sum(1 for _ in lines) - 1)
    except OSError:
        return 0
