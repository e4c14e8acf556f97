"""Shares of a list."""

import pytest

from asrtools.io.shard import take_recordings, take_shard
from asrtools.record import Utterance


def records(*names: str) -> list[Utterance]:
    """`a1` is a record of recording a."""
    return [Utterance(name, recording=name[0]) for name in names]


def keys(utterances) -> list[str]:
    return [utterance.key for utterance in utterances]


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_each_record_stands_in_one_share(count: int) -> None:
    whole = records("a1", "a2", "b1", "c1", "c2")
    shares = [keys(take_shard(whole, (index, count))) for index in range(1, count + 1)]
    assert sorted(key for share in shares for key in share) == keys(whole)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert keys(take_shard(whole, None)) == keys(whole)


def test_segments_of_a_recording_stay_together_wherever_they_stand() -> None:
    whole = records("a1", "b1", "c1", "a2", "c2", "b2", "d1")
    assert keys(take_recordings(whole, (1, 2))) == ["a1", "c1", "a2", "c2"]
    assert keys(take_recordings(whole, (2, 2))) == ["b1", "b2", "d1"]
    assert keys(take_recordings(whole, None)) == keys(whole)


def test_recordings_that_are_not_cut_are_dealt_out_one_by_one() -> None:
    whole = [Utterance(key) for key in "abcde"]
    assert keys(take_recordings(whole, (2, 3))) == ["b", "e"]
