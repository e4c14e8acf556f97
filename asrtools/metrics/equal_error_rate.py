"""Equal error rate of a verification: where as many targets are refused as others are let in."""

from typing import NamedTuple

import numpy as np

from asrtools.errors import DataError


class EqualErrorRate(NamedTuple):
    rate: float  # 0 to 1
    threshold: float  # scores above it are taken for targets


def equal_error_rate(scores: np.ndarray, is_target: np.ndarray) -> EqualErrorRate:
    """Scores [N] and whether each trial is a target; between two scores the rates are taken as straight lines."""
    scores, is_target = np.asarray(scores, dtype=np.float64), np.asarray(is_target, dtype=bool)
    num_targets = int(is_target.sum())
    num_others = len(is_target) - num_targets
    if not num_targets or not num_others:
        raise DataError(
            f"an equal error rate of {num_targets} target and {num_others} other trials; should be at least one of each"
        )
    levels, place = np.unique(scores, return_inverse=True)
    targets = np.bincount(place, weights=is_target, minlength=len(levels))
    others = np.bincount(place, weights=~is_target, minlength=len(levels))
    # with the threshold just above level i; first, below all
    refused = np.concatenate([[0.0], targets.cumsum() / num_targets])
    let_in = np.concatenate([[1.0], 1 - others.cumsum() / num_others])
    after = int(np.argmax(refused >= let_in))
    before = max(0, after - 1)
    gap_before, gap_after = let_in[before] - refused[before], refused[after] - let_in[after]
    part = 1.0 if gap_before + gap_after == 0 else gap_before / (gap_before + gap_after)
    rate = refused[before] + part * (refused[after] - refused[before])
    return EqualErrorRate(float(rate), float(levels[max(0, after - 1)]))
