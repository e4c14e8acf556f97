"""Batches of like length from a stream: cut from a bounded window that looks ahead, results in the order of the input.

Every batch holds the oldest item that waits, so results come as early as they can, and what stands in the window next
to it in length. The window grows from one item, so the first result costs no more than its own input.
"""

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_PADDING = 1.1  # padded length of a batch over the sum of its lengths; beyond it smaller batches are quicker


@dataclass(frozen=True)
class BatchLimits:
    """How large a batch may be; an item beyond them is a batch of its own."""

    items: int = 64
    seconds: float = 300.0  # padding counted
    alone_seconds: float = float("inf")  # an item as long as this is never padded with others
    windows: int = 8  # how many full batches the window may hold


@dataclass(frozen=True, order=True)
class _Waiting(Generic[Item]):
    seconds: float
    index: int
    item: Item


def map_in_batches(
    items: Iterable[Item],
    seconds_of: Callable[[Item], float | None],
    process: Callable[[list[Item]], Sequence[Result]],
    pass_by: Callable[[Item], Result],
    limits: BatchLimits,
) -> Iterator[Result]:
    """One result for every item, in order: `process` of the batch it fell into, or `pass_by` where it has no length.

    The batches depend on the items and the limits only.
    """
    window = _Window(limits)
    done: dict[int, Result] = {}
    source = enumerate(items)
    is_open, given, read = True, 0, 0
    while True:
        while is_open and window.has_room() and read - given < window.reach:
            index, item = next(source, (-1, None))
            if index < 0:
                is_open = False
                break
            read = index + 1
            seconds = seconds_of(item)
            if seconds is None:
                done[index] = pass_by(item)
            else:
                window.add(_Waiting(seconds, index, item))
            while given in done:
                yield done.pop(given)
                given += 1
        if not window:
            if is_open:
                continue
            return
        batch = window.take()
        for waiting, result in zip(batch, process([waiting.item for waiting in batch]), strict=True):
            done[waiting.index] = result
        while given in done:
            yield done.pop(given)
            given += 1


class _Window(Generic[Item]):
    """What waits, by length and by age."""

    def __init__(self, limits: BatchLimits):
        self._limits = limits
        self._by_length: list[_Waiting[Item]] = []
        self._by_age: dict[int, _Waiting[Item]] = {}  # in the order of the input
        self._seconds = 0.0
        self._most_items = 1
        self.reach = 16 * limits.windows * limits.items  # from the oldest item to the newest, done or not

    def __len__(self) -> int:
        return len(self._by_age)

    def has_room(self) -> bool:
        return len(self) < self._most_items and (
            not self or self._seconds < self._limits.windows * self._limits.seconds
        )

    def add(self, waiting: _Waiting[Item]) -> None:
        bisect.insort(self._by_length, waiting, key=_order)
        self._by_age[waiting.index] = waiting
        self._seconds += waiting.seconds

    def take(self) -> list[_Waiting[Item]]:
        """The batch of the oldest item, shortest first, which leaves the window."""
        oldest = next(iter(self._by_age.values()))
        place = bisect.bisect_left(self._by_length, _order(oldest), key=_order)
        first, last = self._grow(place)
        batch = self._by_length[first:last]
        del self._by_length[first:last]
        for waiting in batch:
            del self._by_age[waiting.index]
            self._seconds -= waiting.seconds
        self._most_items = min(2 * self._most_items, self._limits.windows * self._limits.items)
        return batch

    def _grow(self, place: int) -> tuple[int, int]:
        """The neighbours of an item in length that go with it: the nearest first, as long as they fit."""
        waiting, limits = self._by_length, self._limits
        first, last, total = place, place + 1, waiting[place].seconds
        own = total
        if own >= limits.alone_seconds:
            return first, last
        while last - first < limits.items:
            shorter = own - waiting[first - 1].seconds if first else None
            longer = waiting[last].seconds - own if last < len(waiting) else None
            if shorter is None and longer is None:
                break
            takes_longer = shorter is None or (longer is not None and longer < shorter)
            if not self._fits(first, last, total, takes_longer):
                takes_longer = not takes_longer  # the other side may still fit
                if (longer if takes_longer else shorter) is None or not self._fits(first, last, total, takes_longer):
                    break
            if takes_longer:
                total += waiting[last].seconds
                last += 1
            else:
                first -= 1
                total += waiting[first].seconds
        return first, last

    def _fits(self, first: int, last: int, total: float, takes_longer: bool) -> bool:
        new = self._by_length[last if takes_longer else first - 1].seconds
        longest = new if takes_longer else self._by_length[last - 1].seconds
        padded = (last - first + 1) * longest
        is_alone = longest >= self._limits.alone_seconds
        return not is_alone and padded <= self._limits.seconds and padded <= MOST_PADDING * (total + new)


def _order(waiting: _Waiting) -> tuple[float, int]:
    return waiting.seconds, waiting.index
