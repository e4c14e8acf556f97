"""Token times against those of a CTM."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from asrtools.errors import DataError
from asrtools.io.ctm import read_ctm
from asrtools.io.jsonl import read_jsonl
from asrtools.io.sniff import HEAD_SIZE, kind_of
from asrtools.io.text_file import display_name, look_into
from asrtools.metrics.error_rate import percent
from asrtools.metrics.token_time import TOLERANCES_MS, TimedUnit, TimeErrors, joined, time_errors
from asrtools.tasks.score_text import Way

Timed = dict[str, list[TimedUnit]]  # by recording


@dataclass(frozen=True)
class TimeScore:
    by_recording: dict[str, TimeErrors]
    overall: TimeErrors
    missing: tuple[str, ...]
    without_ref: tuple[str, ...]


def score_times(ref: str, hyp: str, way: Way) -> TimeScore:
    """Each recording of the CTM `ref` against a CTM or jsonl records with the times of their tokens."""
    refs, hyps = _timed(ref, way), _timed(hyp, way)
    if not refs:
        raise DataError(f"{display_name(ref)}: has no words; should be a CTM, `recording channel start duration word`")
    errors = {name: time_errors(units, hyps.get(name, []), way.rule) for name, units in sorted(refs.items())}
    return TimeScore(
        errors,
        joined(errors.values()),
        missing=tuple(name for name in errors if name not in hyps),
        without_ref=tuple(sorted(set(hyps) - set(refs))),
    )


def summary_lines(score: TimeScore) -> str:
    errors = score.overall
    lines = (
        f"%matched {percent(errors.num_matched, errors.num_ref):.2f} [ {errors.num_matched} of {errors.num_ref} units, "
        f"{errors.num_hyp} in the hypothesis ]\n"
    )
    if not errors.num_matched:
        return lines
    for name, values in (("start", errors.starts), ("end", errors.ends)):
        lines += (
            f"{name}: mean {values.mean():+.1f} ms, mean distance {np.abs(values).mean():.1f} ms, "
            f"median {np.median(np.abs(values)):.1f} ms, 90% within {np.quantile(np.abs(values), 0.9):.1f} ms\n"
        )
    within = ", ".join(f"{errors.within(tolerance):.2f}% within {tolerance} ms" for tolerance in TOLERANCES_MS)
    return lines + f"average shift {errors.mean_shift:.1f} ms; {within}\n"


def recording_lines(score: TimeScore) -> str:
    return "".join(
        f"{name} {errors.mean_shift:.1f} ms [ {errors.num_matched} of {errors.num_ref} units ]\n"
        for name, errors in score.by_recording.items()
    )


def _timed(path: str, way: Way) -> Timed:
    """The units of each recording, by time; a word of several units gives each an equal part."""
    cut = way.cutter()
    timed: Timed = {}
    for recording, text, start_ms, end_ms in _words(path):
        units = cut(text)
        timed.setdefault(recording, []).extend(
            TimedUnit(
                unit,
                start_ms + (end_ms - start_ms) * index // len(units),
                start_ms + (end_ms - start_ms) * (index + 1) // len(units),
            )
            for index, unit in enumerate(units)
        )
    return {name: sorted(units, key=lambda unit: unit.start_ms) for name, units in timed.items()}


def _words(path: str) -> Iterator[tuple[str, str, int, int]]:
    if kind_of(look_into(path, HEAD_SIZE)) != "json":
        for word in read_ctm(path):
            yield word.recording, word.text, word.start_ms, word.end_ms
        return
    for record in read_jsonl(path):
        if record.error and not record.source and not record.tokens:
            raise DataError(record.error)
        for token in record.tokens:
            if token.start_ms is None or token.end_ms is None:
                raise DataError(f"{record.key}: its token {token.text!r} has no time; should have start_ms and end_ms")
            yield record.recording or record.key, token.text, token.start_ms, token.end_ms
