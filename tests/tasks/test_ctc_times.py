import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrtools.models.protocols import Emission
from asrtools.tasks.ctc_times import token_spans


def emission_of(path: list[int], ids: list[int], shift: float = 0.0, subsample: int = 1) -> Emission:
    """Of a network that is nearly sure of `path`, a unit (0: blank) for each frame."""
    log_probs = np.full((len(path), 1 + len(ids)), -9.0, np.float32)
    for frame, unit in enumerate(path):
        log_probs[frame, [unit == 0, *(one == unit for one in ids)]] = -0.1
    return Emission(log_probs, subsample, shift)


def test_a_token_lasts_as_long_as_the_frames_that_say_it() -> None:
    emission = emission_of([0, 7, 7, 0, 8, 9, 0], [7, 8, 9])
    assert token_spans(emission, [7, 8, 9], 60) == [(60, 180), (240, 300), (300, 360)]


def test_a_repeated_token_has_two_times() -> None:
    emission = emission_of([7, 7, 0, 7, 0], [7, 7])
    assert token_spans(emission, [7, 7], 60) == [(0, 120), (180, 240)]


def test_times_are_shifted_and_never_before_the_start() -> None:
    emission = emission_of([7, 0, 0, 8], [7, 8], shift=-0.5)
    assert token_spans(emission, [7, 8], 60) == [(0, 30), (150, 210)]


def test_frames_of_a_subsampling_encoder_are_longer() -> None:
    emission = emission_of([7, 0, 8], [7, 8], subsample=4)
    assert token_spans(emission, [7, 8], 10) == [(0, 40), (80, 120)]


def test_skipped_tokens_have_neither_span_nor_frames() -> None:
    emission = emission_of([7, 0, 8, 9], [7, 8, 9])
    emission.log_probs[0, 0] = 0.0  # silence, rather than the token that is skipped
    assert token_spans(emission, [7, 8, 9], 60, num_skipped=1) == [(120, 180), (180, 240)]


@pytest.mark.parametrize(("num_frames", "ids"), [(1, [7, 7]), (2, [7, 8, 9]), (0, [7])])
def test_a_text_that_does_not_fit_is_laid_out_evenly(num_frames: int, ids: list[int]) -> None:
    emission = Emission(np.full((num_frames, 1 + len(ids)), -1.0, np.float32))
    spans = token_spans(emission, ids, 60)
    assert len(spans) == len(ids)
    assert spans[0][0] == 0
    assert spans[-1][1] == pytest.approx(60 * num_frames, abs=1)


def test_no_tokens_have_no_times() -> None:
    assert token_spans(Emission(np.zeros((4, 1), np.float32)), [], 60) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4), max_size=20), st.integers(0, 60), st.integers(0, 99))
def test_every_token_has_a_time_and_they_are_in_order(ids: list[int], num_frames: int, seed: int) -> None:
    columns = np.random.default_rng(seed).normal(-3, 2, (num_frames, 1 + max(ids, default=1)))
    emission = Emission(columns[:, [0, *ids]].astype(np.float32), shift=-0.5)
    spans = token_spans(emission, ids, 60)
    assert len(spans) == len(ids)
    times = [time for span in spans for time in span]
    assert times == sorted(times)
    assert all(0 <= time <= 60 * num_frames for time in times)
