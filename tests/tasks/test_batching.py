"""Batches of like length, results in order, a bounded window."""

import itertools
import random

import pytest

from asrtools.tasks.batching import MOST_PADDING, BatchLimits, map_in_batches

LIMITS = BatchLimits()


def run(lengths, limits=LIMITS, log=None):
    def process(batch):
        if log is not None:
            log.append([seconds for _, seconds in batch])
        return [number for number, _ in batch]

    items = enumerate(lengths)
    return map_in_batches(items, lambda item: item[1], process, lambda item: -item[0] - 1, limits)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("items", [1, 8, 64])
def test_every_item_has_its_result_in_order(seed: int, items: int) -> None:
    draw = random.Random(seed)
    lengths = [None if draw.random() < 0.1 else draw.choice([draw.uniform(0.1, 20), 500.0]) for _ in range(700)]
    results = list(run(lengths, BatchLimits(items, 60.0)))
    assert results == [number if length is not None else -number - 1 for number, length in enumerate(lengths)]


def test_batches_keep_the_limits_and_pad_little() -> None:
    draw = random.Random(1)
    log: list[list[float]] = []
    limits = BatchLimits(16, 100.0)
    list(run([draw.uniform(1, 15) for _ in range(2000)], limits, log))
    assert all(len(batch) <= 16 for batch in log)
    for batch in log:
        padded = len(batch) * max(batch)
        assert len(batch) == 1 or (padded <= 100.0 and padded <= MOST_PADDING * sum(batch))
    total = sum(len(batch) * max(batch) for batch in log) / sum(map(sum, log))
    assert total < 1.07
    assert len(log) < 2000 / 8


def test_what_is_longer_than_the_limit_goes_alone() -> None:
    log: list[list[float]] = []
    assert list(run([5, 5, 200, 200, 5, 5, 5, 5], BatchLimits(8, 100.0), log)) == list(range(8))
    assert [200] in log and [200, 200] not in log


def test_what_is_long_enough_to_go_alone_does_although_more_would_fit() -> None:
    log: list[list[float]] = []
    list(run([61, 61, 61, 10, 10, 61, 10], BatchLimits(8, 1000.0, alone_seconds=60.0), log))
    assert log.count([61]) == 4


def test_the_first_result_needs_only_the_first_item() -> None:
    drawn = []

    def source():
        for number in itertools.count():
            drawn.append(number)
            yield 5.0

    assert next(run(source())) == 0
    assert drawn == [0]


def test_a_result_comes_before_more_than_a_window_is_drawn() -> None:
    drawn = itertools.count()
    limits = BatchLimits(4, 1000.0, windows=2)
    lengths = (draw.uniform(0.1, 30) for draw in [random.Random(3)] for _ in zip(range(1_000_000), drawn, strict=False))
    results = run(lengths, limits)
    for number in range(300):
        assert next(results) == number
    assert next(drawn) <= 300 + 16 * 8 + 8


def test_batches_do_not_depend_on_chance() -> None:
    lengths = [random.Random(5).uniform(1, 9) for _ in range(300)]
    first: list[list[float]] = []
    second: list[list[float]] = []
    list(run(lengths, log=first))
    list(run(lengths, log=second))
    assert first == second


def test_equal_lengths_fill_whole_batches() -> None:
    log: list[list[float]] = []
    list(run([4.0] * 1000, BatchLimits(32, 1e9), log))
    assert max(map(len, log)) == 32
    assert sum(len(batch) == 32 for batch in log) > 25


def test_a_batch_with_too_few_results_is_no_silent_loss() -> None:
    with pytest.raises(ValueError, match="zip"):
        list(map_in_batches([1, 2], lambda _: 1.0, lambda batch: [], lambda item: item, BatchLimits()))
