"""SpecAugment: features warped in time, bands of mels and stretches of frames set to 0 (Park et al., 2019).

One utterance [T, D] at a time, before padding, so that nothing depends on batch mates; the caller owns the generator.
"""

from collections.abc import Sequence
from math import floor

import numpy as np

from asrtools.errors import ConfigError
from asrtools.register import tables

CUBIC = -0.75  # the kernel's parameter in torch's bicubic interpolation


@tables.register("specaug_classes", "SpecAugLFR")
@tables.register("specaug_classes", "SpecAug")
class SpecAug:
    """Masks and warps with the published keywords; a range (low, high) of widths holds low, low + 1, ... high - 1.

    For stacked frames (SpecAugLFR), a frequency mask covers the same mels in all `lfr_rate + 1` frames of a row.
    """

    def __init__(
        self,
        apply_time_warp: bool = True,
        time_warp_window: int = 5,
        time_warp_mode: str = "bicubic",
        apply_freq_mask: bool = True,
        freq_mask_width_range: int | Sequence[int] = (0, 20),
        num_freq_mask: int = 2,
        apply_time_mask: bool = True,
        time_mask_width_range: int | Sequence[int] | None = None,
        time_mask_width_ratio_range: float | Sequence[float] | None = None,
        num_time_mask: int = 2,
        lfr_rate: int = 0,
    ):
        if not (apply_time_warp or apply_freq_mask or apply_time_mask):
            raise ConfigError("specaug_conf switches off the warp and both masks; leave specaug out instead")
        if apply_time_mask and (time_mask_width_range is None) == (time_mask_width_ratio_range is None):
            raise ConfigError(
                f"time_mask_width_range is {time_mask_width_range} and time_mask_width_ratio_range "
                f"{time_mask_width_ratio_range}; the time mask needs one of the two"
            )
        if time_warp_mode not in ("bicubic", "bilinear"):
            raise ConfigError(f"time_warp_mode is {time_warp_mode!r}; bicubic or bilinear is expected")
        if apply_time_warp and time_warp_window < 1:
            raise ConfigError(f"time_warp_window is {time_warp_window}; a number of frames, 1 or more, is expected")
        self.time_warp_window = time_warp_window if apply_time_warp else 0
        self.time_warp_mode = time_warp_mode
        self.num_freq_mask = num_freq_mask if apply_freq_mask else 0
        self.num_time_mask = num_time_mask if apply_time_mask else 0
        self.freq_widths = _range("freq_mask_width_range", freq_mask_width_range) if apply_freq_mask else (0, 1)
        self.time_widths = self.time_ratios = None
        if apply_time_mask and time_mask_width_range is not None:
            self.time_widths = _range("time_mask_width_range", time_mask_width_range)
        elif apply_time_mask:
            self.time_ratios = _range("time_mask_width_ratio_range", time_mask_width_ratio_range)
        if lfr_rate < 0:
            raise ConfigError(f"lfr_rate is {lfr_rate}; one less than the frames in a row is expected, 6 for lfr_m 7")
        self.freq_blocks = lfr_rate + 1  # equal parts of a row that are masked alike

    def __call__(self, feats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A changed copy of [T, D]."""
        if self.time_warp_window:
            feats = time_warp(feats, self.time_warp_window, self.time_warp_mode, rng)
        feats = feats.copy()
        num_frames, dim = feats.shape
        if self.num_freq_mask and dim % self.freq_blocks:
            raise ConfigError(f"rows of {dim} values are not {self.freq_blocks} frames of equal size; see lfr_rate")
        blocks = feats.reshape(num_frames, self.freq_blocks, dim // self.freq_blocks)
        for begin, end in _spans(self.freq_widths, self.num_freq_mask, blocks.shape[2], rng):
            blocks[:, :, begin:end] = 0
        widths = self.time_widths
        if self.time_ratios is not None:
            low, high = (min(num_frames, floor(num_frames * ratio)) for ratio in self.time_ratios)
            widths = (low, high) if high > low else None  # too short for a mask
        if widths is not None:
            for begin, end in _spans(widths, self.num_time_mask, num_frames, rng):
                feats[begin:end] = 0
        return feats


def time_warp(feats: np.ndarray, window: int, mode: str, rng: np.random.Generator) -> np.ndarray:
    """Move a random frame by less than `window` frames and stretch what lies before and after it; T stays."""
    num_frames = len(feats)
    if num_frames <= 2 * window:
        return feats
    center = int(rng.integers(window, num_frames - window))
    warped = int(rng.integers(center - window, center + window)) + 1
    return np.concatenate([stretch(feats[:center], warped, mode), stretch(feats[center:], num_frames - warped, mode)])


def stretch(feats: np.ndarray, num_frames: int, mode: str = "bicubic") -> np.ndarray:
    """[T, D] to [num_frames, D], interpolated as torch does without align_corners."""
    position = (np.arange(num_frames) + 0.5) * len(feats) / max(1, num_frames) - 0.5
    if mode == "bilinear":
        position = np.maximum(position, 0.0)
    left = np.floor(position)
    t = position - left
    if mode == "bilinear":
        taps, weights = (0, 1), np.stack([1 - t, t])
    else:
        taps = (-1, 0, 1, 2)
        weights = np.stack([_outer(1 + t), _inner(t), _inner(1 - t), _outer(2 - t)])
    frames = np.clip(left[None].astype(int) + np.array(taps)[:, None], 0, len(feats) - 1)  # [taps, num_frames]
    return np.einsum("kt,ktd->td", weights.astype(feats.dtype), feats[frames])


def _inner(t: np.ndarray) -> np.ndarray:
    """The cubic convolution kernel (Keys, 1981) for distances up to 1."""
    return ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1


def _outer(t: np.ndarray) -> np.ndarray:
    """The kernel for distances from 1 to 2."""
    return ((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC


def _spans(widths: tuple[float, float], count: int, length: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Masks (begin, end) that lie inside `length`, of widths from the range, at any place with equal chance."""
    spans = []
    for _ in range(count):
        width = min(length, int(rng.integers(int(widths[0]), int(widths[1]))))
        begin = int(rng.integers(0, length - width + 1))
        spans.append((begin, begin + width))
    return spans


def _range(name: str, value: float | Sequence[float]) -> tuple[float, float]:
    """A range of widths; a single number is the upper end."""
    pair = (0, value) if isinstance(value, int | float) else tuple(value)
    if len(pair) != 2 or not 0 <= pair[0] < pair[1]:
        raise ConfigError(f"{name} is {value}; one number above 0, or two, 0 <= low < high, are expected")
    return pair
