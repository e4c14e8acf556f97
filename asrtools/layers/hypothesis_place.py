"""Hypotheses of several utterances as rows that lie next to each other, and each with a place in its utterance."""

import torch
from torch import Tensor


def places_of(owners: Tensor, num_utterances: int) -> tuple[int, Tensor]:
    """The utterance of each hypothesis [N], ascending, to how many an utterance has at most, M, and where each stands
    when every utterance has M places."""
    counts = torch.bincount(owners, minlength=num_utterances)
    most = int(counts.max())
    begins = counts.cumsum(0) - counts
    return most, owners * most + torch.arange(len(owners)) - begins[owners]
