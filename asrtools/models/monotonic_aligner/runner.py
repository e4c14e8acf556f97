"""An aligner on its device: numpy features in, firings out; where a batch becomes a tensor."""

from collections.abc import Sequence

import numpy as np
import torch

from asrtools.errors import ModelError
from asrtools.models.protocols import Aligner, Firing


class AlignRunner:
    """Runs a network that aligns on batches of features, padded with zeros."""

    def __init__(self, network: Aligner, device: str = "cpu"):
        if not hasattr(network, "align"):
            raise ModelError(f"{type(network).__name__} does not align; choose a model that does, e.g. fa-zh")
        self.network = network
        self.device = torch.device(device)

    def __call__(self, feats: Sequence[np.ndarray], num_tokens: Sequence[int]) -> list[Firing]:
        """Features [T, D] of each, and the number of its tokens; MemoryError when the batch is too large."""
        lens = [len(one) for one in feats]
        padded = torch.zeros(len(feats), max(lens), feats[0].shape[1])
        for row, one in zip(padded, feats, strict=True):
            row[: len(one)] = torch.from_numpy(np.ascontiguousarray(one))
        try:
            return self.network.align(padded.to(self.device), torch.tensor(lens, device=self.device), num_tokens)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise MemoryError(str(error)) from error
