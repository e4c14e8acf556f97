"""SpecAugment by what it leaves and what it takes away."""

import numpy as np
import pytest

from asrtools.errors import ConfigError
from asrtools.features.spec_augment import SpecAug, stretch, time_warp
from asrtools.register import tables


def ones(num_frames: int = 100, dim: int = 80) -> np.ndarray:
    return np.ones((num_frames, dim), np.float32)


def runs(masked: np.ndarray) -> list[int]:
    """Lengths of the stretches that are True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], masked.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


def only(freq: tuple | None = None, time: tuple | None = None, **more: object) -> dict:
    """Keywords for one mask of that range and nothing else."""
    return {
        "apply_time_warp": False,
        "apply_freq_mask": freq is not None,
        "freq_mask_width_range": freq or (0, 1),
        "num_freq_mask": 1,
        "apply_time_mask": time is not None,
        "time_mask_width_range": time,
        "num_time_mask": 1,
        **more,
    }


def test_masked_widths_fill_their_range_and_reach_both_edges() -> None:
    rng = np.random.default_rng(0)
    augment = SpecAug(**only(freq=(3, 8), time=(0, 5)))
    freq_widths, time_widths, freq_seen, time_seen = set(), set(), np.zeros(80, bool), np.zeros(30, bool)
    for _ in range(500):
        feats = augment(ones(30), rng)
        freq, time = (feats == 0).all(axis=0), (feats == 0).all(axis=1)
        assert ((feats == 0) == (freq[None] | time[:, None])).all()  # whole columns and whole rows only
        freq_widths |= {*runs(freq)} if not time.all() else set()
        time_widths |= {*runs(time)} if time.any() else {0}
        freq_seen |= freq
        time_seen |= time
    assert freq_widths == {3, 4, 5, 6, 7}
    assert time_widths == {0, 1, 2, 3, 4}
    assert freq_seen.all() and time_seen.all()


def test_masks_by_ratio_follow_the_length_of_the_utterance() -> None:
    rng = np.random.default_rng(0)
    augment = SpecAug(**only(time_mask_width_ratio_range=(0.05, 0.1), apply_time_mask=True))
    for num_frames in (400, 100, 40):
        widths = {sum((augment(ones(num_frames), rng) == 0).all(axis=1)) for _ in range(200)}
        assert widths == set(range(num_frames // 20, num_frames // 10))
    short = ones(9)  # 10 % of it is no frame
    np.testing.assert_array_equal(augment(short, rng), short)


def test_several_masks_are_drawn_one_by_one() -> None:
    rng = np.random.default_rng(0)
    augment = SpecAug(**only(freq=(5, 6), num_freq_mask=3))
    totals = [int((augment(ones(1), rng) == 0).sum()) for _ in range(200)]
    assert max(totals) == 15 and min(totals) >= 5


def test_the_input_stays_and_the_seed_decides() -> None:
    feats = np.random.default_rng(1).normal(size=(50, 80)).astype(np.float32)
    before = feats.copy()
    augment = SpecAug(time_mask_width_range=(0, 20))
    one = augment(feats, np.random.default_rng(3))
    np.testing.assert_array_equal(feats, before)
    np.testing.assert_array_equal(augment(feats, np.random.default_rng(3)), one)
    assert not np.array_equal(augment(feats, np.random.default_rng(4)), one)
    assert one.dtype == np.float32 and one.shape == feats.shape


@pytest.mark.parametrize("num_frames", [0, 1, 2, 5, 11])
def test_short_utterances_pass(num_frames: int) -> None:
    for augment in (SpecAug(time_mask_width_range=(0, 40)), SpecAug(time_mask_width_ratio_range=(0, 0.05))):
        assert augment(ones(num_frames), np.random.default_rng(0)).shape == (num_frames, 80)


def test_lfr_masks_the_same_mels_in_every_stacked_frame() -> None:
    rng = np.random.default_rng(0)
    augment = SpecAug(**only(freq=(5, 30), lfr_rate=6))
    for _ in range(20):
        masked = (augment(ones(10, 560), rng) == 0).all(axis=0).reshape(7, 80)
        assert (masked == masked[0]).all() and 5 <= masked[0].sum() < 30
    with pytest.raises(ConfigError, match="560 values are not 6 frames"):
        SpecAug(**only(freq=(5, 30), lfr_rate=5))(ones(10, 560 // 6 * 6 + 2), rng)


def test_a_warp_keeps_the_length_and_moves_less_than_its_window() -> None:
    rng = np.random.default_rng(0)
    ramp = np.repeat(np.arange(100, dtype=np.float32)[:, None], 3, axis=1)
    moved = 0.0
    for mode in ("bicubic", "bilinear"):
        for _ in range(50):
            warped = time_warp(ramp, 5, mode, rng)
            assert warped.shape == ramp.shape and warped.dtype == np.float32
            moved = max(moved, np.abs(warped - ramp).max())
    assert 3 < moved < 6.5
    short = ramp[:10]
    assert time_warp(short, 5, "bicubic", rng) is short


@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
def test_stretching_interpolates_as_torch_does(mode: str) -> None:
    torch = pytest.importorskip("torch")
    feats = np.random.default_rng(0).normal(size=(17, 4)).astype(np.float32)
    for num_frames in (1, 5, 16, 17, 18, 40):
        wanted = torch.nn.functional.interpolate(
            torch.from_numpy(feats)[None, None], (num_frames, 4), mode=mode, align_corners=False
        )[0, 0]
        np.testing.assert_allclose(stretch(feats, num_frames, mode), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"apply_time_warp": False, "apply_freq_mask": False, "apply_time_mask": False}, "switches off"),
        ({}, "one of the two"),
        ({"time_mask_width_range": (0, 9), "time_mask_width_ratio_range": (0, 0.1)}, "one of the two"),
        ({"time_mask_width_range": (9, 9)}, r"time_mask_width_range is \(9, 9\)"),
        ({"time_mask_width_range": 9, "freq_mask_width_range": (1, 2, 3)}, r"freq_mask_width_range is \(1, 2, 3\)"),
        ({"time_mask_width_range": 9, "time_warp_mode": "nearest"}, "'nearest'"),
        ({"time_mask_width_range": 9, "time_warp_window": 0}, "time_warp_window is 0"),
    ],
)
def test_settings_without_sense_are_errors(keywords: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        SpecAug(**keywords)


def test_published_names_are_registered() -> None:
    assert tables.specaug_classes.find("SpecAug") is SpecAug
    assert tables.specaug_classes.find("SpecAugLFR") is SpecAug
