"""Exported speaker embeddings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asrtools.errors import ModelError
from asrtools.runtime.session import Session


class ExportedEmbedder:
    """Features of a stretch of speech to one vector."""

    def __init__(self, sessions: Mapping[str, Session], model_conf: Mapping[str, Any], num_threads: int):
        self.session = sessions["model"]
        self.num_threads = num_threads

    def embed(self, feats: np.ndarray, feats_lens: Sequence[int]) -> np.ndarray:
        """feats [B, T, D], feats_lens [B] to float32 [B, E]."""
        return np.stack([self.embed_one(row[:length]) for row, length in zip(feats, feats_lens, strict=True)])

    def embed_one(self, feats: np.ndarray) -> np.ndarray:
        if not len(feats):
            raise ModelError("features of no frame have no embedding; at least one frame is wanted")
        (vector,) = self.session({self.session.inputs[0]: feats[None].astype(np.float32, copy=False)}).values()
        return vector[0].astype(np.float32, copy=False)
