"""Recall and precision of given words: were they recognised where they were said, and only there?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asrtools.metrics.error_rate import Scored, percent


@dataclass(frozen=True)
class HotwordCounts:
    num_said: int = 0  # occurrences in the references
    num_recognised: int = 0  # occurrences in the hypotheses
    num_right: int = 0  # occurrences in the references whose units are all correct, with nothing inserted between

    @property
    def recall(self) -> float:
        return percent(self.num_right, self.num_said)

    @property
    def precision(self) -> float:
        return percent(self.num_right, self.num_recognised)

    @property
    def f1(self) -> float:
        return percent(2 * self.num_right, self.num_said + self.num_recognised)


def hotword_counts(scored: Iterable[Scored], hotwords: Mapping[str, Sequence[str]]) -> dict[str, HotwordCounts]:
    """By hotword, given with its units; those that share units count each for itself."""
    found = {name: [0, 0, 0] for name in hotwords}
    by_first: dict[str, list[tuple[str, list[str]]]] = {}
    for name, units in hotwords.items():
        by_first.setdefault(units[0], []).append((name, list(units)))
    for one in scored:
        ref, hyp = list(one.ref), list(one.hyp)
        places = _step_of_ref(one.steps)
        for name, *_ in _occurrences(hyp, by_first):
            found[name][1] += 1
        for name, start, length in _occurrences(ref, by_first):
            found[name][0] += 1
            first = places[start]
            found[name][2] += one.steps[first : first + length] == "C" * length
    return {name: HotwordCounts(*counts) for name, counts in found.items()}


def sum_of(counts: Iterable[HotwordCounts]) -> HotwordCounts:
    parts = list(counts)
    return HotwordCounts(
        sum(one.num_said for one in parts),
        sum(one.num_recognised for one in parts),
        sum(one.num_right for one in parts),
    )


def _occurrences(
    units: list[str], by_first: Mapping[str, list[tuple[str, list[str]]]]
) -> Iterable[tuple[str, int, int]]:
    for start, unit in enumerate(units):
        for name, wanted in by_first.get(unit, ()):
            if units[start : start + len(wanted)] == wanted:
                yield name, start, len(wanted)


def _step_of_ref(steps: str) -> list[int]:
    """The place among the steps of each unit of the reference."""
    return [place for place, step in enumerate(steps) if step != "I"]
