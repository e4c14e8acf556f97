"""Where the errors are: which units, which speakers, which lengths."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from asrtools.metrics.error_rate import Scored, Totals, aligned_units, total

DURATIONS_MS = (2_000, 5_000, 10_000, 20_000)  # edges of the bins
LENGTHS = (1, 6, 11, 21, 41)


@dataclass(frozen=True)
class Confusions:
    """How often each error was made, by its units."""

    substituted: Counter[tuple[str, str]]
    inserted: Counter[str]
    deleted: Counter[str]
    seen: Counter[str]  # units of the references


def confusions(scored: Iterable[Scored]) -> Confusions:
    found = Confusions(Counter(), Counter(), Counter(), Counter())
    for one in scored:
        found.seen.update(one.ref)
        if not one.num_errors:
            continue
        for step, ref, hyp in aligned_units(one.ref, one.hyp, one.steps):
            if step == "S" and ref is not None and hyp is not None:
                found.substituted[ref, hyp] += 1
            elif step == "I" and hyp is not None:
                found.inserted[hyp] += 1
            elif step == "D" and ref is not None:
                found.deleted[ref] += 1
    return found


def most_frequent(counter: Counter, number: int) -> list[tuple[Hashable, int]]:
    """The largest counts, equal ones in the order of their names, so that a report does not depend on the order."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:number]


def grouped(scored: Iterable[Scored], name_of: Callable[[Scored], str | None]) -> dict[str, Totals]:
    """The totals of each group; what has no name is left out."""
    groups: dict[str, list[Scored]] = {}
    for one in scored:
        name = name_of(one)
        if name is not None:
            groups.setdefault(name, []).append(one)
    return {name: total(members) for name, members in groups.items()}


def duration_bin(duration_ms: int) -> str:
    return _bin(duration_ms, DURATIONS_MS, lambda edge: f"{edge // 1000}", " s")


def length_bin(num_units: int) -> str:
    for low, high in zip((0, *LENGTHS), (*LENGTHS, None), strict=True):
        if high is None:
            return f"{low} or more"
        if num_units < high:
            return str(low) if low == high - 1 else f"{low} to {high - 1}"
    raise AssertionError("the last bin has no end")


def bin_names() -> tuple[list[str], list[str]]:
    """Those of durations and of lengths, in their order."""
    durations = [duration_bin(edge) for edge in (0, *DURATIONS_MS)]
    return durations, [length_bin(edge) for edge in (0, *LENGTHS)]


def _bin(value: int, edges: Sequence[int], shown: Callable[[int], str], unit: str) -> str:
    below = [edge for edge in edges if edge <= value]
    above = [edge for edge in edges if edge > value]
    if not above:
        return f"{shown(below[-1])}{unit} or more"
    return f"{shown(below[-1])} to {shown(above[0])}{unit}" if below else f"under {shown(above[0])}{unit}"
