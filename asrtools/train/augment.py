"""What training changes in an utterance: its samples before the features, its features after them.

Everything is drawn from a generator of the utterance's own, so that an epoch comes out the same in any order and on any
number of ranks and workers.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asrtools.record import Utterance
from asrtools.tasks.network_input import InputLoader, Loaded, takes_channels
from asrtools.train.list_index import hash_of

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def generator_of(seed: int, epoch: int, key: str) -> np.random.Generator:
    return np.random.default_rng([seed, epoch, hash_of(key)])


@dataclass(frozen=True)
class ChangedFrontend:
    """A frontend for one utterance, whose samples are changed on the way in."""

    frontend: Any
    rng: np.random.Generator
    of_samples: tuple[Change, ...] = ()

    @property
    def fs(self) -> int:
        return self.frontend.fs

    @property
    def n_mels(self) -> int:
        return self.frontend.n_mels

    @property
    def frame_shift(self) -> float:
        return getattr(self.frontend, "frame_shift", 10)

    @property
    def lfr_n(self) -> int:
        return getattr(self.frontend, "lfr_n", 1)

    @property
    def takes_channels(self) -> bool:
        return takes_channels(self.frontend)

    def output_size(self) -> int:
        return self.frontend.output_size()

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        for change in self.of_samples:
            if samples.ndim == 1:
                samples = change(samples, self.rng)
                continue
            # every channel alike
            states = [copy.deepcopy(self.rng) for _ in samples[1:]]
            first = change(samples[0], self.rng)
            rest = (change(one, state) for one, state in zip(samples[1:], states, strict=True))
            samples = np.stack([first, *rest])
        if getattr(self.frontend, "dither", 0):
            return self.frontend(samples, self.rng)
        return self.frontend(samples)

    def from_fbank(self, fbank: np.ndarray) -> np.ndarray:
        return self.frontend.from_fbank(fbank)


@dataclass(frozen=True)
class FeatureLoader:
    """An utterance to its features, changed as training wants it; nothing is changed in validation."""

    frontend: Any
    of_samples: tuple[Change, ...] = ()
    of_features: tuple[Change, ...] = ()
    held: dict[str, Any] = field(default_factory=dict)  # audio or features that are in memory already, by key

    def __call__(self, utterance: Utterance, rng: np.random.Generator) -> Loaded:
        frontend = ChangedFrontend(self.frontend, rng, self.of_samples)
        loaded = InputLoader(frontend, "all" if frontend.takes_channels else "mix", held=self.held)(utterance)
        if loaded.feats is None:
            return loaded
        feats = loaded.feats
        for change in self.of_features:
            feats = change(feats, rng)
        return Loaded(loaded.utterance, feats, loaded.seconds)
