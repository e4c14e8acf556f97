"""Noise and reverberation drawn from lists of recordings, with the names that ESPnet and older FunASR configs have."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from asrtools.errors import ConfigError, DataError
from asrtools.features.noise import add_noise, reverberate
from asrtools.io.audio import load, probe, span_of
from asrtools.io.source import read_inputs
from asrtools.record import Utterance

LONGEST_MS = 60_000  # of a noise that is read
KEPT = 64  # decoded room responses of a process


class Disturbance:
    """Samples in a room of `rir_scp`, then with a noise of `noise_scp`, each as often as its apply_prob says.

    `noise_db_range`: how far the noise lies below the speech, "5_20" or [5, 20] in dB.
    """

    def __init__(
        self,
        fs: int,
        noise_scp: str | None = None,
        noise_apply_prob: float = 1.0,
        noise_db_range: str | float | Sequence[float] = (5.0, 20.0),
        rir_scp: str | None = None,
        rir_apply_prob: float = 1.0,
    ):
        self.fs = fs
        self.noises = _read("noise_scp", noise_scp)
        self.rooms = _read("rir_scp", rir_scp)
        self.noise_prob = _probability("noise_apply_prob", noise_apply_prob)
        self.room_prob = _probability("rir_apply_prob", rir_apply_prob)
        self.snr = _range(noise_db_range)

    def __call__(self, samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.rooms and rng.random() < self.room_prob:
            room = self.rooms[int(rng.integers(len(self.rooms)))]
            samples = reverberate(samples, _decoded(room.source, room.start_ms, room.end_ms, self.fs))
        if self.noises and rng.random() < self.noise_prob:
            noise = self.noises[int(rng.integers(len(self.noises)))]
            snr = float(rng.uniform(*self.snr))
            samples = add_noise(samples, self._stretch(noise, len(samples), rng), snr, rng)
        return samples

    def _stretch(self, noise: Utterance, num_samples: int, rng: np.random.Generator) -> np.ndarray:
        """A part of a noise as long as the speech; of an hour of noise no more than that is decoded."""
        audio = probe(noise.source, key=noise.key)
        first, last = span_of(audio, noise.source, noise.start_ms, noise.end_ms)
        begin_ms, end_ms = first * 1000 // audio.rate, last * 1000 // audio.rate
        wanted_ms = min(LONGEST_MS, num_samples * 1000 // self.fs + 1)
        if end_ms - begin_ms > wanted_ms:
            begin_ms += int(rng.integers(end_ms - begin_ms - wanted_ms + 1))
            end_ms = begin_ms + wanted_ms
        return load(noise.source, rate=self.fs, start_ms=begin_ms, end_ms=end_ms, key=noise.key).samples


@lru_cache(maxsize=KEPT)
def _decoded(source: str, start_ms: int, end_ms: int | None, rate: int) -> np.ndarray:
    return load(source, rate=rate, start_ms=start_ms, end_ms=end_ms).samples


def _read(name: str, path: str | None) -> list[Utterance]:
    """The recordings of a list, all of which must be there: noise that fails later would change what is trained."""
    if not path:
        return []
    found = list(read_inputs([path], "auto", tables=()))
    for one in found:
        if one.status == "error":
            raise DataError(f"dataset_conf.{name}: {one.error}")
    return found


def _probability(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"dataset_conf.{name} is {value!r}; should be a number from 0 to 1")
    return float(value)


def _range(value: str | float | Sequence[float]) -> tuple[float, float]:
    try:
        if isinstance(value, str):
            value = [float(part) for part in value.split("_")]
        pair = [float(value)] if isinstance(value, int | float) else [float(one) for one in value]
    except (TypeError, ValueError):
        pair = []
    if len(pair) == 1:
        pair *= 2
    if len(pair) != 2 or pair[0] > pair[1]:
        raise ConfigError(f"dataset_conf.noise_db_range is {value!r}; should be two numbers in dB, such as 5_20")
    return pair[0], pair[1]
