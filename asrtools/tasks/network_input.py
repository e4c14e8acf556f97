"""From a record to what its network takes: audio or ready features, read once, at the span, at the model's rate."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from asrtools.errors import DataError
from asrtools.io.ark import holds_features, read_matrix
from asrtools.io.audio import load
from asrtools.record import Utterance


class Frontend(Protocol):
    fs: int
    n_mels: int

    def __call__(self, samples: np.ndarray) -> np.ndarray: ...  # [N] -> [T, D]

    def from_fbank(self, fbank: np.ndarray) -> np.ndarray: ...  # [T, n_mels] -> [T', D]

    def output_size(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Loaded:
    """A record and its features; without them its status says why."""

    utterance: Utterance
    feats: np.ndarray | None = None  # float32 [T, D]
    seconds: float = 0.0  # of audio

    @property
    def num_bytes(self) -> int:
        return 0 if self.feats is None else self.feats.nbytes


@dataclass(frozen=True)
class InputLoader:
    """Features of records for one model; `held`: what is in memory already, by key (arrays, bytes, features)."""

    frontend: Frontend
    channel: str = "mix"
    fs: int = 16000  # of raw pcm and arrays
    held: Mapping[str, Any] = field(default_factory=dict)
    takes_samples: bool = False  # [N, 1] in the place of features, for streams

    def __call__(self, utterance: Utterance) -> Loaded:
        """Whatever is wrong with the record becomes its status and error."""
        if utterance.status in ("error", "no-speech"):
            return Loaded(utterance)
        try:
            feats, seconds = self._features(utterance)
        except DataError as error:
            return Loaded(replace(utterance, status="error", error=str(error)))
        except MemoryError:
            cause = "there is not enough memory to read it; cut it into segments first (--vad-model)"
            return Loaded(replace(utterance, status="error", error=cause))
        return Loaded(utterance, feats, seconds)

    def _features(self, utterance: Utterance) -> tuple[np.ndarray, float]:
        held = self.held.get(utterance.recording or utterance.key, self.held.get(utterance.key))
        if isinstance(held, np.ndarray) and held.ndim == 2:
            return self._of_matrix(held, utterance.key)
        source = utterance.source if held is None else held
        if isinstance(source, str) and not source:
            raise DataError(f"{utterance.key}: has no source; a recording or features are wanted")
        if isinstance(source, str) and holds_features(source):
            return self._of_matrix(read_matrix(source), source)
        audio = load(
            source,
            rate=self.frontend.fs,
            start_ms=utterance.start_ms,
            end_ms=utterance.end_ms,
            channel=self.channel if utterance.channel is None else str(utterance.channel),
            fs=self.fs,
            key=utterance.key,
        )
        num_samples = audio.samples.shape[-1]
        if not num_samples:
            raise DataError(f"{utterance.source or utterance.key}: it holds no samples; a recording is wanted")
        seconds = num_samples / audio.rate
        return (audio.samples[:, None] if self.takes_samples else self.frontend(audio.samples)), seconds

    def _of_matrix(self, matrix: np.ndarray, where: str) -> tuple[np.ndarray, float]:
        """Filter banks are stacked and normalised here; features as wide as the network's input go straight in."""
        if self.takes_samples:
            raise DataError(f"{where}: holds features; this model hears streams of samples, give audio")
        width, num_mels, size = matrix.shape[1], self.frontend.n_mels, self.frontend.output_size()
        if len(matrix) and not np.isfinite(matrix).all():
            raise DataError(f"{where}: holds nan or infinite values; every feature should be a number")
        if width == num_mels or (takes_channels(self.frontend) and width % num_mels == 0):
            feats = self.frontend.from_fbank(matrix) if len(matrix) else np.zeros((0, size), np.float32)
        elif width == size:
            feats = np.asarray(matrix, dtype=np.float32)
        else:
            raise DataError(
                f"{where}: its features have {width} values a frame; should be {num_mels} (filter banks) "
                f"or {size} (what the network takes)"
            )
        return feats, len(feats) * step_ms(self.frontend) / 1000


def takes_channels(frontend: Any) -> bool:
    """Whether it makes features of several channels at once."""
    return bool(getattr(frontend, "takes_channels", False))


def step_ms(frontend: Any) -> float:
    """From one row of features to the next."""
    return float(frontend.frame_shift) * frontend.lfr_n
