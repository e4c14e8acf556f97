"""Exported voice activity."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from asrtools.models.fsmn_vad.options import VadOptions
from asrtools.runtime.session import Session

State = tuple[np.ndarray, ...]  # of each layer: the projected frames before
BLOCK_FRAMES = 1000  # what a step works on stays in the cache


class ExportedVad:
    """Features to the probability of silence."""

    def __init__(
        self, sessions: Mapping[str, Session], options: VadOptions, encoder_conf: Mapping[str, Any], num_threads: int
    ):
        self.session = sessions["model"]
        self.options = options
        self.num_threads = num_threads
        size = (int(encoder_conf["lorder"]) - 1) * int(encoder_conf["lstride"])
        self._shape = (1, int(encoder_conf["proj_dim"]), size, 1)
        self._caches = [name for name in self.session.inputs if name != "speech"]
        self._silence = list(options.sil_pdf_ids)

    def silence(self, feats: np.ndarray, state: State | None = None) -> tuple[np.ndarray, State]:
        """feats [1, T, D], the state a call before gave (None: a new stream) to float32 [1, T] and the next state."""
        state = state or tuple(np.zeros(self._shape, dtype=np.float32) for _ in self._caches)
        scores = []
        for begin in range(0, feats.shape[1], BLOCK_FRAMES):
            block = feats[:, begin : begin + BLOCK_FRAMES]
            found = self.session({"speech": block, **dict(zip(self._caches, state, strict=True))})
            scores.append(found["logits"][..., self._silence].sum(-1))
            state = tuple(value for name, value in found.items() if name != "logits")
        return np.concatenate(scores, 1), state
