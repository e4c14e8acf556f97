"""WavFrontend: samples to the network's features, fbank -> low frame rate -> mean and variance normalisation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asrtools.errors import DataError
from asrtools.features.cmvn import read_cmvn
from asrtools.features.fbank import Fbank, FbankOptions
from asrtools.features.fbank_stream import FbankStream
from asrtools.features.lfr import LfrStream, check_lfr, stack_frames
from asrtools.register import tables


@tables.register("frontend_classes", "WavFrontendOnline")
@tables.register("frontend_classes", "wav_frontend")
@tables.register("frontend_classes", "WavFrontend")
class WavFrontend:
    """The published frontend for whole utterances and for streams; it holds constants only, so threads may share it.

    Keywords are those of frontend_conf. `filter_length_min` and `filter_length_max` are for data sets that filter by
    length and mean nothing to the features.
    """

    def __init__(
        self,
        cmvn_file: str | Path | None = None,
        fs: int = 16000,
        window: str = "hamming",
        n_mels: int = 80,
        frame_length: float = 25,
        frame_shift: float = 10,
        filter_length_min: int = -1,
        filter_length_max: int = -1,
        lfr_m: int = 1,
        lfr_n: int = 1,
        dither: float = 0.0,  # FunASR's 1.0 makes its results change from run to run
        snip_edges: bool = True,
        upsacle_samples: bool = True,
    ):
        check_lfr(lfr_m, lfr_n)
        self.fbank = Fbank(
            FbankOptions(fs, window, n_mels, frame_length, frame_shift, dither, snip_edges, upsacle_samples)
        )
        self.fs = fs
        self.n_mels = n_mels
        self.frame_length = frame_length
        self.frame_shift = frame_shift
        self.filter_length_min = filter_length_min
        self.filter_length_max = filter_length_max
        self.lfr_m = lfr_m
        self.lfr_n = lfr_n
        self.dither = dither
        self.cmvn_file = cmvn_file
        self.cmvn = None if cmvn_file is None else read_cmvn(cmvn_file)
        if self.cmvn is not None and self.cmvn.dim != self.output_size():
            raise DataError(
                f"{cmvn_file}: made for {self.cmvn.dim} values a frame, but n_mels {n_mels} x lfr_m {lfr_m} "
                f"makes {self.output_size()}"
            )

    def output_size(self) -> int:
        """Values in a row of features."""
        return self.n_mels * self.lfr_m

    def __call__(self, samples: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Samples [N], float in [-1, 1) or int16, to float32 [T, D]; `rng` draws the dither, where there is one."""
        return self.from_fbank(self.fbank(samples, rng))

    def from_fbank(self, feats: np.ndarray) -> np.ndarray:
        """Stack and normalise ready log-mel features [T, n_mels]."""
        if feats.ndim != 2 or feats.shape[1] != self.n_mels:
            raise DataError(f"features have the shape {feats.shape}; [T, {self.n_mels}] is expected")
        rows = stack_frames(feats, self.lfr_m, self.lfr_n)
        return rows if self.cmvn is None else self.cmvn(rows)

    def num_frames(self, num_samples: int) -> int:
        """Rows of features of so many samples."""
        return -(-self.fbank.num_frames(num_samples) // self.lfr_n)

    def batch(self, samples: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Utterances to features padded with zeros [B, T, D] and their lengths [B]."""
        feats = [self(one) for one in samples]
        lens = np.array([len(one) for one in feats], dtype=np.int64)
        padded = np.zeros((len(feats), max(lens, default=0), self.output_size()), dtype=np.float32)
        for row, one in zip(padded, feats, strict=True):
            row[: len(one)] = one
        return padded, lens

    def stream(self, rng: np.random.Generator | None = None) -> "FrontendStream":
        """A new utterance whose samples arrive piece by piece."""
        return FrontendStream(self, rng)


class FrontendStream:
    """Features of one utterance as they become complete; together they are what the frontend makes of the whole."""

    def __init__(self, frontend: WavFrontend, rng: np.random.Generator | None = None):
        self._fbank = FbankStream(frontend.fbank, rng)
        self._lfr = LfrStream(frontend.lfr_m, frontend.lfr_n, frontend.n_mels)
        self._cmvn = frontend.cmvn
        self._finished = False

    def accept(self, samples: np.ndarray) -> np.ndarray:
        """Any number of samples, also none, to the rows [t, D] they complete."""
        self._check_open("accept")
        return self._normalise(self._lfr.accept(self._fbank.accept(samples)))

    def finish(self) -> np.ndarray:
        """The rows [t, D] that wait for the end of the utterance."""
        self._check_open("finish")
        self._finished = True
        rows = [self._lfr.accept(self._fbank.finish()), self._lfr.finish()]
        return self._normalise(np.concatenate(rows))

    def _normalise(self, rows: np.ndarray) -> np.ndarray:
        return rows if self._cmvn is None else self._cmvn(rows)

    def _check_open(self, call: str) -> None:
        if self._finished:
            raise DataError(f"{call}() on a stream that is finished; each utterance needs a stream() of its own")
