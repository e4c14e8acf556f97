"""Windows, turns and the speaker of a sentence, against what was worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtools.tasks.speaker_turns import SpeakerTurn, merged_turns, speaker_of, turns_of
from asrtools.tasks.speaker_windows import cut_windows, padded, window_size

SECOND = 16000


@pytest.mark.parametrize(
    ("seconds", "windows"),
    [
        (0, []),
        (0.01, [(0, 0.01)]),
        (1.5, [(0, 1.5)]),
        (2.25, [(0, 1.5), (0.75, 2.25)]),
        (2.3, [(0, 1.5), (0.75, 2.25), (0.8, 2.3)]),
        (3.0, [(0, 1.5), (0.75, 2.25), (1.5, 3.0)]),
    ],
)
def test_windows_are_shifted_by_half_and_the_last_ends_with_the_segment(seconds: float, windows: list) -> None:
    found = cut_windows(round(seconds * SECOND))
    assert [(start / SECOND, end / SECOND) for start, end in found] == windows


@given(st.integers(1, 200_000), st.sampled_from([8000, 16000]))
def test_windows_cover_a_segment_without_gaps(num_samples: int, rate: int) -> None:
    windows = cut_windows(num_samples, rate)
    assert windows[0][0] == 0
    assert windows[-1][1] == num_samples
    assert all(after[0] <= before[1] for before, after in zip(windows, windows[1:], strict=False))
    assert all(end - start == min(num_samples, window_size(rate)) for start, end in windows)
    assert len(set(windows)) == len(windows)


def test_a_short_segment_is_padded_to_a_window() -> None:
    import numpy as np

    assert len(padded(np.ones(5, np.float32))) == 24000
    assert padded(np.ones(5, np.float32)).sum() == 5
    assert len(padded(np.ones(30000, np.float32))) == 30000


def windows_of(labels: str, start: float = 0.0) -> tuple[list[tuple[float, float]], list[int]]:
    spans = [(start + 0.75 * index, start + 0.75 * index + 1.5) for index in range(len(labels))]
    return spans, [int(label) for label in labels]


def test_windows_of_one_speaker_are_one_turn() -> None:
    assert turns_of(*windows_of("0000")) == [SpeakerTurn(0, 3750, 0)]
    assert turns_of([], []) == []


def test_two_speakers_share_what_their_windows_have_in_common() -> None:
    assert turns_of(*windows_of("000111")) == [SpeakerTurn(0, 2620, 0), SpeakerTurn(2620, 5250, 1)]


def test_a_pause_parts_turns_of_one_speaker() -> None:
    before, after = windows_of("00"), windows_of("00", start=10.0)
    turns = turns_of(before[0] + after[0], before[1] + after[1])
    assert turns == [SpeakerTurn(0, 2250, 0), SpeakerTurn(10000, 12250, 0)]


def test_what_is_short_goes_to_the_nearer_neighbour() -> None:
    spans = [(0.0, 3.0), (3.5, 4.0), (4.1, 8.0)]
    assert turns_of(spans, [0, 1, 2]) == [
        SpeakerTurn(0, 3000, 0),
        SpeakerTurn(3500, 4000, 2),
        SpeakerTurn(4100, 8000, 2),
    ]
    assert turns_of([(0.0, 0.5), (0.5, 4.0)], [0, 1]) == [SpeakerTurn(0, 4000, 1)]
    assert turns_of([(0.0, 4.0), (4.0, 4.5)], [0, 1]) == [SpeakerTurn(0, 4500, 0)]
    assert turns_of([(1.0, 1.3)], [3]) == [SpeakerTurn(1000, 1300, 3)]


def test_overlapping_turns_of_one_speaker_become_one_and_two_speakers_may_speak_at_once() -> None:
    turns = [
        SpeakerTurn(0, 5000, 0),
        SpeakerTurn(4000, 9000, 1),
        SpeakerTurn(4500, 6000, 0),
        SpeakerTurn(6500, 7000, 0),
    ]
    assert merged_turns(turns[::-1]) == [
        SpeakerTurn(0, 6000, 0),
        SpeakerTurn(4000, 9000, 1),
        SpeakerTurn(6500, 7000, 0),
    ]
    assert merged_turns([SpeakerTurn(0, 9000, 0), SpeakerTurn(1000, 2000, 0)]) == [SpeakerTurn(0, 9000, 0)]


def test_a_sentence_belongs_to_who_speaks_most_of_it() -> None:
    turns = [SpeakerTurn(0, 2000, 0), SpeakerTurn(2000, 8000, 1), SpeakerTurn(9000, 9500, 2)]
    assert speaker_of(0, 1900, turns) == 0
    assert speaker_of(1000, 8000, turns) == 1
    assert speaker_of(500, 3500, turns) == 0  # equal shares: who began it
    assert speaker_of(8100, 8200, turns) == 1  # nobody: who is nearest
    assert speaker_of(8800, 8900, turns) == 2
    assert speaker_of(0, 100, []) is None
