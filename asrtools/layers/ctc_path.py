"""CTC's best path: the most probable token of every frame, repetitions and blanks taken out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Path:
    ids: tuple[int, ...]
    log_probs: tuple[float, ...]  # of each token, where it is surest
    score: float  # of all frames


def best_paths(log_probs: Tensor, lens: Tensor, blank: int) -> list[Path]:
    """[B, T, V] and [B] to a path for each row."""
    values, ids = log_probs.max(-1)
    return [
        _path(row[:length], value[:length], blank)
        for row, value, length in zip(ids.cpu(), values.cpu(), lens.tolist(), strict=True)
    ]


def _path(ids: Tensor, values: Tensor, blank: int) -> Path:
    if not len(ids):
        return Path((), (), 0.0)
    runs, of_frame = torch.unique_consecutive(ids, return_inverse=True)
    peaks = torch.full((len(runs),), -torch.inf).scatter_reduce(0, of_frame, values, "amax")
    said = runs != blank
    return Path(tuple(runs[said].tolist()), tuple(peaks[said].tolist()), float(values.sum()))


def said_of(log_probs: Tensor, ids: Sequence[int], blank: int) -> np.ndarray:
    """Log-probabilities [T, V] of one utterance to float32 [T, 1 + U]: of blank and of each token of a text."""
    columns = torch.tensor([blank, *ids], device=log_probs.device)
    return log_probs[:, columns].float().cpu().numpy()
