"""Noise and rooms: what training adds to clean samples."""

import numpy as np
from scipy.signal import fftconvolve

from asrtools.features.fbank import as_signal


def add_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """[N] samples with a random stretch of noise, repeated where it is short, `snr_db` below their mean power."""
    samples, noise = _as_float(samples), _as_float(noise)
    if not len(samples) or not len(noise):
        return samples
    if len(noise) < len(samples):
        start = int(rng.integers(len(noise)))
        stretch = np.resize(np.roll(noise, -start), len(samples))
    else:
        start = int(rng.integers(len(noise) - len(samples) + 1))
        stretch = noise[start : start + len(samples)]
    signal_power, noise_power = float(np.mean(samples**2)), float(np.mean(stretch**2))
    if signal_power == 0 or noise_power == 0:
        return samples
    factor = np.sqrt(signal_power / noise_power / 10 ** (snr_db / 10))
    return (samples + np.float32(factor) * stretch).astype(np.float32)


def reverberate(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """[N] samples as heard in a room with this impulse response [M]: not later and not louder than before."""
    samples, response = _as_float(samples), _as_float(response)
    if not len(samples) or not np.any(response):
        return samples
    direct = int(np.argmax(np.abs(response)))  # so that labels and texts keep their times
    heard = fftconvolve(samples, response)[direct : direct + len(samples)]
    power, power_heard = float(np.mean(samples**2)), float(np.mean(heard**2))
    if power_heard > 0:
        heard = heard * np.sqrt(power / power_heard)
    return heard.astype(np.float32)


def _as_float(samples: np.ndarray) -> np.ndarray:
    signal = as_signal(samples)
    return (signal / np.float32(32768)).astype(np.float32) if signal.dtype == np.int16 else signal.astype(np.float32)
