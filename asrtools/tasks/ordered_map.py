"""A function over a stream of items in several processes: results in order, a bounded number under way."""

import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

from asrtools.errors import AsrError

Item = TypeVar("Item")
Result = TypeVar("Result")

_function: Callable[[list[Any]], Any]  # of this worker process; sent once, not with every chunk


def ordered_map(
    function: Callable[[list[Item]], Result], items: Iterable[Item], nj: int = 1, chunk: int = 16
) -> Iterator[Result]:
    """`function` of each `chunk` of consecutive items, in order.

    The chunks do not depend on nj, so neither does any sum taken over the results.
    """
    chunks = _chunks(iter(items), chunk)
    if nj == 1:
        yield from map(function, chunks)
        return
    # fork is quick and safe here, where no thread runs yet; elsewhere than on Linux system libraries do not survive it
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    first = list(itertools.islice(chunks, nj))  # no more processes than there is work for
    chunks = itertools.chain(first, chunks)
    pool = ProcessPoolExecutor(max(1, len(first)), mp_context=context, initializer=_start_worker, initargs=(function,))
    under_way: deque[Future[Result]] = deque()
    try:
        for some in chunks:
            under_way.append(pool.submit(_work, some))
            if len(under_way) > 2 * nj:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise AsrError(
            "a worker process was ended from outside, perhaps for want of memory; try a smaller --nj"
        ) from error
    finally:
        if under_way:  # something went wrong or nobody wants the rest: what the workers are at is of no use
            for process in list((pool._processes or {}).values()):  # terminate_workers() from Python 3.14 on
                process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while some := list(itertools.islice(items, size)):
        yield some


def _start_worker(function: Callable[[list[Any]], Any]) -> None:
    global _function
    _function = function
    # Ctrl-C reaches the whole group, and the parent decides; a handler, for SIG_IGN would pass on to commands of pipes
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(chunk: list[Any]) -> Any:
    return _function(chunk)
