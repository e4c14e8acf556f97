"""align: find when each word of a known text is spoken: CTM on stdout."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from asrtools.commands.command import Tally, command, launch, progress
from asrtools.commands.options import (
    batch_options,
    data_argument,
    data_options,
    device_options,
    hub_options,
    model_option,
    result_options,
    shard_option,
)
from asrtools.commands.resumable import check_resume, finish, open_results
from asrtools.record import Utterance

if TYPE_CHECKING:
    from asrtools.io.journal_dir import Done
    from asrtools.tasks.align import Aligned, WordAligner

DEFAULT_MODEL = "fa-zh"
EXAMPLE = """\
align wav.scp text > text.ctm
align --textgrid exp/grids data/test > text.ctm
align --jsonl list.jsonl > words.jsonl
align --output-dir exp/align --resume data/test > text.ctm"""
FILES = {"ctm": "ctm", "jsonl": "records.jsonl", "list": "tp_res/timestamp_list", "tokens": "tp_res/timestamp_str"}


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@click.option(
    "--textgrid", type=click.Path(file_okay=False), metavar="DIR", help="Write DIR/KEY.TextGrid for Praat as well."
)
@result_options
@model_option
@data_options
@shard_option
@device_options
@batch_options
@hub_options
def align(data: tuple[str, ...], **options: Any) -> int:
    """Find when each word of a known text is spoken: CTM on stdout.

    DATA is wav.scp (or recordings) and after it TEXT, lines of `key words`; or one data directory, or list of records,
    that holds both. Words, and the marks beside them, stay as they are; Chinese goes by characters. Words that the
    model has no token for get their times from their neighbours. --output-dir gets DIR/ctm, DIR/records.jsonl and, as
    FunASR has them, DIR/tp_res/timestamp_list (ms of words) and timestamp_str (seconds of tokens and silences).
    """
    if not data:
        raise click.UsageError("it takes WAV_SCP and TEXT")
    if options["channel"] == "all":
        raise click.UsageError("--channel all: speech is heard in one channel; take mix, each or a number")
    check_resume(options)
    started, tally = time.time(), Tally("align")
    utterances = _inputs(data, options, tally)
    aligner = _open(options)
    assert aligner.model is not None
    results = open_results("align", data, [*FILES.values()], aligner.model, options)
    grid = _grid_writer(options["textgrid"])

    def work(inputs: Iterator[Utterance]) -> "Iterator[Done]":
        for aligned in aligner.aligned(inputs):
            if aligned.utterance.status != "error":
                grid(aligned.utterance)
            yield _done(aligned)

    shown = FILES["jsonl" if options["jsonl"] else "ctm"]
    for done in progress(results.through(utterances, work) if results else work(utterances), "align"):
        sys.stdout.write(done.texts[shown])
        sys.stdout.flush()
        tally.count(done.counted[0])
    finish(results, aligner.model, options, started)
    return tally.close()


def _done(aligned: "Aligned") -> "Done":
    from asrtools.io.journal_dir import Done
    from asrtools.io.jsonl import to_line

    utterance = aligned.utterance
    texts = {FILES["ctm"]: _ctm(utterance), FILES["jsonl"]: to_line(utterance) + "\n"}
    if utterance.status != "error":
        spans = [[token.start_ms, token.end_ms] for token in utterance.tokens if token.start_ms is not None]
        texts[FILES["list"]] = f"{utterance.key} {spans}\n"
        texts[FILES["tokens"]] = f"{utterance.key} {aligned.token_times}".rstrip() + "\n"
    counted = utterance if utterance.status == "error" else Utterance(utterance.key, status=utterance.status)
    return Done(utterance.key, texts, [counted])


def _inputs(data: tuple[str, ...], options: dict[str, Any], tally: Tally) -> Iterator[Utterance]:
    import itertools

    from asrtools.io.shard import take_shard
    from asrtools.io.source import read_inputs
    from asrtools.tasks.align import with_own_text, with_texts

    how = (options["input_type"], options["fs"], options["channel"])
    recordings = read_inputs(data[:-1] if len(data) > 1 else data, *how, tables=("text",))
    if len(data) > 1:
        texts = read_inputs(data[-1:], "auto", plain="text")
        is_first = not options["shard"] or options["shard"][0] == 1  # the others would name the same texts again
        utterances = with_texts(recordings, texts, data[-1], tally.fail if is_first else _leave)
    else:
        utterances = with_own_text(recordings)
    first = next(utterances)  # what is wrong with DATA itself shows now
    return take_shard(itertools.chain([first], utterances), options["shard"])


def _leave(_: str, __: str) -> None:
    """For a failure that another shard names."""


def _open(options: dict[str, Any]) -> "WordAligner":
    from asrtools.hub import model_directory
    from asrtools.tasks.align import open_aligner
    from asrtools.tasks.batching import BatchLimits

    return open_aligner(
        model_directory(options["model"] or DEFAULT_MODEL, options["hub"], options["revision"], options["offline"]),
        options["overrides"],
        options["device"],
        options["ncpu"],
        BatchLimits(options["batch_size"], options["batch_seconds"]),
        "mix" if options["channel"] == "each" else options["channel"],
        options["fs"],
    )


def _ctm(utterance: Utterance) -> str:
    from asrtools.io.ctm import Word, to_line

    if utterance.status == "error":
        return ""
    channel = "1" if utterance.channel is None else str(utterance.channel + 1)
    name = utterance.recording or utterance.key
    return "".join(
        to_line(Word(name, token.start_ms, token.end_ms, token.text, None, channel)) + "\n"
        for token in utterance.tokens
        if token.text and token.start_ms is not None and token.end_ms is not None
    )


def _grid_writer(folder: str | None) -> Callable[[Utterance], None]:
    if folder is None:
        return lambda utterance: None
    from pathlib import Path

    from asrtools.io.text_file import atomic_write
    from asrtools.io.textgrid import to_textgrid

    Path(folder).mkdir(parents=True, exist_ok=True)

    def write(utterance: Utterance) -> None:
        """Times from the begin of the utterance, for that is what is opened beside it."""
        begin = utterance.start_ms
        words = [
            (token.start_ms - begin, token.end_ms - begin, token.text + token.mark)
            for token in utterance.tokens
            if token.start_ms is not None and token.end_ms is not None
        ]
        end_ms = 0 if utterance.end_ms is None else utterance.end_ms - begin
        with atomic_write(Path(folder) / f"{utterance.key.replace('/', '_')}.TextGrid") as out:
            out.write(to_textgrid(words, end_ms))

    return write


def main() -> None:
    launch(align)
