"""Segments put together or made longer."""

from asrtools.tasks.merge_segments import merge_segments, pad_segments


def test_pieces_end_at_the_last_border_before_they_would_be_too_long() -> None:
    assert merge_segments([(100, 2000), (2500, 6000), (7000, 9000)], 7000) == [(0, 6000), (6000, 9000)]


def test_one_segment_and_none_stay() -> None:
    assert merge_segments([(500, 40000)], 15000) == [(500, 40000)]
    assert merge_segments([], 15000) == []


def test_a_segment_that_is_too_long_alone_stays_whole() -> None:
    assert merge_segments([(0, 100), (200, 40000), (40100, 40200)], 15000) == [(0, 200), (200, 40000), (40000, 40200)]


def test_padding_stops_at_half_of_a_pause_and_at_the_ends() -> None:
    assert pad_segments([(50, 1000), (1100, 2000), (5000, 5900)], 200, 6000) == [
        (0, 1050),
        (1050, 2200),
        (4800, 6000),
    ]


def test_segments_that_touch_or_reach_past_the_end_stay_in_order() -> None:
    assert pad_segments([(0, 500), (500, 990)], 100, 980) == [(0, 500), (500, 990)]
