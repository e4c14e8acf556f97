"""How far the times of recognised units are from those of a reference."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from asrtools.metrics.edit_distance import align

TOLERANCES_MS = (20, 50, 100, 200)


class TimedUnit(NamedTuple):
    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class TimeErrors:
    """Errors in ms, hypothesis minus reference, of the units that are correct."""

    starts: np.ndarray  # [N]
    ends: np.ndarray  # [N]
    num_ref: int
    num_hyp: int

    @property
    def num_matched(self) -> int:
        return len(self.starts)

    @property
    def mean_shift(self) -> float:
        """Mean distance of starts and ends together: the accumulated averaging shift of published aligners."""
        both = np.concatenate([self.starts, self.ends])
        return float(np.abs(both).mean()) if len(both) else 0.0

    def within(self, tolerance_ms: int) -> float:
        """Percentage of starts and ends that are not further off."""
        both = np.concatenate([self.starts, self.ends])
        return 100 * float((np.abs(both) <= tolerance_ms).mean()) if len(both) else 0.0


def time_errors(ref: Sequence[TimedUnit], hyp: Sequence[TimedUnit], rule: str) -> TimeErrors:
    """Of one recording: the units that an alignment of the texts pairs as correct."""
    starts, ends = [], []
    i = j = 0
    for step in align([unit.text for unit in ref], [unit.text for unit in hyp], rule):
        if step == "C":
            starts.append(hyp[j].start_ms - ref[i].start_ms)
            ends.append(hyp[j].end_ms - ref[i].end_ms)
        i += step != "I"
        j += step != "D"
    return TimeErrors(np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64), len(ref), len(hyp))


def joined(errors: Iterable[TimeErrors]) -> TimeErrors:
    parts = list(errors)
    empty = [np.zeros(0, dtype=np.int64)]
    return TimeErrors(
        np.concatenate([one.starts for one in parts] + empty),
        np.concatenate([one.ends for one in parts] + empty),
        sum(one.num_ref for one in parts),
        sum(one.num_hyp for one in parts),
    )
