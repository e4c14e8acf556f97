"""A network that embeds, on its device: numpy features in, vectors out."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from asrtools.errors import ModelError
from asrtools.models.protocols import Embedder


class EmbeddingRunner:
    """Features [T, D] of each to one vector each, float32 [N, E]; those of one length go through together.

    On a CPU each core takes rows of its own: the work of one layer is too little to be shared among cores, which would
    wait for one another, and without end where other processes want them too.
    """

    def __init__(self, network: Embedder, device: str = "cpu"):
        if not isinstance(network, Embedder):
            raise ModelError(f"{type(network).__name__} gives no speaker embeddings; choose a model that does (cam++)")
        self.network = network
        self.device = torch.device(device)

    def __call__(self, feats: Sequence[np.ndarray], fills_batches: bool = False) -> np.ndarray:
        """`fills_batches`: what would go through with fewer rows than others do is filled up, so that the result is the
        same to the last bit whatever came with it."""

        def embed(rows: Sequence[int]) -> np.ndarray:
            missing = self._rows_at_once(len(feats[rows[0]])) - len(rows) if fills_batches else 0
            stacked = np.stack([feats[row] for row in (*rows, *[rows[-1]] * missing)])
            batch = torch.from_numpy(stacked.astype(np.float32, copy=False)).to(self.device)
            lens = torch.full((len(batch),), batch.shape[1])
            try:
                return self.network.embed(batch, lens)[: len(rows)]
            except RuntimeError as error:
                if "memory" not in str(error).lower():  # torch has no type of its own for it on a CPU
                    raise
                raise MemoryError(str(error)) from error

        together = list(self._rows_together([len(one) for one in feats]))
        num_threads = torch.get_num_threads()
        if self.device.type != "cpu" or num_threads == 1 or len(together) < 2:
            parts = [embed(rows) for rows in together]
        else:
            try:
                with ThreadPoolExecutor(num_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                    parts = list(pool.map(embed, together))
            finally:
                torch.set_num_threads(num_threads)  # threads to come would inherit the 1
        if not parts:
            return np.zeros((0, 0), dtype=np.float32)
        vectors = np.concatenate(parts)
        ordered = np.empty_like(vectors)
        ordered[[row for rows in together for row in rows]] = vectors
        return ordered

    def _rows_together(self, lens: Sequence[int]) -> Iterator[list[int]]:
        """Rows of one length, as many as go through at once; the longest first, so that the cores end together."""
        for length in sorted(set(lens), reverse=True):
            rows = [row for row, n in enumerate(lens) if n == length]
            step = self._rows_at_once(length)
            yield from (rows[first : first + step] for first in range(0, len(rows), step))

    def _rows_at_once(self, length: int) -> int:
        rows_at_once = getattr(self.network, "rows_at_once", None)
        return 1 if rows_at_once is None or not length else rows_at_once(length)
