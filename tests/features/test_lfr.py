"""Stacked frames against a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrtools.errors import ConfigError
from asrtools.features.lfr import LfrStream, stack_frames

RATES = [(7, 6), (5, 1), (1, 1), (1, 3), (4, 3), (3, 5), (2, 1)]


def stacked_by_loop(feats: np.ndarray, m: int, n: int) -> np.ndarray:
    rows = []
    for t in range(0, len(feats), n):
        frames = [feats[min(max(t - (m - 1) // 2 + k, 0), len(feats) - 1)] for k in range(m)]
        rows.append(np.concatenate(frames))
    return np.array(rows, np.float32).reshape(-1, m * feats.shape[1])


@pytest.mark.parametrize(("m", "n"), RATES)
def test_rows_are_the_frames_around_every_nth_with_the_edges_repeated(m: int, n: int) -> None:
    for num_frames in range(20):
        feats = np.arange(num_frames * 3, dtype=np.float32).reshape(num_frames, 3)
        rows = stack_frames(feats, m, n)
        assert rows.shape == (-(-num_frames // n), 3 * m)
        np.testing.assert_array_equal(rows, stacked_by_loop(feats, m, n))


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(RATES), st.lists(st.integers(0, 9), max_size=8))
def test_pieces_make_the_same_rows_as_the_whole(rate: tuple[int, int], sizes: list[int]) -> None:
    m, n = rate
    feats = np.arange(sum(sizes) * 2, dtype=np.float32).reshape(-1, 2)
    stream = LfrStream(m, n, 2)
    cuts = np.cumsum([0, *sizes])
    pieces = [stream.accept(feats[a:b]) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.finish()]), stack_frames(feats, m, n))


def test_a_row_comes_as_soon_as_its_frames_are_there() -> None:
    stream = LfrStream(7, 6, 1)
    frames = np.zeros((1, 1), np.float32)
    counts = [len(stream.accept(frames)) for _ in range(16)]
    assert [t for t, count in enumerate(counts) if count] == [3, 9, 15]  # the frame 3 after each 6th


def test_numbers_below_one_are_refused() -> None:
    for m, n in ((0, 1), (1, 0)):
        with pytest.raises(ConfigError, match=f"lfr_m is {m} and lfr_n is {n}"):
            stack_frames(np.zeros((4, 2), np.float32), m, n)
