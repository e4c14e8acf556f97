"""Error rates of a set of utterances: what is counted, and over what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Counts(NamedTuple):
    """Units of the references by what became of them, and units that stand only in the hypotheses."""

    correct: int = 0
    substituted: int = 0
    inserted: int = 0
    deleted: int = 0

    @property
    def errors(self) -> int:
        return self.substituted + self.inserted + self.deleted

    @property
    def units(self) -> int:
        """Of the references."""
        return self.correct + self.substituted + self.deleted


@dataclass(frozen=True, slots=True)
class Scored:
    """One reference, what was recognised for it, and the alignment of their units."""

    key: str
    ref: Sequence[str]
    hyp: Sequence[str]
    steps: str  # C, S, I, D
    is_missing: bool = False  # there was no hypothesis

    @property
    def counts(self) -> Counts:
        return count(self.steps)

    @property
    def num_errors(self) -> int:
        return len(self.steps) - self.steps.count("C")


@dataclass(frozen=True)
class Totals:
    counts: Counts
    num_utterances: int
    num_wrong: int  # utterances with at least one error
    num_missing: int

    @property
    def error_rate(self) -> float:
        return percent(self.counts.errors, self.counts.units)

    @property
    def sentence_error_rate(self) -> float:
        return percent(self.num_wrong, self.num_utterances)


def count(steps: str) -> Counts:
    return Counts(steps.count("C"), steps.count("S"), steps.count("I"), steps.count("D"))


def percent(errors: float, units: float) -> float:
    """Errors for each hundred units; of nothing, 0 without errors and 100 with."""
    return 100 * errors / units if units else 100.0 * bool(errors)


def total(scored: Iterable[Scored]) -> Totals:
    correct = substituted = inserted = deleted = num_utterances = num_wrong = num_missing = 0
    for one in scored:
        counts = one.counts
        correct += counts.correct
        substituted += counts.substituted
        inserted += counts.inserted
        deleted += counts.deleted
        num_utterances += 1
        num_wrong += counts.errors > 0
        num_missing += one.is_missing
    return Totals(Counts(correct, substituted, inserted, deleted), num_utterances, num_wrong, num_missing)


def aligned_units(ref: Sequence[str], hyp: Sequence[str], steps: str) -> list[tuple[str, str | None, str | None]]:
    """Each step with its unit of the reference and of the hypothesis."""
    pairs: list[tuple[str, str | None, str | None]] = []
    refs, hyps = iter(ref), iter(hyp)
    for step in steps:
        pairs.append((step, None if step == "I" else next(refs), None if step == "D" else next(hyps)))
    return pairs
