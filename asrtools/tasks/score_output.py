"""A scored set to files: text.cer, SpeechIO's pair, the report as JSON or as a page."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from asrtools.errors import DataError
from asrtools.io.scp import to_line
from asrtools.io.text_file import StrPath, atomic_write, read_lines, write_failure
from asrtools.metrics import report, text_cer
from asrtools.metrics.hotword import hotword_counts, sum_of
from asrtools.metrics.report_page import report_page
from asrtools.metrics.speechio import details, results
from asrtools.tasks.score_facts import Facts, audio_link
from asrtools.tasks.score_text import ScoredSet
from asrtools.text.normalize import normalizer


def text_cer_lines(result: ScoredSet) -> Iterator[str]:
    for one in result.scored:
        yield text_cer.utterance_lines(one)
    yield "\n" + text_cer.summary_lines(result.totals)


def write_lines(path: StrPath, lines: Iterator[str]) -> None:
    with atomic_write(path) as out:
        out.writelines(lines)


def write_speechio(folder: str, result: ScoredSet) -> None:
    """ref.txt and rec.txt, normalised, DETAILS.txt and RESULTS.txt."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise write_failure(folder, error) from error
    numbers = (result.num_ref, result.num_hyp, len(result.without_ref))
    normalize = normalizer(result.way.steps)
    for name, texts in (("ref.txt", result.refs.texts), ("rec.txt", result.hyps.texts)):
        lines = (
            to_line(one.key, " ".join(normalize(texts[one.key]).split()), "\t")
            for one in result.scored
            if one.key in texts
        )
        write_lines(os.path.join(folder, name), lines)
    write_lines(os.path.join(folder, "DETAILS.txt"), details(result.scored, result.totals, *numbers))
    write_lines(os.path.join(folder, "RESULTS.txt"), iter([results(result.totals, *numbers)]))


def build_report(
    result: ScoredSet,
    settings: dict[str, Any],
    facts: dict[str, Facts],
    hotwords: report.Report | None,
    with_interval: bool,
    second: ScoredSet | None,
) -> report.Report:
    """Everything there is to say, as plain values."""
    unknown = Facts()
    built: report.Report = {
        "settings": settings,
        "totals": report.totals_of(result.totals),
        "num_ref": result.num_ref,
        "num_hyp": result.num_hyp,
        "missing": list(result.missing),
        "without_ref": list(result.without_ref),
        "unusable": list(result.unusable),
        **report.confusions_of(result.scored),
        **report.breakdown_of(
            result.scored,
            lambda key: facts.get(key, unknown).speaker,
            lambda key: facts.get(key, unknown).duration_ms,
        ),
    }
    if with_interval:
        built["interval"] = report.interval_of(result.scored)
    if hotwords:
        built["hotwords"] = hotwords
    if second is not None:
        comparison = report.comparison_of(result.scored, second.scored, second.totals)
        built["comparison"] = {"name": second.hyps.name, "missing": list(second.missing), **comparison}
    return built


def json_text(built: report.Report) -> str:
    return json.dumps(built, ensure_ascii=False, indent=1) + "\n"


def page(
    built: report.Report,
    plain: str,
    result: ScoredSet,
    facts: dict[str, Facts],
    second: ScoredSet | None,
    path: str,
) -> str:
    """The report as HTML; `path` is where it will lie, for the links to the audio."""

    def extra(key: str) -> dict[str, Any]:
        known = facts.get(key, Facts())
        return {"speaker": known.speaker, "duration_ms": known.duration_ms, "audio": audio_link(known, path)}

    title = f"Error rate {result.totals.error_rate:.2f} %: {result.hyps.name}"
    return report_page(title, built, plain, result.scored, extra, second.scored if second else None)


def score_hotwords(result: ScoredSet, path: StrPath) -> report.Report:
    """Recall and precision of the words of a file, one a line, normalised and cut as the texts are."""
    cut = result.way.cutter()
    hotwords: dict[str, Sequence[str]] = {}
    for line in read_lines(path):
        if line.error:
            raise DataError(line.error)
        units = cut(line.text)
        if not units:
            raise DataError(f"{path}:{line.number}: nothing is left of {line.text!r} once it is normalised")
        hotwords[line.text] = units
    if not hotwords:
        raise DataError(f"{path}: is empty; should have one hotword a line")
    counts = hotword_counts(result.scored, hotwords)
    return report.hotwords_of(counts, sum_of(counts.values()))
