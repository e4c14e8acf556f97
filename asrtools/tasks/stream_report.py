"""What can be said of a set of streams: how late their words came, how many changed, how many were wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from asrtools.io.text_table import TextTable
from asrtools.metrics.edit_distance import align
from asrtools.record import Utterance
from asrtools.tasks.score_text import Way, score_texts

SHARES = (50, 90, 99)  # percentiles of latencies


@dataclass(frozen=True)
class SentenceFacts:
    """Of one sentence, from its first word to its final text."""

    words: tuple[str, ...] = ()  # that were shown last, while it goes on
    first_word_ms: float | None = None  # from the end of the first word until it was shown
    last_word_ms: float | None = None  # from the end of the last word until the text was final
    num_shown: int = 0  # words that were shown before the text was final
    num_changed: int = 0  # of these, in a later text

    def shown(self, words: Sequence[str], latency_ms: float) -> "SentenceFacts":
        first = latency_ms if self.first_word_ms is None else self.first_word_ms
        changed, added = _difference(self.words, words)
        return replace(
            self,
            words=tuple(words),
            first_word_ms=first,
            num_shown=self.num_shown + added,
            num_changed=self.num_changed + changed,
        )

    def ended(self, words: Sequence[str], latency_ms: float | None) -> "SentenceFacts":
        changed, _ = _difference(self.words, words)
        return replace(self, words=(), last_word_ms=latency_ms, num_changed=self.num_changed + changed)


def _difference(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Words that are no longer there, and words that are new."""
    steps = align(list(before), list(after))
    return steps.count("S") + steps.count("D"), steps.count("S") + steps.count("I")


@dataclass(eq=False)
class StreamReport:
    """Gathers what becomes of the recordings of one run."""

    refs: TextTable | None = None  # references by key; without it the targets of the records
    facts: list[SentenceFacts] = field(default_factory=list)
    hyps: TextTable = field(default_factory=lambda: TextTable("the run"))
    targets: TextTable = field(default_factory=lambda: TextTable("the references"))
    seconds: float = 0.0  # of audio
    forward_s: float = 0.0

    def add(self, record: Utterance, facts: Sequence[SentenceFacts], seconds: float, forward_s: float) -> None:
        self.facts += facts
        self.seconds += seconds
        self.forward_s += forward_s
        if record.status != "error":
            self.hyps.texts[record.key] = record.text or ""
        if record.target is not None:
            self.targets.texts[record.key] = record.target

    def summary(self) -> dict[str, Any]:
        shown = sum(one.num_shown for one in self.facts)
        changed = sum(one.num_changed for one in self.facts)
        found: dict[str, Any] = {
            "audio_seconds": round(self.seconds, 3),
            "network_rtf": round(self.forward_s / self.seconds, 4) if self.seconds else None,
            "sentences": len(self.facts),
            "first_word_latency_ms": _spread([one.first_word_ms for one in self.facts]),
            "last_word_latency_ms": _spread([one.last_word_ms for one in self.facts]),
            "partial_words": shown,
            "partial_words_changed": changed,
            "flicker": round(changed / shown, 4) if shown else 0.0,
        }
        refs = self.refs or self.targets
        if refs.texts:
            scored = score_texts(refs, self.hyps, Way())
            counts = scored.totals.counts
            found["error_rate"] = round(scored.totals.error_rate, 2)
            found["errors"] = {
                "words": counts.units,
                "substituted": counts.substituted,
                "inserted": counts.inserted,
                "deleted": counts.deleted,
                "references": scored.num_ref,
                "without_hypothesis": len(scored.missing),
            }
        return found


def _spread(latencies: Sequence[float | None]) -> dict[str, int]:
    known = [one for one in latencies if one is not None]
    return {f"p{share}": round(float(np.percentile(known, share))) for share in SHARES} if known else {}


def report_lines(summary: Mapping[str, Any]) -> list[str]:
    """For people."""
    lines = []
    if "error_rate" in summary:
        errors = summary["errors"]
        total = errors["substituted"] + errors["inserted"] + errors["deleted"]
        lines.append(
            f"%WER {summary['error_rate']:.2f} [ {total} / {errors['words']}, {errors['inserted']} ins, "
            f"{errors['deleted']} del, {errors['substituted']} sub ], {errors['references']} references, "
            f"{errors['without_hypothesis']} without hypothesis"
        )
    for name, what in (("first_word", "first word shown"), ("last_word", "last word final")):
        spread = summary[f"{name}_latency_ms"]
        if spread:
            shares = ", ".join(f"{spread[f'p{share}']} ms ({share} %)" for share in SHARES)
            lines.append(f"{what} after {shares}")
    if summary["partial_words"]:
        lines.append(
            f"flicker {100 * summary['flicker']:.2f} % ({summary['partial_words_changed']} of "
            f"{summary['partial_words']} partial words changed later)"
        )
    if summary["network_rtf"] is not None:
        lines.append(
            f"{summary['sentences']} sentences in {summary['audio_seconds']:.1f} s of audio, network at "
            f"{summary['network_rtf']:.4f} of its time"
        )
    return lines
