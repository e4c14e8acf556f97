"""The constants of a filterbank: window functions and mel matrices, Kaldi's and Slaney's."""

import numpy as np

from asrtools.errors import ConfigError

WINDOWS = ("hamming", "hanning", "povey", "rectangular", "blackman")


def window_function(name: str, size: int) -> np.ndarray:
    """The symmetric window of that name, float32 [size]."""
    if name not in WINDOWS:
        raise ConfigError(f"window {name!r} is not known; use one of {', '.join(WINDOWS)}")
    if size < 2 or name == "rectangular":
        return np.ones(size, dtype=np.float32)
    # float32 in every step but the cosine, as in the windows that published models were trained with
    f32 = np.float32
    index = np.arange(size, dtype=f32)
    cosine = _cosine(index * f32(2 * np.pi / (size - 1)))
    hann = f32(0.5) - f32(0.5) * cosine
    if name == "hamming":
        return f32(0.54) - f32(0.46) * cosine
    if name == "blackman":
        return f32(0.42) - f32(0.5) * cosine + f32(0.08) * _cosine(index * f32(4 * np.pi / (size - 1)))
    return hann if name == "hanning" else (hann.astype(np.float64) ** 0.85).astype(f32)


def _cosine(phase: np.ndarray) -> np.ndarray:
    """Correctly rounded from double, because float32 cosines differ between libraries."""
    return np.cos(phase.astype(np.float64)).astype(np.float32)


def kaldi_mel_banks(n_mels: int, n_fft: int, fs: float, low_freq: float = 20.0, high_freq: float = 0.0) -> np.ndarray:
    """Triangles of height 1, equidistant in 1127 ln(1 + f/700), float32 [n_mels, n_fft // 2 + 1].

    `high_freq <= 0` counts down from fs / 2. The bin at fs / 2 has no weight, as in Kaldi.
    """
    nyquist = 0.5 * fs
    high = high_freq if high_freq > 0 else nyquist + high_freq
    if n_mels < 4:
        raise ConfigError(f"n_mels is {n_mels}; a mel filterbank needs at least 4 bins")
    if not 0 <= low_freq < high <= nyquist:
        raise ConfigError(
            f"mel filters from low_freq {low_freq} to {high} Hz do not fit into 0 to {nyquist} Hz, half of fs {fs}"
        )

    # float32 in every step: at mel 2840 a float32 step is 1e-5 of a filter's width, so that double precision would move
    # the log-mel of narrow filters by up to 1e-4 from the features that published models were trained on.
    f32 = np.float32
    mel_low, mel_high = 1127.0 * np.log(1.0 + np.array([low_freq, high]) / 700.0)
    step = (mel_high - mel_low) / (n_mels + 1)
    index = np.arange(n_mels, dtype=f32)[:, None]
    left, center, right = (f32(mel_low) + (index + f32(k)) * f32(step) for k in range(3))
    freqs = f32(fs / n_fft) * np.arange(n_fft // 2, dtype=f32)
    # the logarithm alone is correctly rounded from double, because float32 logarithms differ between libraries
    mel = f32(1127.0) * np.log((f32(1) + freqs / f32(700)).astype(np.float64)).astype(f32)
    triangles = np.maximum(f32(0), np.minimum((mel - left) / (center - left), (right - mel) / (right - center)))
    return np.pad(triangles, ((0, 0), (0, 1)))


def slaney_mel_banks(n_mels: int, n_fft: int, fs: float) -> np.ndarray:
    """Triangles of area 1 on Slaney's mel scale from 0 to fs / 2, float32 [n_mels, n_fft // 2 + 1]."""
    if n_mels < 1:
        raise ConfigError(f"n_mels is {n_mels}; a mel filterbank needs at least 1 bin")
    edges = _slaney_to_hz(np.linspace(0.0, _hz_to_slaney(fs / 2), n_mels + 2))
    freqs = np.arange(n_fft // 2 + 1) * fs / n_fft
    up = (freqs - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - freqs) / np.diff(edges)[1:, None]
    height = 2.0 / (edges[2:] - edges[:-2])
    return (np.maximum(0.0, np.minimum(up, down)) * height[:, None]).astype(np.float32)


# Slaney's scale (Auditory Toolbox): 3 mel in 200 Hz below 1000 Hz, above it 27 mel for a factor of 6.4.
_KNEE_HZ, _KNEE_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27.0


def _hz_to_slaney(hz: float) -> float:
    return hz * 3 / 200 if hz < _KNEE_HZ else _KNEE_MEL + float(np.log(hz / _KNEE_HZ)) / _LOG_STEP


def _slaney_to_hz(mel: np.ndarray) -> np.ndarray:
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * 200 / 3, above)
