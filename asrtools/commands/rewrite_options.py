"""What itn and tn share: their options, and the loop from lines to lines."""

import sys

import click

from asrtools.commands.command import Tally, complain, progress
from asrtools.commands.options import Decorator, jsonl_option, shard_option, stack

# Of the published recognisers, whose text may come along; wetext has grammars for the first three
LANGUAGES = {
    "zh": "Chinese",
    "en": "English",
    "ja": "Japanese",
    "yue": "Cantonese",
    "minnan": "Hokkien",
    "ko": "Korean",
    "de": "German",
    "es": "Spanish",
    "fa": "Persian",
    "fr": "French",
    "he": "Hebrew",
    "id": "Indonesian",
    "my": "Burmese",
    "pt": "Portuguese",
    "ru": "Russian",
    "tr": "Turkish",
    "ur": "Urdu",
    "vi": "Vietnamese",
}
HAVE_A_GRAMMAR = ("zh", "en", "ja")


def _language(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    name = value.lower().replace("_", "-").partition("-")[0]
    if name not in LANGUAGES:
        raise click.BadParameter(
            f"{value!r} is no language of a published model; should be one of {', '.join(HAVE_A_GRAMMAR)} (unchanged "
            f"passes {', '.join(list(LANGUAGES)[len(HAVE_A_GRAMMAR) :])})"
        )
    return name


rewrite_options: Decorator = stack(
    click.argument("data", default="-", metavar="[DATA|-]"),
    click.option(
        "--lang",
        metavar="zh|en|ja|..",
        callback=_language,
        help="Language of the text; one that there is no grammar for passes unchanged, with a warning.",
    ),
    click.option("--model", metavar="ID", help="A published text model of this kind, in place of its language."),
    click.option(
        "--input-type",
        type=click.Choice(["auto", "text", "jsonl"]),
        default="auto",
        help="What DATA is; auto goes by directory, then extension, then the first byte.",
    ),
    jsonl_option,
    shard_option,
)


def rewrite(
    operator: str,
    data: str,
    lang: str | None,
    model: str | None,
    input_type: str,
    jsonl: bool,
    shard: tuple[int, int] | None,
) -> int:
    language = lang or (model and _language_of(model))
    if not language:
        raise click.UsageError("--lang is missing; should be the language of the text: zh, en or ja")
    from asrtools.io.jsonl import to_line
    from asrtools.io.shard import take_shard
    from asrtools.io.source import input_kind, read_inputs
    from asrtools.tasks.rewrite import Rewrite
    from asrtools.text.rewrite import Rewriter

    if language in HAVE_A_GRAMMAR:
        task = Rewrite(Rewriter(operator, language))
    else:
        task = Rewrite(None)
        others = ", ".join(HAVE_A_GRAMMAR)
        complain(
            operator,
            f"--lang {language}: there is no grammar for {LANGUAGES[language]} (only for {others}); passes unchanged",
        )
    as_records = jsonl or input_kind(data, input_type, plain="text") == "jsonl"
    tally = Tally(operator)
    for read in progress(take_shard(read_inputs([data], input_type, plain="text"), shard), operator):
        record = task.record(read)
        if as_records:
            sys.stdout.write(to_line(record) + "\n")
        elif record.status != "error":
            sys.stdout.write(f"{record.key} {record.text or ''}".rstrip() + "\n")
        sys.stdout.flush()  # so that whoever reads it need not wait
        tally.count(record)
    return tally.close()


def _language_of(model: str) -> str:
    from asrtools import zoo
    from asrtools.errors import ModelError
    from asrtools.zoo.entry import NORMALISATION

    entry = zoo.find(model)
    if entry is None or entry.task != NORMALISATION:
        known = ", ".join(one.ms for one in zoo.ENTRIES if one.task == NORMALISATION)
        raise ModelError(f"{model}: is no published model that writes numbers; there are {known}")
    return entry.languages
