"""How sure an error rate, or a difference between two, is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from asrtools.metrics.error_rate import Scored, percent

NUM_SAMPLES = 1000
SEED = 20240229  # of the draws, so that a report says the same every time
_MIN_GOOD = 2  # correct units in a row, in both, between two segments of MAPSSWE; NIST's number


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class PairedBootstrap:
    """Difference of error rates, second minus first, in points of percent."""

    difference: float
    interval: Interval  # 95 %
    p_value: float  # two-sided


@dataclass(frozen=True)
class Mapsswe:
    """Matched pairs of segments (Gillick and Cox 1989, as in NIST's sc_stats); errors of the second minus the first."""

    num_segments: int
    mean_difference: float
    z: float
    p_value: float  # two-sided


def bootstrap_interval(scored: Sequence[Scored], num_samples: int = NUM_SAMPLES) -> Interval:
    """95 % interval of the error rate: utterances drawn with replacement (Bisani and Ney 2004)."""
    errors, units = _columns(scored)
    if not len(errors):
        return Interval(0.0, 0.0)
    rates = [percent(float(errors @ drawn), float(units @ drawn)) for drawn in _draws(len(errors), num_samples)]
    return _interval(np.array(rates))


def paired_bootstrap(
    first: Sequence[Scored], second: Sequence[Scored], num_samples: int = NUM_SAMPLES
) -> PairedBootstrap:
    """The same draws of utterances for both; `first` and `second` hold the same references in the same order."""
    errors, units = _columns(first)
    other, _ = _columns(second)
    more = other - errors
    difference = percent(float(other.sum()), float(units.sum())) - percent(float(errors.sum()), float(units.sum()))
    if not more.any():
        return PairedBootstrap(difference, Interval(0.0, 0.0), 1.0)
    found = np.array(
        [100 * float(more @ drawn) / max(float(units @ drawn), 1.0) for drawn in _draws(len(more), num_samples)]
    )
    # add-one, for no finite number of draws shows that a difference is impossible
    not_above, not_below = (found <= 0).sum() + 1, (found >= 0).sum() + 1
    p_value = min(1.0, 2 * min(not_above, not_below) / (num_samples + 1))
    return PairedBootstrap(difference, _interval(found), float(p_value))


def mapsswe(first: Sequence[Scored], second: Sequence[Scored]) -> Mapsswe:
    """Two-sided test whether the errors of the segments differ."""
    differences = [b - a for one, two in zip(first, second, strict=True) for a, b in _segments(one.steps, two.steps)]
    num_segments = len(differences)
    mean = float(np.mean(differences)) if differences else 0.0
    spread = float(np.std(differences, ddof=1)) if num_segments > 1 else 0.0
    if not mean:
        return Mapsswe(num_segments, mean, 0.0, 1.0)
    if not spread:  # every segment differs alike, so that only their number speaks: the test of signs
        p_value = 2.0 ** (1 - num_segments)
        return Mapsswe(num_segments, mean, math.copysign(NormalDist().inv_cdf(1 - p_value / 2), mean), p_value)
    z = mean / (spread / math.sqrt(num_segments))
    return Mapsswe(num_segments, mean, z, math.erfc(abs(z) / math.sqrt(2)))


def _columns(scored: Sequence[Scored]) -> tuple[np.ndarray, np.ndarray]:
    errors = np.array([one.num_errors for one in scored], dtype=np.float64)
    units = np.array([len(one.ref) for one in scored], dtype=np.float64)
    return errors, units


def _draws(length: int, num_samples: int) -> Iterator[np.ndarray]:
    """How often each of so many utterances is drawn, sample by sample."""
    generator = np.random.default_rng(SEED)
    for _ in range(num_samples):
        drawn = generator.integers(length, size=length)
        yield np.bincount(drawn, minlength=length).astype(np.float64)


def _interval(values: np.ndarray) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(low), float(high))


def _segments(first: str, second: str) -> Iterator[tuple[int, int]]:
    """Errors of both in each stretch with errors, the stretches apart by enough units that both have right."""
    errors = [0, 0]
    good = 0
    for slot_one, slot_two in zip(_slots(first), _slots(second), strict=True):
        (inserted_one, wrong_one), (inserted_two, wrong_two) = slot_one, slot_two
        if inserted_one or inserted_two:  # they stand before the unit
            if good >= _MIN_GOOD and any(errors):
                yield errors[0], errors[1]
                errors = [0, 0]
            good = 0
        errors[0] += inserted_one
        errors[1] += inserted_two
        if wrong_one or wrong_two:
            if good >= _MIN_GOOD and any(errors):
                yield errors[0], errors[1]
                errors = [0, 0]
            good = 0
        else:
            good += 1
        errors[0] += wrong_one
        errors[1] += wrong_two
    if any(errors):
        yield errors[0], errors[1]


def _slots(steps: str) -> list[tuple[int, int]]:
    """For each unit of the reference the insertions before it and whether it is wrong; a last one for the end."""
    slots: list[tuple[int, int]] = []
    inserted = 0
    for step in steps:
        if step == "I":
            inserted += 1
        else:
            slots.append((inserted, int(step != "C")))
            inserted = 0
    return [*slots, (inserted, 0)]
