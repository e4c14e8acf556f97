"""A voice activity network on its device: numpy features in, probabilities out; where a block becomes a tensor."""

import numpy as np
import torch

from asrtools.errors import ModelError
from asrtools.models.protocols import Segmenter

BLOCK_FRAMES = 1000  # what a step works on stays in the cache
KEPT_BYTES = 31 << 20  # just below glibc's limit for what it learns


class SilenceScorer:
    """Runs a network that knows silence on the features of one stream after another."""

    def __init__(self, network: Segmenter, device: str = "cpu"):
        if not hasattr(network, "silence"):
            raise ModelError(f"{type(network).__name__} does not find speech; choose a model that does, e.g. fsmn-vad")
        self.network = network
        # glibc gives freed blocks back to the system, whose fresh pages cost a tenth of the time here, until it has
        # seen one of this size come and go; then it keeps them
        np.empty(KEPT_BYTES, dtype=np.uint8)
        self.device = torch.device(device)

    def __call__(self, feats: np.ndarray, state: object | None = None) -> tuple[np.ndarray, object]:
        """float32 [T, D], T above 0, to the probability of silence [T] and the state for the frames that follow."""
        rows = torch.from_numpy(feats)[None].to(self.device)
        scores = []
        for block in rows.split(BLOCK_FRAMES, 1):
            score, state = self.network.silence(block, state)
            scores.append(score[0])
        return (scores[0] if len(scores) == 1 else np.concatenate(scores)), state
