"""The lines of `text.cer`, as scripts that read FunASR's expect them."""

from asrtools.metrics.error_rate import Scored, Totals, percent


def utterance_lines(scored: Scored) -> str:
    counts = scored.counts
    # with an empty reference nothing can be correct but emptiness
    correct = percent(counts.correct, counts.units) if counts.units else 100.0 * (not counts.errors)
    return (
        f"{scored.key}(nwords={counts.units},cor={counts.correct},ins={counts.inserted},del={counts.deleted},"
        f"sub={counts.substituted}) corr:{correct:.2f}%,cer:{percent(counts.errors, counts.units):.2f}%\n"
        f"ref:\t{' '.join(scored.ref)}\n"
        f"hyp:\t{' '.join(scored.hyp)}\n"
    )


def summary_lines(totals: Totals) -> str:
    counts = totals.counts
    return (
        f"%WER {_short(totals.error_rate)} [ {counts.errors} / {counts.units}, {counts.inserted} ins, "
        f"{counts.deleted} del, {counts.substituted} sub ]\n"
        f"%SER {_short(totals.sentence_error_rate)} [ {totals.num_wrong} / {totals.num_utterances} ]\n"
        f"Scored {totals.num_utterances} sentences, {totals.num_missing} not present in hyp.\n"
    )


def _short(rate: float) -> str:
    """Two decimals without closing zeros but one, as in the documented `%SER 13.6`."""
    return str(round(rate, 2))
