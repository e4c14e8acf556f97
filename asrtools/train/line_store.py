"""Lines by place: read on demand from their files, or held in memory where they are in none."""

import os
from typing import Any, BinaryIO

from asrtools.io.text_file import read_failure

MOST_OPEN = 64


class LineStore:
    """Safe in forked processes, which read by place, and in spawned ones, which open the files anew."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._held: dict[int, bytes] = {}
        self._open: dict[int, BinaryIO] = {}

    def add(self, name: str) -> int:
        self.names.append(name)
        return len(self.names) - 1

    def hold(self, file: int, lines: bytes) -> None:
        self._held[file] = lines

    def read(self, file: int, offset: int, size: int) -> bytes:
        if file in self._held:
            return self._held[file][offset : offset + size]
        stream = self._open.get(file)
        if stream is None:
            if len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            try:
                stream = self._open[file] = open(self.names[file], "rb", buffering=0)  # noqa: SIM115
            except OSError as error:
                raise read_failure(self.names[file], error) from error
        return os.pread(stream.fileno(), size, offset)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}
