"""Filterbank features against the formulas written out, and inputs that break careless code."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from asrtools.errors import ConfigError, DataError
from asrtools.features.fbank import LOG_FLOOR, Fbank, FbankOptions
from asrtools.features.mel import WINDOWS

FLOOR = np.log(LOG_FLOOR)


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, num_samples).astype(np.float32)


def window_formula(name: str, size: int) -> np.ndarray:
    i = np.arange(size) / (size - 1)
    hanning = 0.5 - 0.5 * np.cos(2 * np.pi * i)
    return {
        "hamming": 0.54 - 0.46 * np.cos(2 * np.pi * i),
        "hanning": hanning,
        "povey": hanning**0.85,
        "rectangular": np.ones(size),
        "blackman": 0.42 - 0.5 * np.cos(2 * np.pi * i) + 0.08 * np.cos(4 * np.pi * i),
    }[name]


def log_mel_formula(frame: np.ndarray, window: str, fs: int, n_mels: int) -> np.ndarray:
    """One frame, in double precision and with the discrete Fourier transform as a sum."""
    frame = frame.astype(np.float64) * 32768
    frame = frame - frame.mean()
    frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
    frame = frame * window_formula(window, len(frame))
    n_fft = 1
    while n_fft < len(frame):
        n_fft *= 2
    angles = -2j * np.pi * np.outer(np.arange(n_fft // 2), np.arange(len(frame))) / n_fft
    power = np.abs(np.exp(angles) @ frame) ** 2

    def mel(hz: float | np.ndarray) -> np.ndarray:
        return 1127 * np.log(1 + np.asarray(hz) / 700)

    edges = np.linspace(mel(20.0), mel(fs / 2), n_mels + 2)
    bins = mel(np.arange(n_fft // 2) * fs / n_fft)
    energies = np.zeros(n_mels)
    for m, (left, center, right) in enumerate(zip(edges[:-2], edges[1:-1], edges[2:], strict=True)):
        weights = np.minimum((bins - left) / (center - left), (right - bins) / (right - center))
        energies[m] = np.maximum(weights, 0) @ power
    return np.log(np.maximum(energies, LOG_FLOOR))


@pytest.mark.parametrize("window", WINDOWS)
def test_every_frame_is_what_the_formula_says(window: str) -> None:
    samples = noise(400 + 160 * 66 + 3)  # more than one block
    feats = Fbank(FbankOptions(window=window))(samples)
    assert feats.shape == (67, 80) and feats.dtype == np.float32
    for t in (0, 1, 2, 63, 64, 65, 66):
        wanted = log_mel_formula(samples[160 * t : 160 * t + 400], window, 16000, 80)
        np.testing.assert_allclose(feats[t], wanted, atol=3e-4)
    assert np.sqrt(np.mean((feats[66] - wanted) ** 2)) < 3e-5


@pytest.mark.parametrize(("fs", "n_mels", "frame_length", "frame_shift"), [(8000, 40, 25, 10), (48000, 23, 32, 8)])
def test_other_rates_and_frames_follow_the_same_formula(
    fs: int, n_mels: int, frame_length: float, frame_shift: float
) -> None:
    size, shift = fs * frame_length // 1000, fs * frame_shift // 1000
    samples = noise(size + 5 * shift)
    feats = Fbank(FbankOptions(fs=fs, n_mels=n_mels, frame_length=frame_length, frame_shift=frame_shift))(samples)
    assert feats.shape == (6, n_mels)
    wanted = log_mel_formula(samples[3 * shift : 3 * shift + size], "hamming", fs, n_mels)
    np.testing.assert_allclose(feats[3], wanted, atol=3e-4)


def test_an_utterance_shorter_than_the_window_is_one_frame_of_its_own_length() -> None:
    for size in (399, 321, 200, 65):
        feats = Fbank()(noise(size))
        assert feats.shape == (1, 80)
        np.testing.assert_allclose(feats[0], log_mel_formula(noise(size), "hamming", 16000, 80), atol=3e-4)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 79, 80, 399, 400, 401, 559, 560, 640])
@pytest.mark.parametrize("snip_edges", [True, False])
def test_no_length_fails_and_silence_is_the_floor(size: int, snip_edges: bool) -> None:
    fbank = Fbank(FbankOptions(snip_edges=snip_edges))
    feats = fbank(noise(size))
    assert feats.shape == (fbank.num_frames(size), 80)
    assert np.isfinite(feats).all()
    np.testing.assert_array_equal(fbank(np.zeros(size, np.float32)), np.full_like(feats, FLOOR))
    constant = fbank(np.full(size, 0.25, np.float32))  # a constant is no sound
    assert len(constant) == 0 or constant.max() < 0


def test_no_samples_are_no_frames() -> None:
    for snip_edges in (True, False):
        fbank = Fbank(FbankOptions(snip_edges=snip_edges))
        for nothing in ([], np.zeros(0, np.float32), np.zeros(0, np.int16)):
            assert fbank(nothing).shape == (0, 80)


def test_without_snipping_the_signal_is_mirrored_at_both_ends() -> None:
    samples = noise(1000)
    feats = Fbank(FbankOptions(snip_edges=False))(samples)
    mirrored = np.concatenate([samples[:120][::-1], samples, samples[::-1]])
    assert len(feats) == (1000 + 80) // 160
    np.testing.assert_array_equal(feats, Fbank()(mirrored)[: len(feats)])


def test_int16_samples_give_the_same_bits_as_floats() -> None:
    integers = np.random.default_rng(1).integers(-32768, 32768, 5000).astype(np.int16)
    for upscale in (True, False):
        fbank = Fbank(FbankOptions(upsacle_samples=upscale))
        np.testing.assert_array_equal(fbank(integers), fbank(integers.astype(np.float32) / 32768))
        np.testing.assert_array_equal(fbank(integers), fbank(integers.astype(np.float64) / 32768))


def test_upscaling_is_a_factor_of_32768() -> None:
    scaled, plain = (Fbank(FbankOptions(upsacle_samples=upscale))(noise(2000)) for upscale in (True, False))
    np.testing.assert_allclose(scaled - plain, 2 * np.log(32768), atol=1e-5)


def test_samples_are_not_changed_and_strides_do_not_matter() -> None:
    samples = noise(4000)
    before = samples.copy()
    two_channels = np.stack([samples, -samples], axis=1)
    samples.flags.writeable = False
    np.testing.assert_array_equal(Fbank()(two_channels[:, 0]), Fbank()(samples))
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_values_that_are_no_samples_are_named_with_their_place(bad: float) -> None:
    samples = noise(3000)
    samples[[1234, 2999]] = bad
    with pytest.raises(DataError, match="2 of 3000.* at 1234"):
        Fbank()(samples)


def test_wrong_kinds_of_samples_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(2, 100\)"):
        Fbank()(np.zeros((2, 100), np.float32))
    for dtype in (np.int32, np.uint8, np.complex64):
        with pytest.raises(DataError, match=np.dtype(dtype).name):
            Fbank()(np.zeros(500, dtype))


def test_a_frame_does_not_depend_on_the_frames_around_it() -> None:
    samples = noise(160 * 200 + 400, seed=2)
    fbank = Fbank()
    whole = fbank(samples)
    for t in (0, 1, 63, 64, 127, 199, 200):
        np.testing.assert_allclose(fbank(samples[160 * t : 160 * t + 400])[0], whole[t], atol=1e-5)


def test_dither_is_noise_of_the_given_size_and_the_same_for_every_call() -> None:
    fbank = Fbank(FbankOptions(dither=1.0))
    silence = np.zeros(16000 * 3, np.float32)
    feats = fbank(silence)
    fbank(noise(999))
    np.testing.assert_array_equal(fbank(silence), feats)
    # white noise of standard deviation 1 through the same steps, on average
    white = Fbank()(np.random.default_rng(5).normal(0, 1 / 32768, 16000 * 3))
    assert abs(feats.mean() - white.mean()) < 0.03
    other = fbank(silence, np.random.default_rng(1))
    assert not np.array_equal(other, feats)
    np.testing.assert_array_equal(fbank(silence, np.random.default_rng(1)), other)


def test_threads_share_one_object() -> None:
    fbank = Fbank()
    inputs = [noise(1000 + 777 * i, seed=i) for i in range(12)]
    alone = [fbank(samples) for samples in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fbank, inputs * 3))
    for i, feats in enumerate(together):
        np.testing.assert_array_equal(feats, alone[i % 12])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"window": "hann"}, "'hann'.*hamming, hanning"),
        ({"n_mels": 3}, "n_mels is 3"),
        ({"fs": 0}, "fs is 0"),
        ({"frame_shift": 0}, "frame_shift is 0"),
        ({"frame_length": 0.1}, "frame_length is 0.1"),
        ({"dither": -1.0}, "dither is -1.0"),
        ({"low_freq": 9000.0}, "9000.0 .* 8000.0 Hz"),
        ({"high_freq": 9000.0}, "9000.0 Hz"),
        ({"preemphasis_coefficient": 1.5}, "1.5"),
    ],
)
def test_options_without_sense_are_errors_that_name_the_value(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Fbank(FbankOptions(**options))
