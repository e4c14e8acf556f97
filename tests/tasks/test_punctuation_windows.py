"""The windows against FunASR's rule, written out word by word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtools.tasks.punctuation_windows import LONGEST_WINDOW, WindowRule, Windows
from asrtools.text.marks import MarkSet

MARKS = MarkSet(("<unk>", "_", "，", "。", "？", "、"))
NONE, COMMA, STOP = 1, 2, 3


def classes_of(ids: list[int], weights: list[float]) -> np.ndarray:
    """What a network might say: it depends on the whole window."""
    generator = np.random.default_rng([*ids, len(ids)])
    return generator.choice(6, size=len(ids), p=weights)


def by_the_word(ids: list[int], weights: list[float], size: int) -> tuple[list[int], list[int]]:
    """The published rule as a loop over words: the classes, and where stretches begin."""
    settled: list[int] = []
    starts: list[int] = []
    carried: list[int] = []
    pieces = [ids[place : place + size] for place in range(0, len(ids), size)]
    for number, piece in enumerate(pieces):
        window = carried + piece
        classes = classes_of(window, weights).tolist()
        cut = len(window)
        if number < len(pieces) - 1:
            cut = 0
            last_comma = -1
            for place in range(len(window) - 2, 1, -1):
                if classes[place] in (3, 4):
                    cut = place + 1
                    break
                if last_comma < 0 and classes[place] == COMMA:
                    last_comma = place
            if cut == 0 and len(window) > 200 and last_comma >= 0:
                classes[last_comma] = STOP
                cut = last_comma + 1
        carried = window[cut:]
        if cut:
            starts.append(len(settled))
        settled += classes[:cut]
    return settled, starts


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=700),
    st.sampled_from([[0, 0.8, 0.1, 0.05, 0.03, 0.02], [0, 0.995, 0.005, 0, 0, 0], [0, 0.9, 0.1, 0, 0, 0]]),
    st.sampled_from([20, 10, 3, 1]),
)
def test_windows_settle_what_the_published_rule_settles(ids: list[int], weights: list[float], size: int) -> None:
    windows = Windows(WindowRule(MARKS, size), ids)
    longest = 0
    while not windows.is_done:
        longest = max(longest, len(windows.ids))
        windows.take(classes_of(list(windows.ids), weights))
    if longest <= LONGEST_WINDOW:
        assert (windows.classes, windows.starts) == by_the_word(ids, weights, size)


def test_a_text_without_words_is_done() -> None:
    assert Windows(WindowRule(MARKS), []).is_done


def test_a_sentence_of_more_than_200_words_ends_at_its_last_comma() -> None:
    windows = Windows(WindowRule(MARKS), list(range(300)))
    while len(windows.ids) <= 200:
        windows.take(np.full(len(windows.ids), COMMA))
        assert windows.classes == []
    windows.take(np.full(len(windows.ids), COMMA))
    assert windows.classes == [COMMA] * 218 + [STOP]


@pytest.mark.parametrize("count", [5_000])
def test_words_that_never_get_a_mark_do_not_make_windows_without_end(count: int) -> None:
    windows = Windows(WindowRule(MARKS), list(range(count)))
    while not windows.is_done:
        assert len(windows.ids) <= LONGEST_WINDOW + 20
        windows.take(np.full(len(windows.ids), NONE))
    assert windows.classes == [NONE] * count
