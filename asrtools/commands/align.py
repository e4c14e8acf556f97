"""align: find when each word of a known text is spoken: CTM on stdout."""

import sys
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
    jsonl_option,
    model_option,
    shard_option,
)
from asrtools.record import Utterance

if TYPE_CHECKING:
    from asrtools.tasks.align import WordAligner

DEFAULT_MODEL = "fa-zh"
EXAMPLE = """\
align wav.scp text > text.ctm
align --textgrid exp/grids data/test > text.ctm
align --jsonl list.jsonl > words.jsonl"""


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@click.option(
    "--textgrid", type=click.Path(file_okay=False), metavar="DIR", help="Write DIR/KEY.TextGrid for Praat as well."
)
@jsonl_option
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
    model has no token for get their times from their neighbours.
    """
    if not data:
        raise click.UsageError("it takes WAV_SCP and TEXT")
    if options["channel"] == "all":
        raise click.UsageError("--channel all: speech is heard in one channel; take mix, each or a number")
    tally = Tally("align")
    utterances = _inputs(data, options, tally)
    aligner = _open(options)
    write = _as_record if options["jsonl"] else _as_ctm
    grid = _grid_writer(options["textgrid"])
    for utterance in progress(aligner(utterances), "align"):
        write(utterance)
        if utterance.status != "error":
            grid(utterance)
        tally.count(utterance)
    return tally.close()


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


def _as_record(utterance: Utterance) -> None:
    from asrtools.io.jsonl import to_line

    sys.stdout.write(to_line(utterance) + "\n")
    sys.stdout.flush()


def _as_ctm(utterance: Utterance) -> None:
    from asrtools.io.ctm import Word, to_line

    channel = "1" if utterance.channel is None else str(utterance.channel + 1)
    if utterance.status != "error":
        for token in utterance.tokens:
            if token.text and token.start_ms is not None and token.end_ms is not None:
                name = utterance.recording or utterance.key
                sys.stdout.write(to_line(Word(name, token.start_ms, token.end_ms, token.text, None, channel)) + "\n")
    sys.stdout.flush()


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
