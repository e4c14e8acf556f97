"""A network that embeds, on its device: numpy features in, vectors out."""

from collections.abc import Sequence

import numpy as np
import torch

from asrtools.errors import ModelError
from asrtools.models.protocols import Embedder


class EmbeddingRunner:
    """Features [T, D] of each to one vector each, float32 [N, E]; those of one length go through together."""

    def __init__(self, network: Embedder, device: str = "cpu"):
        if not isinstance(network, Embedder):
            raise ModelError(f"{type(network).__name__} gives no speaker embeddings; choose a model that does (cam++)")
        self.network = network
        self.device = torch.device(device)

    def __call__(self, feats: Sequence[np.ndarray], fills_batches: bool = False) -> np.ndarray:
        """`fills_batches`: what would go through with fewer rows than others do is filled up, so that the result is the
        same to the last bit whatever came with it."""
        vectors: list[np.ndarray] = [np.empty(0)] * len(feats)
        lens = [len(one) for one in feats]
        for length in sorted(set(lens)):
            rows = [row for row, n in enumerate(lens) if n == length]
            missing = -len(rows) % self._rows_at_once(length) if fills_batches else 0
            stacked = np.stack([feats[row] for row in (*rows, *[rows[-1]] * missing)])
            batch = torch.from_numpy(np.ascontiguousarray(stacked, dtype=np.float32)).to(self.device)
            embedded = self.network.embed(batch, torch.full((len(batch),), length))
            for row, vector in zip(rows, embedded, strict=False):
                vectors[row] = vector
        return np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)

    def _rows_at_once(self, length: int) -> int:
        rows_at_once = getattr(self.network, "rows_at_once", None)
        return 1 if rows_at_once is None or not length else rows_at_once(length)
