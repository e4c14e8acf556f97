"""Filterbank features of samples that arrive piece by piece: the frames of `Fbank`, as soon as they are complete."""

import numpy as np

from asrtools.features.fbank import Fbank, as_signal, mirrored


class FbankStream:
    """One utterance; keeps at most a window of samples between calls."""

    def __init__(self, fbank: Fbank, rng: np.random.Generator | None = None):
        self._fbank = fbank
        # one generator for the whole utterance, in the state in which `Fbank` would begin
        self._rng = rng or np.random.default_rng(0)
        self._kept = np.zeros(0, dtype=np.float32)
        self._offset = 0  # number of the first kept sample
        self._frames = 0  # frames given out

    def accept(self, samples: np.ndarray) -> np.ndarray:
        """The frames [t, n_mels] that [N] more samples complete."""
        signal = as_signal(samples)
        if signal.dtype == np.int16:
            signal = signal * np.float32(1 / 32768)
        self._kept = np.concatenate([self._kept, signal])
        size, shift = self._fbank.window_size, self._fbank.shift
        received = self._offset + len(self._kept)
        if received < size:  # the length of the window is not known before the utterance is as long, or over
            return self._emit(0)
        return self._emit((received + self._fbank.left_overhang(size) - size) // shift + 1)

    def finish(self) -> np.ndarray:
        """The frames that only the end of the utterance makes."""
        received = self._offset + len(self._kept)
        if received < self._fbank.window_size:
            return self._fbank(self._kept, self._rng)
        return self._emit(self._fbank.num_frames(received))

    def _emit(self, end: int) -> np.ndarray:
        size, shift = self._fbank.window_size, self._fbank.shift
        count = max(0, end - self._frames)
        received = self._offset + len(self._kept)
        begin = self._frames * shift - self._fbank.left_overhang(size)
        stop = begin + (count - 1) * shift + size
        if count and (begin < 0 or stop > received):
            signal = self._kept[mirrored(np.arange(begin, stop), received) - self._offset]
        else:
            signal = self._kept[begin - self._offset :]
        feats = self._fbank.of_frames(signal, count, self._rng)
        self._frames += count
        # a window of samples stays when the signal is mirrored at its end
        history = received if self._fbank.options.snip_edges else received - size
        begin = max(self._offset, min(begin + count * shift, history, received))
        self._kept = self._kept[begin - self._offset :]
        self._offset = begin
        return feats
