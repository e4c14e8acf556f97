"""MultiChannelFrontend: log-mel features of every channel of a recording, as MFCCA takes them."""

from collections.abc import Sequence

import numpy as np
import scipy.fft

from asrtools.errors import ConfigError, DataError
from asrtools.features.fbank import as_signal
from asrtools.features.mel import slaney_mel_banks
from asrtools.register import tables

FLOOR = 1e-10  # of a mel energy
WINDOWS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}  # a - b cos, periodic


@tables.register("frontend_classes", "MultiChannelFrontend")
class MultiChannelFrontend:
    """Samples [N] or [C, N] to float32 [T, C * n_mels]; keywords are those of frontend_conf.

    Lengths are in ms of 16 samples (`frame_length`, `frame_shift`) or in samples (`win_length`, `hop_length`).
    """

    takes_channels = True

    def __init__(
        self,
        fs: int = 16000,
        n_fft: int = 512,
        win_length: int | None = None,
        hop_length: int | None = None,
        frame_length: int | None = None,
        frame_shift: int | None = None,
        window: str = "hann",
        center: bool = True,
        normalized: bool = False,
        onesided: bool = True,
        n_mels: int = 80,
        lfr_m: int = 1,
        lfr_n: int = 1,
        mc: bool = True,
    ):
        if (win_length is None) != (hop_length is None) or (win_length is None) == (frame_length is None):
            raise ConfigError(
                "MultiChannelFrontend: win_length and hop_length, or frame_length and frame_shift, should be given; "
                f"they are {win_length}, {hop_length}, {frame_length} and {frame_shift}"
            )
        if frame_length is not None and frame_shift is None:
            raise ConfigError("MultiChannelFrontend: frame_length is given without frame_shift; give both")
        if window not in WINDOWS or not center or normalized or not onesided or (lfr_m, lfr_n) != (1, 1) or not mc:
            raise ConfigError(
                f"MultiChannelFrontend: window {window!r}, center {center}, normalized {normalized}, onesided "
                f"{onesided}, lfr_m {lfr_m}, lfr_n {lfr_n}, mc {mc}; known is hann or hamming with true, false, true, "
                "1, 1, true"
            )
        self.fs, self.n_fft, self.n_mels = fs, n_fft, n_mels
        length = win_length if frame_length is None else 16 * frame_length
        self.hop = hop_length if frame_shift is None else 16 * frame_shift
        if not 0 < length <= n_fft:
            raise ConfigError(f"MultiChannelFrontend: a window of {length} samples does not fit into n_fft {n_fft}")
        self.lfr_m = self.lfr_n = 1
        self.frame_shift = 1000 * self.hop / fs  # ms
        mean, swing = WINDOWS[window]
        before = (n_fft - length) // 2
        self._window = np.zeros(n_fft, np.float32)
        self._window[before : before + length] = mean - swing * np.cos(2 * np.pi * np.arange(length) / length)
        self._filters = slaney_mel_banks(n_mels, n_fft, fs)

    def output_size(self) -> int:
        """Values in a frame of one channel."""
        return self.n_mels

    def num_frames(self, num_samples: int) -> int:
        return 1 + num_samples // self.hop if num_samples else 0

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        channels = samples if samples.ndim == 2 else samples[None]
        return np.concatenate([self._log_mel(as_signal(one)) for one in channels], axis=1)

    def from_fbank(self, feats: np.ndarray) -> np.ndarray:
        """Ready log-mel features [T, C * n_mels] go in as they are."""
        if feats.ndim != 2 or not feats.shape[1] or feats.shape[1] % self.n_mels:
            raise DataError(f"features have the shape {feats.shape}; [T, a multiple of {self.n_mels}] is expected")
        return np.asarray(feats, np.float32)

    def batch(self, samples: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Utterances of equally many channels to features padded with zeros [B, T, D] and their lengths [B]."""
        feats = [self(one) for one in samples]
        lens = np.array([len(one) for one in feats], dtype=np.int64)
        padded = np.zeros((len(feats), max(lens, default=0), feats[0].shape[1] if feats else 0), dtype=np.float32)
        for row, one in zip(padded, feats, strict=True):
            row[: len(one)] = one
        return padded, lens

    def _log_mel(self, signal: np.ndarray) -> np.ndarray:
        if signal.dtype == np.int16:
            signal = signal * np.float32(1 / 32768)
        if not len(signal):
            return np.zeros((0, self.n_mels), np.float32)
        half = self.n_fft // 2
        padded = np.pad(signal, half, mode="reflect" if len(signal) > half else "symmetric")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop]
        spectrum = scipy.fft.rfft(frames * self._window, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        return np.log(np.maximum(power @ self._filters.T, np.float32(FLOOR))).astype(np.float32)
