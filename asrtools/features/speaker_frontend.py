"""SpeakerFrontend: samples to the features of speaker networks, log-mel without the mean of the utterance."""

import numpy as np

from asrtools.errors import DataError
from asrtools.features.fbank import Fbank, FbankOptions
from asrtools.register import tables


@tables.register("frontend_classes", "SpeakerFrontend")
class SpeakerFrontend:
    """What CAM++ was trained on: povey window, samples in [-1, 1) as they are, no dither.

    Published configs name WavFrontend, which is not what these models take; `OWN_FRONTEND` of build.py sets it right.
    """

    def __init__(self, fs: int = 16000, n_mels: int = 80):
        self.fs = fs
        self.n_mels = n_mels
        self.fbank = Fbank(FbankOptions(fs=fs, window="povey", n_mels=n_mels, upsacle_samples=False))

    def output_size(self) -> int:
        """Values in a row of features."""
        return self.n_mels

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples [N], float in [-1, 1) or int16, to float32 [T, n_mels]."""
        return self.from_fbank(self.fbank(samples))

    def from_fbank(self, feats: np.ndarray) -> np.ndarray:
        """Ready log-mel features [T, n_mels], of samples in [-1, 1), without their mean."""
        if feats.ndim != 2 or feats.shape[1] != self.n_mels:
            raise DataError(f"features have the shape {feats.shape}; [T, {self.n_mels}] is expected")
        return feats - feats.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32) if len(feats) else feats

    def num_frames(self, num_samples: int) -> int:
        """Rows of features of so many samples."""
        return self.fbank.num_frames(num_samples)
