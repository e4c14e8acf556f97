"""References and hypotheses to a scored set: paired by key, normalised, cut into units, aligned."""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from asrtools.errors import DataError
from asrtools.io.text_table import TextTable, read_text_table
from asrtools.metrics.edit_distance import align
from asrtools.metrics.error_rate import Scored, Totals, total
from asrtools.text.normalize import normalizer, parse_norm
from asrtools.text.unit import UNITS

MODES = ("all", "strict", "present")
_SHOWN = 20  # keys that one message names


@dataclass(frozen=True)
class Way:
    """How texts are compared."""

    unit: str = "mixed"
    norm: str = "basic"
    rule: str = "fewest"

    @property
    def steps(self) -> tuple[str, ...]:
        steps = parse_norm(self.norm)
        # the pieces are the units, unless somebody asks to have them joined
        return tuple(s for s in steps if s != "bpe") if self.unit == "token" and "+bpe" not in self.norm else steps

    def cutter(self) -> Callable[[str], Sequence[str]]:
        """Text to units."""
        normalize, cut = normalizer(self.steps), UNITS[self.unit]
        return lambda text: cut(normalize(text))


@dataclass(frozen=True)
class ScoredSet:
    way: Way
    scored: tuple[Scored, ...]  # in the order of the references
    totals: Totals
    num_ref: int
    num_hyp: int
    missing: dict[str, str]  # references without hypothesis, and why where it is known
    without_ref: tuple[str, ...]  # hypotheses
    unusable: tuple[str, ...]  # lines, as sentences
    refs: TextTable
    hyps: TextTable


def score_texts(refs: TextTable, hyps: TextTable, way: Way, mode: str = "all") -> ScoredSet:
    """Score by `mode`: `all` counts a missing hypothesis as deletions, `present` leaves it out, `strict` fails."""
    if not refs.texts and not refs.unusable:
        raise DataError(f"{refs.name}: is empty; should have at least one reference, a line `key words`")
    missing = {
        key: hyps.without_text.get(key) or hyps.unusable.get(key, "") for key in refs.texts if key not in hyps.texts
    }
    if mode == "strict" and missing:
        raise DataError(
            f"{hyps.name}: has no hypothesis for {len(missing)} of {len(refs.texts)} references "
            f"({shown_keys(missing)}); should have all of them, or --mode all counts them as deletions"
        )
    cut = way.cutter()
    scored = []
    for key, text in refs.texts.items():
        is_missing = key in missing
        if is_missing and mode == "present":
            continue
        ref = cut(text)
        hyp = () if is_missing else ref if hyps.texts[key] == text else cut(hyps.texts[key])
        scored.append(Scored(key, ref, hyp, align(ref, hyp, way.rule), is_missing))
    unusable = (*refs.unusable.values(), *hyps.unusable.values())
    if not scored:
        cause = f" ({unusable[0]})" if unusable else ", none of its keys has a hypothesis" if refs.texts else ""
        raise DataError(
            f"{refs.name}: gives nothing to score{cause}; should have at least one reference to compare with"
        )
    known = {*refs.texts, *refs.unusable}
    return ScoredSet(
        way,
        tuple(scored),
        total(scored),
        num_ref=len(refs.texts) + len(refs.unusable),
        num_hyp=len(hyps.texts),
        missing=missing,
        without_ref=tuple(key for key in (*hyps.texts, *hyps.without_text) if key not in known),
        unusable=unusable,
        refs=refs,
        hyps=hyps,
    )


def score_pair(
    ref: str, hyp: str, other: str | None, way: Way, mode: str = "all"
) -> tuple[ScoredSet, ScoredSet | None]:
    """The hypotheses, and those of `other`, against the same references."""
    refs, hyps = read_text_table(ref, is_reference=True), read_text_table(hyp, is_reference=False)
    if os.path.exists(ref) and os.path.exists(hyp) and os.path.samefile(ref, hyp):
        for key in (key for key, record in refs.records.items() if record.target is None):
            raise DataError(
                f"{ref}: {key} has no target, and its text is the hypothesis; name a file with the references"
            )
    if other is None:
        return score_texts(refs, hyps, way, mode), None
    others = read_text_table(other, is_reference=False)
    if mode == "present":  # in both, so that they are compared on the same references
        common = set(hyps.texts) & set(others.texts)
        for table in (hyps, others):
            table.texts = {key: text for key, text in table.texts.items() if key in common or key not in refs.texts}
    return score_texts(refs, hyps, way, mode), score_texts(refs, others, way, mode)


def shown_keys(keys: Collection[str]) -> str:
    """Some of them, and how many more there are."""
    first = [key for key, _ in zip(keys, range(_SHOWN), strict=False)]
    more = len(keys) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def closing_line(result: ScoredSet, mode: str) -> str:
    """How many of the references the error rate is about, and what became of the others."""
    parts = [f"scored {result.totals.num_utterances} of {result.num_ref}"]
    if result.missing:
        fate = "left out" if mode == "present" else "counted as deletions"
        parts.append(f"{len(result.missing)} without hypothesis {fate}")
    if result.without_ref:
        parts.append(f"{_number(len(result.without_ref), 'hypothesis', 'hypotheses')} without reference not counted")
    if result.unusable:
        parts.append(_number(len(result.unusable), "error", "errors"))
    return ", ".join(parts)


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
