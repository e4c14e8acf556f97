import io
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from asrtools.io.read_ahead import ReadAhead
from asrtools.io.text_file import stdin_bytes


def test_items_come_in_order() -> None:
    with ReadAhead(lambda: range(5000), most=10) as items:
        assert list(items) == list(range(5000))
        assert next(items, "end") == "end"


def test_only_so_many_are_read_ahead() -> None:
    taken = []

    def source() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with ReadAhead(source, most=10) as items:
        assert next(items) == 0
        time.sleep(0.05)
        assert len(taken) <= 12
    assert len(taken) <= 13


def test_an_error_comes_where_the_item_would_have_come() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    with ReadAhead(source) as items:
        assert next(items) == 1
        with pytest.raises(KeyError, match="broken"):
            next(items)


def test_it_says_whether_an_item_is_there() -> None:
    gate = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        gate.wait(30)
        yield 2

    with ReadAhead(source) as items:
        assert items.is_ready(30)
        next(items)
        assert not items.is_ready(0.01)
        gate.set()
        assert items.is_ready(30)
        assert next(items) == 2
        assert items.is_ready(30)  # the end
        assert next(items, None) is None


def test_a_read_of_stdin_that_waits_is_ended_with_the_block(monkeypatch) -> None:
    read_end, write_end = os.pipe()
    stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(read_end)))
    monkeypatch.setattr(sys, "stdin", stdin)
    os.write(write_end, b"one\ntw")
    with ReadAhead(lambda: iter(stdin_bytes().readline, b"")) as items:
        assert next(items) == b"one\n"
        thread = items._thread
    assert not thread.is_alive()
    assert sys.stdin is stdin
    os.close(write_end)
