from pathlib import Path

import numpy as np
import pytest

from asrtools.errors import DataError
from asrtools.record import Utterance
from asrtools.tasks.verify import Trial, cosine, enrolled_speakers, names_of, read_trials, score_trials

X, Y = np.array([1.0, 0.0], np.float32), np.array([0.0, 2.0], np.float32)


def test_trials_come_as_kaldi_and_voxceleb_write_them(tmp_path: Path) -> None:
    path = tmp_path / "trials"
    path.write_text("a b target\na c nontarget\n1 a b\n0 a c\na b 1\na b\nlonely\na b maybe\n")
    trials = list(read_trials(path))
    assert [(one.first, one.second, one.is_target) for one in trials[:6]] == [
        ("a", "b", True), ("a", "c", False), ("a", "b", True), ("a", "c", False), ("a", "b", True), ("a", "b", None),
    ]  # fmt: skip
    assert [bool(one.error) for one in trials] == [False] * 6 + [True] * 2
    assert "trials:7: 'lonely' is no trial" in trials[6].error


def test_scores_are_cosines_and_known_speakers_come_first() -> None:
    trials = [Trial("a", "b"), Trial("a", "a"), Trial("ann", "b"), Trial("a", "zoe"), Trial("", "", error="said")]
    scored = [score for _, score in score_trials(trials, {"a": X, "b": Y, "ann": X}, {"ann": X + Y / 2})]
    assert scored[0] == pytest.approx(0)
    assert scored[1] == pytest.approx(1)
    assert scored[2] == pytest.approx(0.5**0.5)
    assert scored[3] == "a zoe: there is no embedding of zoe"
    assert scored[4] == "said"
    assert cosine(X, np.zeros(2)) == 0


def test_a_known_speaker_is_the_mean_direction_of_all_recordings() -> None:
    known = enrolled_speakers(
        [(Utterance("r1", speaker="ann"), X), (Utterance("r2", speaker="ann"), Y), (Utterance("bob"), Y)]
    )
    assert known["ann"].tolist() == [0.5, 0.5]
    assert known["bob"].tolist() == [0, 1]
    with pytest.raises(DataError, match="no such file; every known speaker"):
        enrolled_speakers([(Utterance("r1", status="error", error="r1: no such file"), None)])
    with pytest.raises(DataError, match="Ann Lee"):
        enrolled_speakers([(Utterance("r1", speaker="Ann Lee"), X)])


def test_speakers_near_enough_take_known_names() -> None:
    centres = np.stack([X, Y, -X])
    assert names_of(centres, {"ann": X, "bob": Y + X / 2}, 0.5) == ["ann", "bob", "spk2"]
    assert names_of(centres, {}, 0.5) == ["spk0", "spk1", "spk2"]
    assert names_of(centres[:0], {"ann": X}, 0.5) == []
