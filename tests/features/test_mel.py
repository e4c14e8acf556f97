"""The constants of filterbanks."""

import numpy as np
import pytest

from asrtools.errors import ConfigError
from asrtools.features.mel import WINDOWS, kaldi_mel_banks, slaney_mel_banks, window_function


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_are_symmetric_and_reach_one_in_the_middle(name: str) -> None:
    window = window_function(name, 401)
    assert window.dtype == np.float32
    np.testing.assert_allclose(window, window[::-1], atol=1e-6)
    assert window[200] == pytest.approx(1, abs=1e-6)


def test_kaldi_triangles_have_height_one_and_overlap_to_one() -> None:
    banks = kaldi_mel_banks(80, 4096, 16000)
    assert banks.shape == (80, 2049) and (banks[:, -1] == 0).all()
    inner = banks[:, 100:1800].sum(axis=0)  # between the first and the last peak
    np.testing.assert_allclose(inner, 1, atol=1e-3)
    peaks = banks.argmax(axis=1)
    assert (np.diff(peaks) > 0).all()


def test_more_mels_than_the_spectrum_resolves_leave_empty_filters() -> None:
    banks = kaldi_mel_banks(128, 256, 16000)
    assert (banks.max(axis=1) == 0).any() and np.isfinite(banks).all()


def test_slaney_triangles_have_area_one() -> None:
    banks = slaney_mel_banks(80, 16000, 16000)  # one bin for each Hz
    np.testing.assert_allclose(banks.sum(axis=1), 1, rtol=1e-3)
    below_the_knee = np.diff(banks[:25].argmax(axis=1))  # equal distances below 1000 Hz
    assert below_the_knee.max() - below_the_knee.min() <= 1


def test_slaney_filters_match_known_values() -> None:
    # librosa.filters.mel(sr=16000, n_fft=400), which Whisper stores in mel_filters.npz
    known = {
        (80, 0): {1: 0.02486259},
        (80, 1): {1: 0.00199082, 2: 0.02287177},
        (80, 40): {42: 0.0054111, 43: 0.01473557, 44: 0.00651819},
        (128, 40): {24: 0.04037637},
        (128, 79): {60: 0.00119989, 61: 0.01275672, 62: 0.00965299},
    }
    for (n_mels, row), values in known.items():
        wanted = np.zeros(201)
        wanted[list(values)] = list(values.values())
        np.testing.assert_allclose(slaney_mel_banks(n_mels, 400, 16000)[row], wanted, atol=1e-8)


def test_an_unknown_window_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="hamming, hanning, povey, rectangular, blackman"):
        window_function("hann", 400)
