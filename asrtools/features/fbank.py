"""Log-mel filterbank features: what torchaudio.compliance.kaldi computes for FunASR's WavFrontend.

Written by hand because kaldi-native-fbank differs from the features of published models by up to 8e-4, torchaudio does
not load everywhere, and work in blocks that stay in the cache is faster than either.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from asrtools.errors import ConfigError, DataError
from asrtools.features.mel import kaldi_mel_banks, window_function

LOG_FLOOR = np.finfo(np.float32).eps  # of the mel energies; Kaldi's energy_floor concerns its extra energy column only
BLOCK_FLOATS = 32768  # 64 frames of 512: what a step works on stays in the second-level cache
MELS_PER_BAND = 16  # with 64 frames a product stays below the size from which OpenBLAS wakes its threads
MOST_MS = 10_000  # of a frame; more is a slip of the pen that would take all memory
SAMPLES_LIMIT = 1e24  # of the sum of squares: beyond it float32 power spectra overflow


@dataclass(frozen=True)
class FbankOptions:
    """Names and meanings as published in frontend_conf; what follows upsacle_samples is named as in Kaldi."""

    fs: int = 16000
    window: str = "hamming"
    n_mels: int = 80
    frame_length: float = 25  # ms
    frame_shift: float = 10  # ms
    dither: float = 0.0  # standard deviation of the noise that is added to the (scaled) samples
    snip_edges: bool = True  # only frames that lie inside; False: one a shift, the signal is mirrored at its ends
    upsacle_samples: bool = True  # [-1, 1) to the 16-bit range (the spelling is part of the published configs)
    preemphasis_coefficient: float = 0.97
    remove_dc_offset: bool = True
    low_freq: float = 20.0
    high_freq: float = 0.0  # <= 0 counts down from fs / 2

    def __post_init__(self) -> None:
        if self.fs <= 0:
            raise ConfigError(f"fs is {self.fs}; the sampling rate in Hz is expected")
        if self.shift < 1:
            raise ConfigError(f"frame_shift is {self.frame_shift} ms, less than one sample at {self.fs} Hz")
        if self.window_size < 2:
            raise ConfigError(f"frame_length is {self.frame_length} ms, less than two samples at {self.fs} Hz")
        if self.frame_length > MOST_MS or self.frame_shift > MOST_MS:
            longest = f"frame_length is {self.frame_length} and frame_shift {self.frame_shift}"
            raise ConfigError(f"{longest}; they are milliseconds, {MOST_MS} at most")
        if self.dither < 0:
            raise ConfigError(f"dither is {self.dither}; it is a standard deviation, 0 or more")
        if not 0 <= self.preemphasis_coefficient <= 1:
            raise ConfigError(f"preemphasis_coefficient is {self.preemphasis_coefficient}; 0 to 1 is expected")

    @property
    def window_size(self) -> int:
        """Samples in a frame."""
        return int(self.fs * self.frame_length * 0.001)

    @property
    def shift(self) -> int:
        """Samples from one frame to the next."""
        return int(self.fs * self.frame_shift * 0.001)

    @property
    def scale(self) -> float:
        """Factor from samples in [-1, 1) to the values that are analysed."""
        return 32768.0 if self.upsacle_samples else 1.0

    def mel_banks(self, n_fft: int) -> np.ndarray:
        """The mel matrix for a spectrum of that transform, [n_mels, n_fft // 2 + 1]."""
        return kaldi_mel_banks(self.n_mels, n_fft, self.fs, self.low_freq, self.high_freq)


class Fbank:
    """Samples to log-mel features; holds constants only, so one object serves any number of threads."""

    def __init__(self, options: FbankOptions | None = None):
        self.options = options or FbankOptions()
        self.window_size = self.options.window_size
        self.shift = self.options.shift
        self.n_mels = self.options.n_mels
        self._kernel = FrameKernel(self.options, self.window_size)

    def __call__(self, samples: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Samples [N], float in [-1, 1) or int16, to float32 [T, n_mels]; `rng` draws the dither (default: seed 0)."""
        signal = as_signal(samples)
        num_frames = self.num_frames(len(signal))
        size = min(self.window_size, len(signal))
        if not self.options.snip_edges and num_frames:
            first = -self.left_overhang(size)
            signal = signal[mirrored(np.arange(first, first + (num_frames - 1) * self.shift + size), len(signal))]
        return self.of_frames(signal, num_frames, rng, size)

    def num_frames(self, num_samples: int) -> int:
        """Frames of so many samples; less than a window makes one, shrunken frame, as in WavFrontend."""
        if not self.options.snip_edges:
            return (num_samples + self.shift // 2) // self.shift
        return 1 + max(0, num_samples - self.window_size) // self.shift if num_samples else 0

    def left_overhang(self, size: int) -> int:
        """Samples by which the first frame begins before the signal (below 0: after its begin)."""
        return 0 if self.options.snip_edges else size // 2 - self.shift // 2

    def of_frames(
        self, signal: np.ndarray, num_frames: int, rng: np.random.Generator | None = None, size: int | None = None
    ) -> np.ndarray:
        """Features of frames that begin at 0, shift, 2 shift, ... of a checked signal and lie inside it."""
        feats = np.empty((num_frames, self.n_mels), dtype=np.float32)
        if num_frames:
            whole = size is None or size == self.window_size
            kernel = self._kernel if whole else _short_kernel(self.options, size)
            kernel.fill(feats, signal, rng)
        return feats


class FrameKernel:
    """The constants for one frame size, and the arithmetic on blocks of frames."""

    def __init__(self, options: FbankOptions, size: int):
        self.size = size
        self.shift = options.shift
        self.scale = options.scale
        self.dither = options.dither
        self.remove_dc_offset = options.remove_dc_offset
        self.preemphasis = np.float32(options.preemphasis_coefficient)
        self.n_fft = max(2, 1 << (size - 1).bit_length())
        whole = size == options.window_size
        self.rows = max(4, BLOCK_FLOATS // self.n_fft // 4 * 4) if whole else 4  # a short utterance is one frame
        window = np.pad(window_function(options.window, size), (0, self.n_fft - size))
        # repeated for every row, since numpy multiplies contiguous blocks of one shape twice as fast as it broadcasts
        self.window = np.tile(window, (self.rows, 1))  # [rows, n_fft]
        self.bands = _bands(options.mel_banks(self.n_fft))

    def fill(self, feats: np.ndarray, signal: np.ndarray, rng: np.random.Generator | None) -> None:
        if self.dither:
            rng = rng or np.random.default_rng(0)  # made anew for each call: no result depends on the calls before it
        num_frames, n_mels = feats.shape
        # rounded up to groups of four: the transform takes four rows at once, and a single row would go through BLAS's
        # vector routine, which rounds otherwise, so that a stream of small pieces differed from the whole utterance
        rows = min(self.rows, -(-num_frames // 4) * 4)
        frames = np.zeros((rows, self.n_fft), dtype=np.float32)
        scratch = np.empty_like(frames)
        energies = np.empty((rows, n_mels), dtype=np.float32)
        scale = np.float32(self.scale / 32768 if signal.dtype == np.int16 else self.scale)
        for first in range(0, num_frames, rows):
            count = min(rows, num_frames - first)
            used = -(-count // 4) * 4
            begin = first * self.shift
            piece = signal[begin : begin + (count - 1) * self.shift + self.size]
            piece = np.multiply(piece, scale, dtype=np.float32)
            self._frame(frames[:count], scratch[:count], piece, rng)
            power = scipy.fft.rfft(frames[:used]).view(np.float32)  # [used, n_fft + 2], re im re im
            power *= power
            for bins, mels, weights in self.bands:
                np.matmul(power[:, bins], weights, out=energies[:used, mels])
            mel = energies[:count]
            np.maximum(mel, LOG_FLOOR, out=mel)
            np.log(mel, out=feats[first : first + count])

    def _frame(
        self, frames: np.ndarray, scratch: np.ndarray, piece: np.ndarray, rng: np.random.Generator | None
    ) -> None:
        """Fill frames [count, n_fft] with the samples, without their mean, pre-emphasised and windowed.

        The order of the roundings is torchaudio's. All but the copy runs over whole rows, padding included, because
        numpy is several times faster on contiguous blocks; the window is 0 in the padding.
        """
        values = np.ndarray((len(frames), self.size), np.float32, piece, 0, (self.shift * 4, 4))  # [count, size]
        if self.dither:  # each frame has noise of its own, also where frames overlap
            values = values + rng.standard_normal(values.shape, dtype=np.float32) * np.float32(self.dither)
        frames[:, : self.size] = values
        if self.remove_dc_offset:
            mean = np.einsum("ij->i", values)
            mean /= np.float32(self.size)
            frames -= mean[:, None]
        if self.preemphasis:
            np.multiply(frames, self.preemphasis, out=scratch)
            first = frames[:, 0] - scratch[:, 0]  # has no sample before it in its frame
            frames.reshape(-1)[1:] -= scratch.reshape(-1)[:-1]
            frames[:, 0] = first
        frames *= self.window[: len(frames)]


@lru_cache(maxsize=64)
def _short_kernel(options: FbankOptions, size: int) -> FrameKernel:
    return FrameKernel(options, size)


def _bands(banks: np.ndarray) -> list[tuple[slice, slice, np.ndarray]]:
    """Cut a mel matrix [n_mels, bins] into bands (columns of the squared spectrum, mels, weights).

    A filter covers few bins, so bands leave out most of the zeros. Each weight stands twice, for the square of the real
    and of the imaginary part, which saves the pass that would add them.
    """
    bands = []
    for first in range(0, len(banks), MELS_PER_BAND):
        band = banks[first : first + MELS_PER_BAND]
        used = np.flatnonzero(band.any(axis=0))
        low, high = (used[0], used[-1] + 1) if len(used) else (0, 1)
        weights = np.ascontiguousarray(np.repeat(band[:, low:high], 2, axis=1).T)
        bands.append((slice(2 * low, 2 * high), slice(first, first + len(band)), weights))
    return bands


def mirrored(index: np.ndarray, length: int) -> np.ndarray:
    """Indices into a signal that goes on mirrored at both ends, edge samples repeated: ... 1 0 | 0 1 2 | 2 1 ..."""
    index = index % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)


def as_signal(samples: np.ndarray) -> np.ndarray:
    """Check one channel of samples: contiguous float32 or int16 [N], or a DataError that says what they are."""
    signal = np.asarray(samples)
    if signal.ndim != 1:
        raise DataError(f"samples have the shape {signal.shape}; one channel [N] is expected")
    if signal.dtype == np.int16:
        return np.ascontiguousarray(signal)
    if signal.size and not np.issubdtype(signal.dtype, np.floating):
        raise DataError(f"samples are {signal.dtype}; float in [-1, 1) or int16 is expected")
    with np.errstate(over="ignore"):  # found out right below
        signal = np.ascontiguousarray(signal, dtype=np.float32)
        total = float(np.einsum("i,i->", signal, signal))
    if not total < SAMPLES_LIMIT:
        wrong = np.flatnonzero(~(np.abs(signal) < SAMPLES_LIMIT**0.5))
        first = wrong[0] if len(wrong) else int(np.argmax(np.abs(signal)))
        raise DataError(
            f"samples are not usable: {max(1, len(wrong))} of {len(signal)} are nan, infinite or huge, "
            f"the first is {signal[first]} at {first}; values in [-1, 1) are expected"
        )
    return signal
