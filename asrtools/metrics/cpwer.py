"""Word error rate of text with speakers: concatenated, under the best matching of speakers (cpWER, CHiME-6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from asrtools.metrics.edit_distance import align, distance
from asrtools.metrics.error_rate import Counts, count


@dataclass(frozen=True)
class SpeakerMatch:
    """Which speaker of the hypothesis was taken for which of the reference; None where there was none left."""

    ref: str | None
    hyp: str | None
    counts: Counts


def cpwer(ref: Mapping[str, Sequence[str]], hyp: Mapping[str, Sequence[str]], rule: str) -> list[SpeakerMatch]:
    """The matches of one recording; both map a speaker to all of their units in the order of time."""
    refs: list[tuple[str | None, Sequence[str]]] = list(ref.items())
    hyps: list[tuple[str | None, Sequence[str]]] = list(hyp.items())
    size = max(len(refs), len(hyps))
    refs += [(None, ())] * (size - len(refs))  # a speaker too many is matched with silence
    hyps += [(None, ())] * (size - len(hyps))
    if not size:
        return []
    costs = np.array([[distance(a, b) for _, b in hyps] for _, a in refs])
    rows, columns = linear_sum_assignment(costs)
    return [
        SpeakerMatch(refs[i][0], hyps[j][0], count(align(refs[i][1], hyps[j][1], rule)))
        for i, j in zip(rows, columns, strict=True)
    ]
