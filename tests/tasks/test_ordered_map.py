import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from asrtools.errors import AsrError, DataError
from asrtools.tasks.ordered_map import ordered_map


def total(numbers: list[int]) -> tuple[int, int]:
    time.sleep(0.001 * (numbers[0] % 7))
    return numbers[0], sum(numbers)


def fail_at_50(numbers: list[int]) -> int:
    if 50 in numbers:
        raise DataError("fifty: is bad")
    return len(numbers)


def die_at_50(numbers: list[int]) -> int:
    if 50 in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return len(numbers)


def test_results_come_in_order_and_are_the_same_for_any_number_of_jobs() -> None:
    alone = list(ordered_map(total, range(100), nj=1, chunk=7))
    assert [first for first, _ in alone] == list(range(0, 100, 7))
    assert list(ordered_map(total, range(100), nj=3, chunk=7)) == alone


def test_only_a_bounded_number_of_items_is_read_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for i in range(10_000):
            taken.append(i)
            yield i

    results = ordered_map(total, items(), nj=2, chunk=5)
    next(results)
    assert len(taken) <= 50
    results.close()  # type: ignore[attr-defined]


def test_a_failure_in_a_worker_is_the_same_failure_here() -> None:
    with pytest.raises(DataError, match="fifty"):
        list(ordered_map(fail_at_50, range(100), nj=2, chunk=10))


def test_a_worker_that_is_killed_is_an_error_that_says_so() -> None:
    with pytest.raises(AsrError, match="a worker process was ended from outside"):
        list(ordered_map(die_at_50, range(100), nj=2, chunk=10))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_do_not_outlive_a_killed_parent() -> None:
    code = (
        "import os, sys, time\n"
        "from asrtools.tasks.ordered_map import ordered_map\n"
        "def slow(items):\n"
        "    return os.getpid()\n"
        "def forever():\n"
        "    while True:\n"
        "        yield 1\n"
        "seen = set()\n"
        "for pid in ordered_map(slow, forever(), nj=2, chunk=1):\n"
        "    if pid not in seen:\n"
        "        seen.add(pid); print(pid, flush=True)\n"
        "    time.sleep(0.01)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]
