"""Items read ahead by a thread, so that whoever takes them knows whether one is there before asking for it."""

import io
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

MOST_AHEAD = 1024
JOIN_S = 5.0

Item = TypeVar("Item")


class ReadAhead(Iterator[Item], Generic[Item]):
    """The items of `make()`, which is called and run through in a thread, a bounded number ahead; a context manager.

    `make` may read stdin: a read of it that waits for more is ended when the block is left.
    """

    def __init__(self, make: Callable[[], Iterable[Item]], most: int = MOST_AHEAD):
        self._make = make
        self._most = most
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._is_at_end = False
        self._is_left = False
        self._error: BaseException | None = None
        self._stdin: _Stdin | None = None
        self._thread = threading.Thread(target=self._read, name="read ahead", daemon=True)

    def __enter__(self) -> "ReadAhead[Item]":
        self._stdin = _Stdin.take_over()
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        with self._changed:
            self._is_left = True
            self._changed.notify_all()
        if self._stdin is not None:
            self._stdin.end()
        self._thread.join(JOIN_S)
        if self._stdin is not None and not self._thread.is_alive():
            self._stdin.give_back()

    def __next__(self) -> Item:
        with self._changed:
            while not self._items and not self._is_at_end:
                self._changed.wait()
            if self._items:
                self._changed.notify_all()
                return self._items.popleft()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopIteration

    def is_ready(self, seconds: float = 0.0) -> bool:
        """Whether the next item, or the end, is there or comes within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._items) or self._is_at_end, seconds)

    def _read(self) -> None:
        try:
            for item in self._make():
                with self._changed:
                    while len(self._items) >= self._most and not self._is_left:
                        self._changed.wait()
                    if self._is_left:
                        return
                    self._items.append(item)
                    self._changed.notify_all()
        except BaseException as error:  # is raised where the items are taken
            self._error = error
        finally:
            with self._changed:
                self._is_at_end = True
                self._changed.notify_all()


class _Stdin(io.RawIOBase):
    """Standard input, in place of sys.stdin, whose waiting reads can be ended, as if the input had ended there.

    A thread that waits in a read of the real one cannot be ended and would hold the lock that Python wants at its exit.
    """

    def __init__(self, number: int):
        super().__init__()
        self._number = number
        self._woken, self._wake = os.pipe()
        self._replaced = sys.stdin

    @classmethod
    def take_over(cls) -> "_Stdin | None":
        try:
            number = sys.stdin.fileno()
        except (AttributeError, OSError, ValueError):  # closed, or not a file (a test's)
            return None
        stdin = cls(number)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(stdin, 1 << 16), encoding="utf-8")
        return stdin

    def fileno(self) -> int:
        return self._number

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ready, _, _ = select.select([self._number, self._woken], [], [])
        if self._woken in ready:
            return 0
        data = os.read(self._number, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def end(self) -> None:
        os.write(self._wake, b"x")

    def give_back(self) -> None:
        sys.stdin = self._replaced
        os.close(self._wake)
        os.close(self._woken)
