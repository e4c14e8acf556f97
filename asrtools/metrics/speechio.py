"""DETAILS.txt and RESULTS.txt, as SpeechIO's evaluation writes them."""

import json
from collections.abc import Iterable, Iterator

from asrtools.metrics.display_width import display_width
from asrtools.metrics.error_rate import Scored, Totals, aligned_units, percent

_RULE = "=" * 20


def details(
    scored: Iterable[Scored], totals: Totals, num_ref: int, num_hyp: int, num_without_ref: int
) -> Iterator[str]:
    """The utterances by key, each with its alignment, and the sums."""
    for one in sorted(scored, key=lambda one: one.key):
        counts = one.counts
        yield (
            f'{{"uid":{one.key}, "score":{0.0 - counts.errors}, "ter":{percent(counts.errors, counts.units):.2f}, '
            f'"cor":{counts.correct}, "sub":{counts.substituted}, "ins":{counts.inserted}, "del":{counts.deleted}}}\n'
        )
        yield _columns(one)
    counts = totals.counts
    yield (
        f"{_RULE} Overall Statistics {_RULE}\n"
        f"num_ref_utts: {num_ref}\n"
        f"num_hyp_utts: {num_hyp}\n"
        f"num_hyp_without_ref: {num_without_ref}\n"
        f"num_eval_utts: {totals.num_utterances}\n"
        f"sentence_error_rate: {totals.sentence_error_rate:.2f}%\n"
        f"token_error_rate: {totals.error_rate:.2f}%\n"
        "token_stats:\n"
        f"  - tokens:{counts.units:>7}\n"
        f"  - edits: {counts.errors:>7}\n"
        f"  - cor:   {counts.correct:>7}\n"
        f"  - sub:   {counts.substituted:>7}\n"
        f"  - ins:   {counts.inserted:>7}\n"
        f"  - del:   {counts.deleted:>7}\n"
        f"{_RULE * 3}\n\n"
    )


def results(totals: Totals, num_ref: int, num_hyp: int, num_without_ref: int) -> str:
    counts = totals.counts
    line = json.dumps(
        {
            "num_ref_utts": num_ref,
            "num_hyp_utts": num_hyp,
            "num_eval_utts": totals.num_utterances,
            "num_hyp_without_ref": num_without_ref,
            "C": counts.correct,
            "S": counts.substituted,
            "I": counts.inserted,
            "D": counts.deleted,
            "token_error_rate": totals.error_rate,
            "num_utts_with_error": totals.num_wrong,
            "sentence_error_rate": totals.sentence_error_rate,
        }
    )
    return (
        f"{line}\n"
        f"%WER {totals.error_rate:.2f} [ {counts.errors} / {counts.units}, {counts.inserted} ins, "
        f"{counts.deleted} del, {counts.substituted} sub ]\n"
        f"%SER {totals.sentence_error_rate:.2f} [ {totals.num_wrong} / {totals.num_utterances} ]\n\n"
    )


def _columns(scored: Scored) -> str:
    """Reference, hypothesis and edits under one another, a Chinese character as wide as two Latin letters."""
    rows = {"REF ": "", "HYP ": "", "EDIT": ""}
    for step, ref, hyp in aligned_units(scored.ref, scored.hyp, scored.steps):
        cells = (ref or "*", hyp or "*", "" if step == "C" else step)
        width = max(map(display_width, cells)) + 1
        for name, cell in zip(rows, cells, strict=True):
            rows[name] += cell + " " * (width - display_width(cell))
    return "".join(f"  {name} : {row}\n" for name, row in rows.items())
