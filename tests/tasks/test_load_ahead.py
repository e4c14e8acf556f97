"""Loading in threads, in order, bounded."""

import itertools
import threading
import time

import pytest

from asrtools.tasks.load_ahead import load_ahead


def test_results_come_in_the_order_of_the_items() -> None:
    def load(item: int) -> int:
        time.sleep(0.001 * (item % 3))
        return item * item

    assert list(load_ahead(load, range(200), lambda _: 1, num_threads=4)) == [n * n for n in range(200)]


def test_no_more_items_are_drawn_than_may_wait() -> None:
    drawn = itertools.count()
    items = (number for number, _ in zip(itertools.count(), drawn, strict=False))
    results = load_ahead(lambda item: item, items, lambda _: 1, most_items=8)
    assert next(results) == 0
    assert next(drawn) <= 2
    for number in range(1, 100):
        assert next(results) == number
    assert next(drawn) <= 100 + 8 + 2
    results.close()


def test_few_large_results_wait_at_once() -> None:
    lock = threading.Lock()
    waiting = [0, 0]

    def load(item: int) -> bytes:
        with lock:
            waiting[0] += 1
            waiting[1] = max(waiting)
        return bytes(100)

    for result in load_ahead(load, range(60), len, num_threads=3, most_bytes=300):
        time.sleep(0.002)
        assert len(result) == 100
        with lock:
            waiting[0] -= 1
    assert waiting[1] <= 3 + 3 + 1


def test_a_result_larger_than_the_bound_passes() -> None:
    results = load_ahead(lambda item: bytes(1000), range(5), len, num_threads=2, most_bytes=10)
    assert [len(one) for one in results] == [1000] * 5


def test_an_unexpected_failure_reaches_the_caller() -> None:
    def load(item: int) -> int:
        if item == 3:
            raise KeyError("three")
        return item

    results = load_ahead(load, range(10), lambda _: 1)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError):
        next(results)


def test_a_reader_that_goes_away_leaves_no_thread_at_work() -> None:
    def at_work() -> int:
        return sum(thread.name.startswith("load") for thread in threading.enumerate())

    results = load_ahead(lambda item: item, itertools.count(), lambda _: 1)
    assert [next(results) for _ in range(20)] == list(range(20))
    assert at_work()
    results.close()
    deadline = time.monotonic() + 10
    while at_work() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not at_work()
