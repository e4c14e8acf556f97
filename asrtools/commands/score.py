"""score: compare recognised text with references: error rates."""

import gc
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from asrtools.commands.command import command, complain, launch, refuse_overwriting

if TYPE_CHECKING:
    from asrtools.tasks.score_text import ScoredSet, Way

EXAMPLE = """\
score data/test/text exp/1best_recog/text exp/1best_recog/text.cer
score --html report.html --ci --compare old/text data/test exp
score --norm basic,-punctuation,+erhua ref.txt hyp.jsonl
score --speechio exp/speechio ref.txt hyp.txt
score --der --collar 0.25 --uem all.uem ref.rttm hyp.rttm"""

SPEECHIO_FILES = ("ref.txt", "rec.txt", "DETAILS.txt", "RESULTS.txt")
KINDS = ("der", "cpwer", "timestamps")
ONLY_TEXT = ("mode", "speechio", "report", "ci", "compare", "html", "json_file", "data", "hotwords")
ONLY_DER = ("collar", "uem", "skip_overlap")


def list_norm(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """What --list-norm prints: the steps in their order, and which profile takes them."""
    if not value or ctx.resilient_parsing:
        return
    from asrtools.text.normalize import PROFILES, STEPS

    for step in STEPS:
        profiles = ", ".join(name for name, steps in PROFILES.items() if step.name in steps)
        print(
            f"{step.name:<12}{step.help}: {step.example[0]} -> {step.example[1]}"
            + (f"  [{profiles}]" if profiles else "")
        )
    ctx.exit()


@command(example=EXAMPLE)
@click.argument("ref")
@click.argument("hyp")
@click.argument("out", required=False)
@click.option(
    "--unit",
    type=click.Choice(["mixed", "char", "word", "token"]),
    default="mixed",
    show_default=True,
    help="mixed: a CJK character, or a word or number of other scripts. char: every character. word: what stands "
    "between blanks. token: the same, with pieces (@@) left as they are.",
)
@click.option(
    "--norm",
    default="basic",
    show_default=True,
    metavar="none|basic|speechio[,+STEP,-STEP..]",
    help="What does not count as a difference. basic: width, case, punctuation, pieces, tags. speechio: fillers, erhua "
    "and the form of numbers too. --list-norm lists the steps.",
)
@click.option(
    "--list-norm",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_norm,
    help="List the steps of --norm and end.",
)
@click.option(
    "--mode",
    type=click.Choice(["all", "strict", "present"]),
    default="all",
    show_default=True,
    help="A reference without hypothesis: all counts it as deletions, strict fails, present leaves it out.",
)
@click.option(
    "--align",
    "rule",
    type=click.Choice(["fewest", "sclite", "funasr"]),
    default="fewest",
    show_default=True,
    help="fewest errors, and of those the most correct units; with NIST sclite's costs; or with the fewest errors and "
    "FunASR's choice among them.",
)
@click.option(
    "--speechio", metavar="DIR", help="Write DETAILS.txt and RESULTS.txt there; implies --norm speechio --unit char."
)
@click.option(
    "--report", is_flag=True, help="Print the most frequent errors, and rates by speaker, duration and length."
)
@click.option("--ci", is_flag=True, help="Print the 95% interval of the error rate (bootstrap over utterances).")
@click.option(
    "--compare", metavar="HYP2", help="Is HYP2 better or worse than HYP, and where? (MAPSSWE, paired bootstrap)"
)
@click.option(
    "--html", metavar="FILE", help="Write the report as one page, with every alignment and links to the audio."
)
@click.option("--json", "json_file", metavar="FILE", help="Write the report as JSON.")
@click.option("--data", metavar="DIR", help="Data directory with speakers, durations, audio.  [default: where REF is]")
@click.option("--hotwords", metavar="FILE", help="Recall and precision of these words, one a line.")
@click.option("--der", is_flag=True, help="REF and HYP are RTTM files: diarization and Jaccard error rate.")
@click.option(
    "--collar",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="Of --der: not scored on either side of each boundary.",
)
@click.option(
    "--uem",
    metavar="FILE",
    help="Of --der: the parts to score.  [default: the extent of REF and HYP, where md-eval takes that of REF alone]",
)
@click.option("--skip-overlap", is_flag=True, help="Of --der: leave out where several speak.")
@click.option(
    "--cpwer",
    is_flag=True,
    help="REF and HYP have speakers (STM, jsonl, data directory): rate under the best matching of them.",
)
@click.option(
    "--timestamps", is_flag=True, help="REF is a CTM, HYP a CTM or jsonl with token times: how far off are they?"
)
@click.pass_context
def score(ctx: click.Context, ref: str, hyp: str, out: str | None, **options: Any) -> int:
    """Compare the texts HYP with the references REF; the error rate goes to stdout, the details to OUT (text.cer).

    REF and HYP are Kaldi text, jsonl records (REF: target, HYP: text), or directories with text; HYP may be an output
    directory of decode, with its parts output.*/1best_recog. Every reference counts: one without hypothesis is
    deletions. An empty reference counts too: what was recognised there is insertions, and its own rate is 0% or 100%.
    Keys that stand twice are an error.
    """
    if [ref, hyp, options["compare"]].count("-") > 1:
        raise click.UsageError("only one of REF, HYP and HYP2 can be stdin")
    if [out, options["json_file"], options["html"]].count("-") > 1:
        raise click.UsageError("only one of OUT, --json and --html can go to stdout")
    kind = _kind(ctx, options)
    way = _way(ctx, options)
    inputs = [name for name in (ref, hyp, options["compare"], options["uem"], options["hotwords"]) if name]
    outputs = [name for name in (out, options["html"], options["json_file"]) if name and name != "-"]
    if options["speechio"]:
        outputs += [os.path.join(options["speechio"], name) for name in SPEECHIO_FILES]
    refuse_overwriting([file for name in inputs for file in _files_of(name, kind)], outputs)
    if kind:
        return _score_other(kind, way, ref, hyp, out, options)
    return _score_text(way, ref, hyp, out, options)


def _files_of(name: str, kind: str) -> list[str]:
    """What is read of an input that may be a directory."""
    if not os.path.isdir(name):
        return [name]
    if kind:
        return [os.path.join(name, file) for file in ("text", "utt2spk", "segments")]
    from asrtools.io.text_table import text_files

    return text_files(name)


def _kind(ctx: click.Context, options: dict[str, Any]) -> str:
    """der, cpwer or timestamps, else "" for text; options that mean nothing there are usage errors."""
    kinds = [name for name in KINDS if options[name]]
    if len(kinds) > 1:
        raise click.UsageError(f"--{kinds[0]} and --{kinds[1]} are two kinds of scoring; one at a time")
    kind = kinds[0] if kinds else ""
    senseless = (
        (ONLY_TEXT if kind else ())
        + (() if kind == "der" else ONLY_DER)
        + (("unit", "norm", "rule") if kind == "der" else ())
    )
    for parameter in ctx.command.params:
        if parameter.name in senseless and _is_given(ctx, parameter.name):
            raise click.UsageError(f"{parameter.opts[0]} means nothing {'with --' + kind if kind else 'without --der'}")
    return kind


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _way(ctx: click.Context, options: dict[str, Any]) -> "Way":
    from asrtools.errors import ConfigError
    from asrtools.tasks.score_text import Way

    unit, norm = options["unit"], options["norm"]
    if options["speechio"]:
        unit = unit if _is_given(ctx, "unit") else "char"
        norm = norm if _is_given(ctx, "norm") else "speechio"
    way = Way(unit, norm, options["rule"])
    try:
        way.cutter()
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    return way


def _score_text(way: "Way", ref: str, hyp: str, out: str | None, options: dict[str, Any]) -> int:
    from asrtools.metrics import report, text_cer
    from asrtools.tasks import score_output
    from asrtools.tasks.score_facts import facts_of
    from asrtools.tasks.score_text import closing_line, score_pair

    mode = options["mode"]
    result, second = score_pair(ref, hyp, options["compare"], way, mode)
    for sentence in (*result.unusable, *(second.hyps.unusable.values() if second else ())):
        complain("score", sentence)
    for one in (result, second) if second else (result,):
        _name_unpaired(one)
    hotwords = score_output.score_hotwords(result, options["hotwords"]) if options["hotwords"] else None
    wants_report = options["report"] or options["html"] or options["json_file"]
    built = None
    if wants_report:
        facts = facts_of(result, ref, options["data"])
        settings = {
            "ref": ref,
            "hyp": hyp,
            "unit": way.unit,
            "norm": way.norm,
            "steps": list(way.steps),
            "align": way.rule,
            "mode": mode,
        }
        built = score_output.build_report(result, settings, facts, hotwords, options["ci"], second)

    text = text_cer.summary_lines(result.totals)
    if options["ci"]:
        text += report.interval_line(built["interval"] if built else report.interval_of(result.scored))
    if hotwords:
        text += report.hotword_lines(hotwords)
    if second:
        comparison = built["comparison"] if built else report.comparison_of(result.scored, second.scored, second.totals)
        text += report.comparison_lines(second.hyps.name, comparison)
    tables = report.report_lines(built) if built else ""

    if out and out != "-":
        score_output.write_lines(out, score_output.text_cer_lines(result))
    if options["speechio"]:
        score_output.write_speechio(options["speechio"], result)
    if options["json_file"] not in (None, "-"):
        score_output.write_lines(options["json_file"], iter([score_output.json_text(built)]))
    if options["html"] not in (None, "-"):
        page = score_output.page(built, text + tables, result, facts, second, options["html"])
        score_output.write_lines(options["html"], iter([page]))
    if options["json_file"] == "-":
        print(score_output.json_text(built), end="")
    elif options["html"] == "-":
        print(score_output.page(built, text + tables, result, facts, second, "-"), end="")
    else:
        if out == "-":
            sys.stdout.writelines(score_output.text_cer_lines(result))
            text = text.removeprefix(text_cer.summary_lines(result.totals))
        print(text + (tables if options["report"] else ""), end="")
    complain("score", closing_line(result, mode))
    return 1 if result.unusable or (second and second.hyps.unusable) else 0


def _name_unpaired(result: "ScoredSet") -> None:
    from asrtools.tasks.score_text import shown_keys

    if result.missing:
        complain("score", f"{result.hyps.name}: no hypothesis for {shown_keys(result.missing)}")
    if result.without_ref:
        complain("score", f"{result.hyps.name}: no reference for {shown_keys(result.without_ref)}")


def _score_other(kind: str, way: "Way", ref: str, hyp: str, out: str | None, options: dict[str, Any]) -> int:
    from asrtools.tasks.score_output import write_lines
    from asrtools.tasks.score_text import shown_keys

    if kind == "der":
        from asrtools.tasks import score_diarization

        collar_ms = round(options["collar"] * 1000)
        result = score_diarization.score_diarization(ref, hyp, options["uem"], collar_ms, options["skip_overlap"])
        summary, lines = score_diarization.summary_lines(result, collar_ms), score_diarization.recording_lines(result)
        if result.outside:
            complain("score", f"{options['uem']}: leaves out {shown_keys(result.outside)}")
    elif kind == "cpwer":
        from asrtools.tasks import score_speakers

        result = score_speakers.score_speakers(ref, hyp, way)
        summary, lines = score_speakers.summary_line(result), score_speakers.recording_lines(result)
    else:
        from asrtools.tasks import score_times

        result = score_times.score_times(ref, hyp, way)
        summary, lines = score_times.summary_lines(result), score_times.recording_lines(result)
    if result.missing:
        complain("score", f"{hyp}: nothing for {shown_keys(result.missing)}")
    if result.without_ref:
        complain("score", f"{hyp}: no reference for {shown_keys(result.without_ref)}, not counted")
    if out and out != "-":
        write_lines(out, iter([lines, "\n", summary]))
    print(f"{lines}\n{summary}" if out == "-" else summary, end="")
    count = len(result.by_recording)
    without = f", {len(result.missing)} without hypothesis" if result.missing else ""
    complain("score", f"scored {count} recording{'' if count == 1 else 's'}{without}")
    return 0


def main() -> None:
    gc.disable()  # there are no cycles, and looking for them among a million objects takes a fifth of the time
    launch(score)
