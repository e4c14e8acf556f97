import numpy as np
import pytest

from asrtools.errors import DataError
from asrtools.metrics.equal_error_rate import equal_error_rate


def test_trials_that_a_threshold_separates_have_no_errors() -> None:
    found = equal_error_rate(np.array([0.1, 0.9, 0.2, 0.8]), np.array([False, True, False, True]))
    assert found.rate == 0
    assert 0.2 <= found.threshold < 0.8


def test_one_of_four_on_each_side_is_a_quarter() -> None:
    targets, others = [0.9, 0.8, 0.7, 0.3], [0.6, 0.2, 0.1, 0.0]
    found = equal_error_rate(np.array(targets + others), np.array([True] * 4 + [False] * 4))
    assert found.rate == pytest.approx(0.25)


def test_scores_the_wrong_way_round_are_all_errors_and_equal_ones_half() -> None:
    is_target = np.array([True, True, False, False])
    assert equal_error_rate(np.array([0.0, 0.1, 0.8, 0.9]), is_target).rate == pytest.approx(1.0)
    assert equal_error_rate(np.ones(4), is_target).rate == pytest.approx(0.5)


def test_it_is_half_the_overlap_of_two_uniform_heaps_whatever_their_sizes() -> None:
    scores = np.concatenate([np.linspace(0.5, 1.5, 4001), np.linspace(0.0, 1.0, 101)])
    is_target = np.arange(len(scores)) < 4001
    assert equal_error_rate(scores, is_target).rate == pytest.approx(0.25, abs=0.01)
    order = np.random.default_rng(0).permutation(len(scores))
    assert equal_error_rate(scores[order], is_target[order]) == equal_error_rate(scores, is_target)


def test_trials_of_one_kind_have_no_rate() -> None:
    with pytest.raises(DataError, match="2 target and 0 other trials"):
        equal_error_rate(np.array([0.1, 0.2]), np.array([True, True]))
