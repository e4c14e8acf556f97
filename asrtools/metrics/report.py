"""Everything a report says, as plain values for JSON, and the same as text for a terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asrtools.metrics.breakdown import bin_names, confusions, duration_bin, grouped, length_bin, most_frequent
from asrtools.metrics.display_width import display_width
from asrtools.metrics.error_rate import Scored, Totals, percent
from asrtools.metrics.hotword import HotwordCounts
from asrtools.metrics.significance import Interval, bootstrap_interval, mapsswe, paired_bootstrap

NUM_SHOWN = 20  # rows of a table of a terminal
NUM_KEPT = 1000  # rows of a table of the JSON
SIGNIFICANT = 0.05

Report = dict[str, Any]
_GROUP_TITLES = {"by_speaker": "speaker", "by_duration": "duration", "by_length": "units in the reference"}


def totals_of(totals: Totals) -> Report:
    counts = totals.counts
    return {
        "error_rate": round(totals.error_rate, 4),
        "errors": counts.errors,
        "units": counts.units,
        "correct": counts.correct,
        "substituted": counts.substituted,
        "inserted": counts.inserted,
        "deleted": counts.deleted,
        "utterances": totals.num_utterances,
        "utterances_with_errors": totals.num_wrong,
        "sentence_error_rate": round(totals.sentence_error_rate, 4),
        "missing": totals.num_missing,
    }


def interval_of(scored: Sequence[Scored]) -> list[float]:
    return _bounds(bootstrap_interval(scored))


def confusions_of(scored: Sequence[Scored]) -> Report:
    found = confusions(scored)
    by_unit: dict[str, list[int]] = {unit: [number, 0, 0, 0] for unit, number in found.seen.items()}
    for (ref, _), number in found.substituted.items():
        by_unit[ref][1] += number
    for unit, number in found.deleted.items():
        by_unit[unit][2] += number
    for unit, number in found.inserted.items():
        by_unit.setdefault(unit, [0, 0, 0, 0])[3] += number
    wrong = sorted(by_unit.items(), key=lambda item: (-sum(item[1][1:]), item[0]))[:NUM_KEPT]
    return {
        "substitutions": [[ref, hyp, n] for (ref, hyp), n in most_frequent(found.substituted, NUM_KEPT)],
        "insertions": [[unit, n] for unit, n in most_frequent(found.inserted, NUM_KEPT)],
        "deletions": [[unit, n] for unit, n in most_frequent(found.deleted, NUM_KEPT)],
        "units": [[unit, *numbers] for unit, numbers in wrong if sum(numbers[1:])],
    }


def breakdown_of(
    scored: Sequence[Scored],
    speaker_of: Callable[[str], str | None],
    duration_ms_of: Callable[[str], int | None],
) -> Report:
    """Rates by what is known of the keys; a group of nothing is not there."""

    def duration(one: Scored) -> str | None:
        duration_ms = duration_ms_of(one.key)
        return None if duration_ms is None else duration_bin(duration_ms)

    durations, lengths = bin_names()
    speakers = grouped(scored, lambda one: speaker_of(one.key))
    worst_first = sorted(speakers, key=lambda name: (-speakers[name].error_rate, name))
    tables = {
        "by_speaker": _rows(speakers, worst_first),
        "by_duration": _rows(grouped(scored, duration), durations),
        "by_length": _rows(grouped(scored, lambda one: length_bin(len(one.ref))), lengths),
    }
    return {name: rows for name, rows in tables.items() if rows}


def comparison_of(first: Sequence[Scored], second: Sequence[Scored], totals: Totals) -> Report:
    """The second hypotheses against the first, on the same references."""
    by_bootstrap, by_segments = paired_bootstrap(first, second), mapsswe(first, second)
    changes = [(two.num_errors - one.num_errors, one.key) for one, two in zip(first, second, strict=True)]
    return {
        "totals": totals_of(totals),
        "difference": round(by_bootstrap.difference, 4),
        "interval": _bounds(by_bootstrap.interval),
        "bootstrap_p": round(by_bootstrap.p_value, 6),
        "mapsswe": {
            "segments": by_segments.num_segments,
            "mean_difference": round(by_segments.mean_difference, 6),
            "z": round(by_segments.z, 4),
            "p": round(by_segments.p_value, 6),
        },
        "better": [[key, change] for change, key in sorted(changes) if change < 0],
        "worse": [[key, change] for change, key in sorted(changes, key=lambda c: (-c[0], c[1])) if change > 0],
    }


def hotwords_of(counts: Mapping[str, HotwordCounts], overall: HotwordCounts) -> Report:
    """A row each: name, said, recognised, right, recall, precision, F1; a rate of nothing is None."""

    def row(name: str, found: HotwordCounts) -> list:
        said, recognised = found.num_said, found.num_recognised
        return [
            name,
            said,
            recognised,
            found.num_right,
            round(found.recall, 2) if said else None,
            round(found.precision, 2) if recognised else None,
            round(found.f1, 2) if said or recognised else None,
        ]

    return {"overall": row("all", overall), "words": [row(name, found) for name, found in counts.items()]}


def interval_line(interval: Sequence[float]) -> str:
    return f"95% interval {interval[0]:.2f} to {interval[1]:.2f} (bootstrap over utterances)\n"


def hotword_lines(hotwords: Report) -> str:
    _, said, recognised, right, *rates = hotwords["overall"]
    recall, precision, f1 = ("-" if rate is None else f"{rate:.2f}%" for rate in rates)
    rows = [["-" if cell is None else cell for cell in row] for row in hotwords["words"] if row[1] or row[2]]
    return (
        f"hotwords: recall {recall} [ {right} / {said} ], precision {precision} [ {right} / {recognised} ], F1 {f1}\n"
        + (_table(["hotword", "said", "recognised", "right", "recall", "precision", "F1"], rows) if rows else "")
    )


def comparison_lines(name: str, comparison: Report) -> str:
    totals, test = comparison["totals"], comparison["mapsswe"]
    low, high = comparison["interval"]
    is_sure = comparison["bootstrap_p"] < SIGNIFICANT and test["p"] < SIGNIFICANT
    verdict = "a significant difference" if is_sure else "no significant difference"
    lines = (
        f"\n{name}: %WER {totals['error_rate']:.2f} [ {totals['errors']} / {totals['units']}, "
        f"{totals['inserted']} ins, {totals['deleted']} del, {totals['substituted']} sub ]\n"
        f"difference {comparison['difference']:+.2f} (95% {low:+.2f} to {high:+.2f}), "
        f"bootstrap p={comparison['bootstrap_p']:.4f}, "
        f"MAPSSWE z={test['z']:+.2f} p={test['p']:.4f} over {test['segments']} segments: {verdict}\n"
    )
    for title in ("better", "worse"):
        rows = comparison[title]
        shown = ", ".join(f"{key} ({change:+d})" for key, change in rows[:NUM_SHOWN])
        more = f" and {len(rows) - NUM_SHOWN} more" if len(rows) > NUM_SHOWN else ""
        lines += f"{title}: {len(rows)} utterances{': ' if rows else ''}{shown}{more}\n"
    return lines


def report_lines(report: Report) -> str:
    """The confusions and the breakdowns."""
    text = ""
    for name, title in (("substitutions", "ref hyp"), ("insertions", "hyp"), ("deletions", "ref")):
        if report[name]:
            text += f"\n{name}, the most frequent\n" + _table([*title.split(), "times"], report[name][:NUM_SHOWN])
    if report["units"]:
        head = ["unit", "in ref", "sub", "del", "ins"]
        text += "\nerrors by unit of the reference\n" + _table(head, report["units"][:NUM_SHOWN])
    for name, title in _GROUP_TITLES.items():
        if name in report:
            head = [title, "utts", "units", "cor", "sub", "ins", "del", "error rate"]
            rows = [[*row[:-1], f"{row[-1]:.2f}"] for row in report[name]]
            text += f"\nby {title}\n" + _table(head, rows)
    return text


def _rows(groups: Mapping[str, Totals], order: Sequence[str]) -> list[list]:
    return [
        [
            name,
            one.num_utterances,
            one.counts.units,
            *one.counts,
            round(percent(one.counts.errors, one.counts.units), 4),
        ]
        for name in order
        if (one := groups.get(name))
    ]


def _bounds(interval: Interval) -> list[float]:
    return [round(interval.low, 4), round(interval.high, 4)]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
    is_text = [not all(_is_number(row[i]) for row in cells[1:]) for i in range(len(head))]
    lines = []
    for row in cells:
        padded = [
            cell + " " * (width - display_width(cell)) if left else " " * (width - display_width(cell)) + cell
            for cell, width, left in zip(row, widths, is_text, strict=True)
        ]
        lines.append("  " + "  ".join(padded).rstrip() + "\n")
    return "".join(lines)


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(".", "", 1).isdecimal()
