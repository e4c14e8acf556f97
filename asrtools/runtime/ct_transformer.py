"""Exported punctuation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asrtools.runtime.runner import in_threads
from asrtools.runtime.session import Session


class ExportedPunctuation:
    """Word ids to the mark after each."""

    def __init__(self, sessions: Mapping[str, Session], model_conf: Mapping[str, Any], num_threads: int):
        self.session = sessions["model"]
        self.num_threads = num_threads
        self.punc_list = tuple(str(mark) for mark in model_conf["punc_list"])
        self.sentence_end_id = int(model_conf.get("sentence_end_id", 3))
        self.is_streaming = "vad_masks" in self.session.inputs

    def punctuate(self, ids: Sequence[Sequence[int]], vad_masks: Sequence[int] | None = None) -> list[np.ndarray]:
        """Windows of word ids to int64 [N] of places in punc_list, one array a window."""
        pairs = list(zip(ids, vad_masks or [0] * len(ids), strict=True))
        return in_threads(lambda pair: self._window(*pair), pairs, self.num_threads)

    def _window(self, ids: Sequence[int], num_before: int) -> np.ndarray:
        if not ids:
            return np.zeros(0, dtype=np.int64)
        num = len(ids)
        values = {"inputs": np.array([ids], dtype=np.int32), "text_lengths": np.array([num], dtype=np.int32)}
        if self.is_streaming:
            values["sub_masks"] = np.tril(np.ones((1, 1, num, num), dtype=np.float32))
            values["vad_masks"] = vad_mask(num, num_before)
        return self.session(values)["logits"][0].argmax(-1)


def vad_mask(num: int, num_before: int) -> np.ndarray:
    """float32 [1, 1, N, N], 1 where a word may see another: those before a pause but the last see none after it."""
    mask = np.ones((1, 1, num, num), dtype=np.float32)
    if 0 < num_before < num:
        mask[:, :, : num_before - 1, num_before:] = 0
    return mask
