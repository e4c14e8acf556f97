"""WhisperFrontend: the log-mel spectrogram of OpenAI's Whisper, without the whisper package."""

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import scipy.fft

from asrtools.errors import ConfigError, DataError
from asrtools.features.fbank import as_signal
from asrtools.features.mel import slaney_mel_banks
from asrtools.register import tables

SAMPLE_RATE = 16000
N_FFT = 400
HOP_LENGTH = 160
N_SAMPLES = 30 * SAMPLE_RATE
LARGE_MODELS = ("large-v3", "large")  # 128 mels
BLOCK_FRAMES = 64


@tables.register("frontend_classes", "WhisperFrontend")
class WhisperFrontend:
    """The published frontend; features are [n_mels, T], with `permute` [T, n_mels].

    Keywords are those of frontend_conf. `filters_path` names an .npz whose `mel_<n_mels>` is taken instead of the
    filters computed here, which are the same.
    """

    def __init__(
        self,
        fs: int = SAMPLE_RATE,
        whisper_model: str | None = None,
        do_pad_trim: bool = True,
        n_mels: int = 80,
        permute: bool = False,
        filters_path: str | Path | None = None,
    ):
        if fs != SAMPLE_RATE:
            raise ConfigError(f"WhisperFrontend: fs is {fs}; Whisper's features are defined for {SAMPLE_RATE} only")
        self.fs = fs
        self.n_mels = 128 if whisper_model in LARGE_MODELS else n_mels
        self.do_pad_trim = do_pad_trim
        self.permute = permute
        self.is_time_last = not permute
        self.frame_shift = HOP_LENGTH * 1000 // fs  # ms
        self.lfr_n = 1
        if filters_path is None:
            self._filters = slaney_mel_banks(self.n_mels, N_FFT, fs)
        else:
            self._filters = _read_filters(filters_path, self.n_mels)
        # the window of torch.hann_window, periodic
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)

    def output_size(self) -> int:
        """Values in a frame."""
        return self.n_mels

    def num_frames(self, num_samples: int) -> int:
        """Frames that hold speech, without the padding to 30 s."""
        return (min(num_samples, N_SAMPLES) if self.do_pad_trim else num_samples) // HOP_LENGTH

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples [N], float in [-1, 1) or int16, to float32 [n_mels, T]; T is 3000 with do_pad_trim, else N // 160."""
        signal = as_signal(samples)
        if signal.dtype == np.int16:
            signal = signal * np.float32(1 / 32768)
        if self.do_pad_trim:
            signal = np.pad(signal[:N_SAMPLES], (0, max(0, N_SAMPLES - len(signal))))
        mel = self._mel_power(signal)  # [T, n_mels]
        if len(mel):
            np.log10(np.maximum(mel, 1e-10, out=mel), out=mel)
            np.maximum(mel, mel.max() - np.float32(8), out=mel)
            mel += np.float32(4)
            mel /= np.float32(4)
        return mel if self.permute else np.ascontiguousarray(mel.T)

    def batch(self, samples: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Utterances to features padded with 0 [B, n_mels, T] (permuted: [B, T, n_mels]) and frames of speech [B]."""
        feats = [self(one) for one in samples]
        lens = np.array([self.num_frames(len(one)) for one in samples], dtype=np.int64)
        shape = np.max([one.shape for one in feats], axis=0) if feats else np.zeros(2, dtype=int)
        padded = np.zeros((len(feats), *shape), dtype=np.float32)
        for row, one in zip(padded, feats, strict=True):
            row[: one.shape[0], : one.shape[1]] = one
        return padded, lens

    def from_fbank(self, feats: np.ndarray) -> np.ndarray:
        """There is no way from Kaldi's filter banks to Whisper's."""
        raise DataError(
            "WhisperFrontend takes recordings, not features computed before: its scale differs from Kaldi's"
        )

    def _mel_power(self, signal: np.ndarray) -> np.ndarray:
        """Mel energies [T, n_mels] of frames centred at 0, 160, ...; Whisper leaves out the one centred at the end."""
        num_frames = len(signal) // HOP_LENGTH
        mel = np.empty((num_frames, self.n_mels), dtype=np.float32)
        for first in range(0, num_frames, BLOCK_FRAMES):
            count = min(BLOCK_FRAMES, num_frames - first)
            begin = first * HOP_LENGTH - N_FFT // 2
            end = begin + (count - 1) * HOP_LENGTH + N_FFT
            if begin < 0 or end > len(signal):
                piece = signal[_reflected(np.arange(begin, end), len(signal))]
            else:
                piece = signal[begin:end]
            frames = np.lib.stride_tricks.sliding_window_view(piece, N_FFT)[::HOP_LENGTH]  # [count, N_FFT]
            power = scipy.fft.rfft(frames * self._window).view(np.float32)
            power *= power
            np.matmul(power[:, 0::2] + power[:, 1::2], self._filters.T, out=mel[first : first + count])
        return mel


def _reflected(index: np.ndarray, length: int) -> np.ndarray:
    """Indices into a signal that goes on mirrored at both ends, edge samples not repeated: ... 2 1 | 0 1 2 | 1 0 ..."""
    if length == 1:
        return np.zeros_like(index)
    index = index % (2 * length - 2)
    return np.where(index < length, index, 2 * length - 2 - index)


def _read_filters(path: str | Path, n_mels: int) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as archive:
            filters = np.asarray(archive[f"mel_{n_mels}"], dtype=np.float32)
    except KeyError as error:
        raise DataError(f"{path}: has no mel_{n_mels}; filters_path names an .npz of mel matrices") from error
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as an .npz of mel matrices: {error}") from error
    if filters.shape != (n_mels, N_FFT // 2 + 1):
        raise DataError(f"{path}: mel_{n_mels} has the shape {filters.shape}; {(n_mels, N_FFT // 2 + 1)} is expected")
    return filters
