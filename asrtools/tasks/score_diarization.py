"""Two RTTM files to diarization errors, recording by recording."""

from collections.abc import Sequence
from dataclasses import dataclass

from asrtools.errors import DataError
from asrtools.io.rttm import read_rttm
from asrtools.io.text_file import display_name
from asrtools.io.uem import read_uem
from asrtools.metrics.diarization import DiarizationErrors, diarization_errors, extent, sum_of
from asrtools.metrics.display_width import display_width

Speech = dict[str, dict[str, list[tuple[int, int]]]]  # recording, speaker, spans in ms


@dataclass(frozen=True)
class DiarizationScore:
    by_recording: dict[str, DiarizationErrors]
    overall: DiarizationErrors
    missing: tuple[str, ...]  # recordings of the reference without a turn in the hypothesis
    without_ref: tuple[str, ...]  # recordings that only the hypothesis has, and no UEM
    outside: tuple[str, ...]  # recordings of the reference that the UEM leaves out


def score_diarization(
    ref: str, hyp: str, uem: str | None = None, collar_ms: int = 0, skip_overlap: bool = False
) -> DiarizationScore:
    """Without a UEM a recording is scored from the first to the last moment of either file."""
    refs, hyps = _speech(ref), _speech(hyp)
    parts = read_uem(uem) if uem else None
    if not refs and parts is None:
        raise DataError(f"{display_name(ref)}: has no SPEAKER line; should have the turns of the reference")
    names = sorted({*refs, *hyps} & set(parts) if parts is not None else refs)
    if not names:
        raise DataError(
            f"{uem}: names no recording of {display_name(ref)}; should have lines `recording channel start end`"
        )
    by_recording = {}
    for name in names:
        turns, guesses = refs.get(name, {}), hyps.get(name, {})
        evaluated = extent(turns, guesses) if parts is None else parts[name]
        by_recording[name] = diarization_errors(turns, guesses, evaluated, collar_ms, skip_overlap)
    return DiarizationScore(
        by_recording,
        sum_of(by_recording.values()),
        missing=tuple(name for name in names if name in refs and name not in hyps),
        without_ref=tuple(sorted(set(hyps) - set(refs) - set(names))),
        outside=tuple(sorted(set(refs) - set(names))),
    )


def summary_lines(score: DiarizationScore, collar_ms: int) -> str:
    errors = score.overall
    speakers = len(errors.jaccard)
    return (
        f"%DER {errors.error_rate:.2f} [ {_seconds(errors.missed + errors.false_alarm + errors.confused)} / "
        f"{_seconds(errors.scored)} s, {_seconds(errors.missed)} miss, {_seconds(errors.false_alarm)} false alarm, "
        f"{_seconds(errors.confused)} confusion ], collar {collar_ms / 1000:g} s\n"
        f"%JER {errors.jaccard_error_rate:.2f} [ mean of {speakers} speaker{'' if speakers == 1 else 's'} ]\n"
    )


def recording_lines(score: DiarizationScore) -> str:
    """A table with a line for each recording; times in seconds."""
    rows: list[Sequence[str]] = [("recording", "DER", "miss", "false alarm", "confusion", "speech", "JER")]
    for name, errors in score.by_recording.items():
        times = map(_seconds, (errors.missed, errors.false_alarm, errors.confused, errors.scored))
        rows.append((name, f"{errors.error_rate:.2f}", *times, f"{errors.jaccard_error_rate:.2f}"))
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [" " * (width - display_width(cell)) + cell for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first + " " * (widths[0] - display_width(first)), *cells]) + "\n")
    return "".join(lines)


def _speech(path: str) -> Speech:
    speech: Speech = {}
    for turn in read_rttm(path):
        speech.setdefault(turn.recording, {}).setdefault(turn.speaker, []).append((turn.start_ms, turn.end_ms))
    return speech


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.2f}"
