"""Exported forced alignment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asrtools.models.protocols import Firing
from asrtools.runtime.session import Session


class ExportedAligner:
    """Features and the number of their tokens to when each fires."""

    def __init__(self, sessions: Mapping[str, Session], model_conf: Mapping[str, Any], num_threads: int):
        self.session = sessions["model"]
        self.num_threads = num_threads

    def align(self, feats: np.ndarray, feats_lens: Sequence[int], num_tokens: Sequence[int]) -> list[Firing]:
        rows = zip(feats, feats_lens, num_tokens, strict=True)
        return [self.align_one(row[:length], num) for row, length, num in rows]

    def align_one(self, feats: np.ndarray, num_tokens: int) -> Firing:
        """Features [T, D]; one fires more than there are tokens, at the end."""
        values = {
            "speech": feats[None],
            "speech_lengths": np.array([len(feats)], dtype=np.int32),
            "token_num": np.array([num_tokens + 1], dtype=np.int32),
        }
        found = self.session(values)
        facts = self.session.facts
        upsample = int(facts.get("upsample", 1))
        length = int(found["encoder_out_lens"][0])
        weights = found["us_alphas"][0, : length * upsample].astype(np.float32, copy=False)
        return Firing(weights, None, upsample, int(facts.get("subsample", 1)))
