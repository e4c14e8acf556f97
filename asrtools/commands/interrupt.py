"""Ctrl-C on a live stream: it ends the stream, so that what was heard is still told; once more ends the command."""

import signal
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class UntilInterrupted(Generic[Item]):
    """Items that are waited for, until SIGINT."""

    def __init__(self, items: Iterable[Item]):
        self.was_interrupted = False
        self._items = iter(items)
        self._is_waiting = False

    def __iter__(self) -> Iterator[Item]:
        before = signal.getsignal(signal.SIGINT)
        if before is signal.SIG_IGN:  # a job in the background
            yield from self._items
            return
        signal.signal(signal.SIGINT, self._note)
        try:
            while not self.was_interrupted:
                try:
                    self._is_waiting = True
                    item = next(self._items)
                except (KeyboardInterrupt, StopIteration):
                    return
                finally:
                    self._is_waiting = False
                yield item
        finally:
            signal.signal(signal.SIGINT, before)

    def _note(self, *_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.was_interrupted = True
        if self._is_waiting:
            raise KeyboardInterrupt
