"""A function over a stream in threads, ahead of whoever takes the results: loading overlaps the network."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def load_ahead(
    load: Callable[[Item], Result],
    items: Iterable[Item],
    size_of: Callable[[Result], int],
    num_threads: int = 2,
    most_items: int = 64,
    most_bytes: int = 256 << 20,
) -> Iterator[Result]:
    """`load` of every item, in order; results that wait to be taken are bounded in number and in bytes.

    The items are drawn by the caller's own thread, and at first only a few ahead, so that a slow source delays nothing.
    """
    gate = _Gate(most_bytes)

    def work(index: int, item: Item) -> Result:
        gate.enter(index)
        result = load(item)
        gate.hold(size_of(result))
        return result

    source = enumerate(items)
    under_way: deque[Future[Result]] = deque()
    ahead, taken, is_open = 1, 0, True
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="load")
    try:
        while True:
            while is_open and len(under_way) < ahead:
                index, item = next(source, (-1, None))
                if index < 0:
                    is_open = False
                else:
                    under_way.append(pool.submit(work, index, item))
            if not under_way:
                return
            gate.want(taken)
            result = under_way.popleft().result()
            gate.release(size_of(result))
            taken += 1
            ahead = min(2 * ahead, most_items)
            yield result
    finally:
        gate.open_for_good()
        pool.shutdown(wait=False, cancel_futures=True)


class _Gate:
    """Lets work begin while little is held; the result that is waited for is let through always."""

    def __init__(self, most_bytes: int):
        self._most_bytes = most_bytes
        self._held = 0
        self._wanted = 0
        self._is_open = False
        self._changed = threading.Condition()

    def enter(self, index: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_open or index <= self._wanted or self._held < self._most_bytes)

    def hold(self, num_bytes: int) -> None:
        with self._changed:
            self._held += num_bytes

    def release(self, num_bytes: int) -> None:
        with self._changed:
            self._held -= num_bytes
            self._changed.notify_all()

    def want(self, index: int) -> None:
        with self._changed:
            self._wanted = index
            self._changed.notify_all()

    def open_for_good(self) -> None:
        with self._changed:
            self._is_open = True
            self._changed.notify_all()
