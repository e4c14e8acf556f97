"""am.mvn, cmvn.json and the statistics behind them."""

import json
from pathlib import Path

import numpy as np
import pytest

from asrtools.errors import DataError
from asrtools.features.cmvn import VARIANCE_FLOOR, Cmvn, CmvnStats, ExactSum, read_cmvn
from asrtools.features.frontend import WavFrontend


def some_cmvn(dim: int = 6) -> Cmvn:
    rng = np.random.default_rng(0)
    return Cmvn(-rng.normal(10, 3, dim), 1 / rng.gamma(2.0, size=dim))


def test_what_is_written_reads_back_to_the_bit_and_writes_the_same_bytes(tmp_path: Path) -> None:
    cmvn = Cmvn(np.array([-8.311879, 0.0, 1e-7, -3.0, 1 / 3]), np.array([0.155775, 1.0, 1e10, 2.5e-8, 0.1]))
    (tmp_path / "a.mvn").write_text(cmvn.as_text())
    back = read_cmvn(tmp_path / "a.mvn")
    np.testing.assert_array_equal(back.shift, cmvn.shift)
    np.testing.assert_array_equal(back.scale, cmvn.scale)
    (tmp_path / "b.mvn").write_text(back.as_text())
    assert (tmp_path / "a.mvn").read_bytes() == (tmp_path / "b.mvn").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mvn", "b.mvn"]


def test_the_file_has_the_published_form(tmp_path: Path) -> None:
    (tmp_path / "am.mvn").write_text(Cmvn(np.array([-1.5, 2.0]), np.array([0.5, 0.25])).as_text())
    assert (tmp_path / "am.mvn").read_text() == (
        "<Nnet>\n<Splice> 2 2\n[ 0 ]\n<AddShift> 2 2\n<LearnRateCoef> 0 [ -1.5 2 ]\n"
        "<Rescale> 2 2\n<LearnRateCoef> 0 [ 0.5 0.25 ]\n</Nnet>\n"
    )


def test_published_files_keep_every_digit(oracle: Path, tmp_path: Path) -> None:
    files = sorted(oracle.glob("*/am*.mvn"))
    assert files
    for path in files:
        cmvn = read_cmvn(path)
        (tmp_path / "copy.mvn").write_text(cmvn.as_text())
        lines = [line.rstrip() for line in path.read_text().splitlines()]  # some have blanks at line ends
        assert (tmp_path / "copy.mvn").read_text().splitlines() == lines, path


def test_normalising_adds_the_shift_and_multiplies_by_the_scale() -> None:
    cmvn = Cmvn(np.array([-1.0, 2.0]), np.array([0.5, 4.0]))
    feats = np.array([[3.0, 1.0], [1.0, -2.0]], np.float32)
    np.testing.assert_array_equal(cmvn(feats), [[1.0, 12.0], [0.0, 0.0]])
    np.testing.assert_array_equal(feats, [[3.0, 1.0], [1.0, -2.0]])


def test_a_wrong_dimension_names_both_numbers_and_the_file(tmp_path: Path) -> None:
    (tmp_path / "am.mvn").write_text(some_cmvn(400).as_text())
    with pytest.raises(DataError, match=r"am\.mvn: made for 400 values a frame, but the features have 560"):
        read_cmvn(tmp_path / "am.mvn")(np.zeros((3, 560), np.float32))
    with pytest.raises(DataError, match=r"am\.mvn: made for 400 .* n_mels 80 x lfr_m 7 makes 560"):
        WavFrontend(cmvn_file=tmp_path / "am.mvn", lfr_m=7, lfr_n=6)


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "am.mvn"
    path.write_text(some_cmvn().as_text())
    text = path.read_text()
    for end in range(len(text.rstrip())):
        path.write_text(text[:end])
        with pytest.raises(DataError, match=r"am\.mvn: "):
            read_cmvn(path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<AddShift> 3 3", "<AddShift> 4 4", "<AddShift> announces 4 values and has 3"),
        ("<Rescale> 3 3\n<LearnRateCoef> 0 [ 1 1 1 ]", "<Rescale> 2 2\n<LearnRateCoef> 0 [ 1 1 ]", "has 3 values.* 2;"),
        ("-2", "minus", "value 2 of <AddShift> is 'minus'"),
        ("-2", "nan", "value 2 of <AddShift> is nan"),
        ("1 1 1", "1 inf 1", "value 2 of <Rescale> is inf"),
        ("<Rescale>", "<Other>", "has no <Rescale>"),
        ("<LearnRateCoef> 0 [ -1", "[ -1", "'3 3 \\[ -1 -2' is expected|is followed by '3 3 \\[ -1 -2'"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "am.mvn").write_text(Cmvn(np.array([-1.0, -2.0, -3.0]), np.ones(3)).as_text())
    text = (tmp_path / "am.mvn").read_text()
    assert old in text
    (tmp_path / "am.mvn").write_text(text.replace(old, new))
    with pytest.raises(DataError, match=says) as caught:
        read_cmvn(tmp_path / "am.mvn")
    assert str(tmp_path / "am.mvn") in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", "binary", "."):
        with pytest.raises(DataError, match=str(tmp_path)):
            read_cmvn(tmp_path / name)


def test_statistics_do_not_depend_on_the_split() -> None:
    feats = np.random.default_rng(0).normal(12, 3, (500, 7)).astype(np.float32)
    whole = CmvnStats()
    whole.add(feats)
    one, other = CmvnStats(), CmvnStats()
    for part in np.split(feats[:300], 7 * [0] + [1, 2, 100]):
        one.add(part)
    other.add(feats[300:])
    one.merge(other)
    one.merge(CmvnStats())
    assert one.total_frames == 500
    np.testing.assert_allclose(one.mean_stats, whole.mean_stats, rtol=1e-12)
    np.testing.assert_allclose(one.var_stats, whole.var_stats, rtol=1e-12)
    np.testing.assert_allclose(one.mean, feats.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(one.var, feats.var(axis=0, dtype=np.float64), rtol=1e-9)


def test_normalised_features_have_mean_0_and_variance_1() -> None:
    feats = np.random.default_rng(0).normal(-5, 0.3, (1000, 4)).astype(np.float32)
    stats = CmvnStats()
    stats.add(feats)
    normalised = stats.cmvn()(feats)
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std(axis=0), 1, atol=1e-4)


def test_a_constant_dimension_gets_a_finite_scale() -> None:
    stats = CmvnStats()
    stats.add(np.full((1001, 2), -15.942385, np.float32))
    cmvn = stats.cmvn()
    np.testing.assert_allclose(cmvn.scale, VARIANCE_FLOOR**-0.5)
    assert np.abs(cmvn(np.full((1, 2), -15.942385, np.float32))).max() < 0.1


def test_cmvn_json_holds_the_sums_and_the_count() -> None:
    stats = CmvnStats()
    stats.add(np.array([[1.0, -2.0], [3.0, 0.5]], np.float32))
    content = json.loads(json.dumps(stats.as_json()))
    assert content == {"mean_stats": [4.0, -1.5], "var_stats": [10.0, 4.25], "total_frames": 2}
    assert list(content) == ["mean_stats", "var_stats", "total_frames"]


def test_statistics_are_the_same_to_the_bit_in_any_order_and_any_division() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(-3, 10, (rng.integers(1, 2000), 5)).astype(np.float32) for _ in range(300)]
    forward, backward, merged = CmvnStats(), CmvnStats(), CmvnStats()
    for part in parts:
        forward.add(part)
    for part in reversed(parts):
        backward.add(part)
    for first in range(200, -1, -100):
        some = CmvnStats()
        for part in parts[first : first + 100]:
            some.add(part)
        merged.merge(some)
    for other in (backward, merged):
        np.testing.assert_array_equal(other.mean_stats, forward.mean_stats)
        np.testing.assert_array_equal(other.var_stats, forward.var_stats)
    everything = np.concatenate(parts).astype(np.float64)
    np.testing.assert_allclose(forward.mean_stats, everything.sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(forward.var_stats, np.square(everything).sum(axis=0), rtol=1e-11)


def test_sums_stay_exact_far_beyond_what_one_integer_holds() -> None:
    total = ExactSum(2)
    for _ in range(40):
        total.add(np.array([2.0**30, -(2.0**30) - 2.0**-30]))
    np.testing.assert_array_equal(total.value(), [40 * 2.0**30, -40 * 2.0**30 - 40 * 2.0**-30])
    assert total.high[0] != 0  # the sum did need both parts


def test_statistics_of_nothing_or_of_nonsense_are_errors() -> None:
    stats = CmvnStats()
    stats.add(np.zeros((0, 80), np.float32))
    with pytest.raises(DataError, match="0 frames"):
        stats.cmvn()
    stats.add(np.zeros((2, 80), np.float32))
    with pytest.raises(DataError, match="560 values a frame after features of 80"):
        stats.add(np.zeros((2, 560), np.float32))
    with pytest.raises(DataError, match=r"\(80,\)"):
        stats.add(np.zeros(80, np.float32))
    with pytest.raises(DataError, match="nan, infinite or huge values in dimension 3"):
        stats.add(np.where(np.arange(80) == 3, np.nan, 0.0)[None])
    assert stats.total_frames == 2
