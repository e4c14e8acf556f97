"""Diarization error rate, as NIST's md-eval counts it, and Jaccard error rate, as DIHARD defines it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from asrtools.metrics.error_rate import percent

Span = tuple[int, int]  # start and end in ms
Turns = Mapping[str, Sequence[Span]]  # by speaker


@dataclass(frozen=True)
class DiarizationErrors:
    """Times in ms; each counts once for every speaker it concerns."""

    scored: int = 0  # speech of the reference
    missed: int = 0
    false_alarm: int = 0
    confused: int = 0
    jaccard: tuple[float, ...] = ()  # of each speaker of the reference, in percent

    @property
    def error_rate(self) -> float:
        return percent(self.missed + self.false_alarm + self.confused, self.scored)

    @property
    def jaccard_error_rate(self) -> float:
        return sum(self.jaccard) / len(self.jaccard) if self.jaccard else 0.0


def sum_of(errors: Iterable[DiarizationErrors]) -> DiarizationErrors:
    """Over recordings: times add up, speakers stand beside one another."""
    parts = list(errors)
    return DiarizationErrors(
        sum(one.scored for one in parts),
        sum(one.missed for one in parts),
        sum(one.false_alarm for one in parts),
        sum(one.confused for one in parts),
        tuple(rate for one in parts for rate in one.jaccard),
    )


def extent(*turns: Turns) -> list[Span]:
    """From the first to the last moment of all turns."""
    spans = [span for each in turns for spoken in each.values() for span in spoken]
    return [(min(start for start, _ in spans), max(end for _, end in spans))] if spans else []


def diarization_errors(
    ref: Turns,
    hyp: Turns,
    evaluated: Sequence[Span],
    collar_ms: int = 0,
    skip_overlap: bool = False,
) -> DiarizationErrors:
    """Errors of one recording within the spans `evaluated`.

    The collar is left out on either side of each boundary of the reference. Speakers are mapped one to one for the
    most time in common, over all that is evaluated, collars included; the Jaccard error rate has no collar either.
    """
    ref = {name: _joined(spans) for name, spans in ref.items()}
    hyp = {name: _joined(spans) for name, spans in hyp.items()}
    evaluated = _joined(evaluated)
    edges = [edge for spans in ref.values() for span in spans for edge in span] if collar_ms else []
    collars = _joined([(edge - collar_ms, edge + collar_ms) for edge in edges])
    all_spans = [*evaluated, *collars, *(s for each in (ref, hyp) for spans in each.values() for s in spans)]
    bounds = np.unique(np.array(all_spans, dtype=np.int64).reshape(-1))  # [N + 1], of N pieces in which nothing changes
    if len(bounds) < 2:
        return DiarizationErrors()
    lengths = np.diff(bounds)  # [N]
    speaks, guessed = _matrix(ref, bounds), _matrix(hyp, bounds)  # [R, N], [H, N]
    is_evaluated = _covers(evaluated, bounds)
    is_scored = is_evaluated & ~_covers(collars, bounds)
    if skip_overlap:
        is_scored &= speaks.sum(0) < 2
    in_common = (speaks * (lengths * is_evaluated)) @ guessed.T.astype(np.int64)  # [R, H]
    rows, columns = linear_sum_assignment(in_common, maximize=True)

    time = lengths * is_scored
    num_ref, num_hyp = speaks.sum(0), guessed.sum(0)
    num_right = (speaks[rows] & guessed[columns] & (in_common[rows, columns] > 0)[:, None]).sum(0)
    return DiarizationErrors(
        int(time @ num_ref),
        int(time @ np.maximum(num_ref - num_hyp, 0)),
        int(time @ np.maximum(num_hyp - num_ref, 0)),
        int(time @ (np.minimum(num_ref, num_hyp) - num_right)),
        _jaccard(speaks, guessed, lengths * is_evaluated),
    )


def _jaccard(speaks: np.ndarray, guessed: np.ndarray, time: np.ndarray) -> tuple[float, ...]:
    spoken = speaks.astype(np.int64) @ time  # [R]
    said = guessed.astype(np.int64) @ time  # [H]
    speaks, spoken = speaks[spoken > 0], spoken[spoken > 0]
    guessed, said = guessed[said > 0], said[said > 0]
    in_common = (speaks * time) @ guessed.T.astype(np.int64)
    errors = 1.0 - in_common / (spoken[:, None] + said[None, :] - in_common)  # [R, H]
    rates = np.ones(len(spoken))
    rows, columns = linear_sum_assignment(errors)
    rates[rows] = errors[rows, columns]
    return tuple(float(rate) * 100 for rate in rates)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The spans without overlap, touching ones as one, empty ones left out."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _matrix(turns: Turns, bounds: np.ndarray) -> np.ndarray:
    """Whether each speaker speaks in each piece."""
    matrix = np.zeros((len(turns), len(bounds) - 1), dtype=bool)
    for row, spans in zip(matrix, turns.values(), strict=True):
        row[:] = _covers(spans, bounds)
    return matrix


def _covers(spans: Sequence[Span], bounds: np.ndarray) -> np.ndarray:
    """Whether each piece lies within one of the spans, whose ends are among the bounds."""
    change = np.zeros(len(bounds), dtype=np.int64)
    for start, end in spans:
        change[np.searchsorted(bounds, start)] += 1
        change[np.searchsorted(bounds, end)] -= 1
    return np.cumsum(change)[:-1] > 0
