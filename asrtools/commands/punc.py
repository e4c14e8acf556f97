"""punc: attach punctuation to text: reads what decode writes and writes the same kind."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from asrtools import __version__
from asrtools.commands.command import Tally, command, complain, launch, progress
from asrtools.commands.options import (
    device_options,
    dtype_option,
    hub_options,
    model_option,
    result_options,
    shard_option,
)
from asrtools.record import Utterance

if TYPE_CHECKING:
    from asrtools.build import LoadedModel

DEFAULT_MODEL = "ct-punc"
EXAMPLE = """\
decode wav.scp | punc > text
punc exp/test/1best_recog/text > text
decode --jsonl wav.scp | punc > records.jsonl"""


@command(example=EXAMPLE, takes_overrides=True, reads_stdin=True)
@click.argument("data", default="-", metavar="[DATA|-]")
@click.option(
    "--input-type",
    type=click.Choice(["auto", "text", "jsonl"]),
    default="auto",
    help="What DATA is; auto goes by directory, then extension, then the first byte.",
)
@click.option(
    "--capitalize/--no-capitalize", default=True, help="Begin sentences with a capital, or not.  [default: capitalize]"
)
@click.option("--split-size", type=click.IntRange(1), default=20, show_default=True, help="Words in a window.")
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Most windows in a batch.")
@model_option
@device_options
@dtype_option
@hub_options
@result_options
@shard_option
def punc(data: str, **options: Any) -> int:
    """Attach punctuation to text, Chinese or English: `key text` lines in, the same out; records in, records out.

    Marks are put after words, and sentences begin with a capital; nothing else changes. Records keep what they hold,
    get marks on their tokens too, and `sentences` with the times of these. What comes in goes out as soon as the input
    pauses. DATA is a text file, a data directory, a list of records or - for stdin. The model is ct-punc unless --model
    says otherwise.
    """
    if options["resume"] and not options["output_dir"]:
        raise click.UsageError("--resume goes on with an --output-dir run; give the directory")
    from asrtools.io.read_ahead import ReadAhead

    source = _Source(data, options["input_type"], options["shard"])
    with ReadAhead(source.records) as records:
        return _punctuate(records, source, data, options)


class _Source:
    """DATA as records; `kind` is known once the first of them is there."""

    def __init__(self, data: str, input_type: str, shard: tuple[int, int] | None):
        self._data = data
        self._input_type = input_type
        self._shard = shard
        self.kind = ""

    def records(self) -> Iterator[Utterance]:
        from asrtools.io.shard import take_shard
        from asrtools.io.source import input_kind, read_inputs

        self.kind = input_kind(self._data, self._input_type, plain="text")
        return take_shard(read_inputs([self._data], self._input_type, plain="text"), self._shard)


def _punctuate(records: Any, source: _Source, data: str, options: dict[str, Any]) -> int:
    from asrtools.tasks.punctuate import Punctuate

    started = time.time()
    model, device = _load(options)
    punctuate = Punctuate(model, options["batch_size"], options["split_size"], options["capitalize"])
    tally, results = Tally("punc"), None
    if options["output_dir"]:
        results, done = _into_directory(punctuate.records, records, model, data, options)
    else:
        done = punctuate.records(records)
    write = None
    for record in progress(done, "punc"):
        write = write or _writer(options["jsonl"] or source.kind == "jsonl")
        write(record)
        tally.count(record)
    if results is not None:
        results.finish(
            {
                "command": sys.argv,
                "version": __version__,
                "wall_seconds": round(time.time() - started, 3),
                "device": device,
                "options": {name: value for name, value in options.items() if name != "overrides"},
                "model": {"directory": str(model.directory), "class": model.name, "sha256": model.parameter_hash()},
            }
        )
    return tally.close()


def _load(options: dict[str, Any]) -> tuple["LoadedModel", str]:
    from asrtools.hub import model_directory
    from asrtools.tasks.open_model import open_model

    name = options["model"] or DEFAULT_MODEL
    directory = model_directory(name, options["hub"], options["revision"], options["offline"])
    return open_model(directory, options["overrides"], None, options["device"], options["ncpu"], options["dtype"])


def _into_directory(
    punctuate: Callable[[Any], Iterator[Utterance]],
    records: Any,
    model: "LoadedModel",
    data: str,
    options: dict[str, Any],
) -> tuple[Any, Iterator[Utterance]]:
    """The directory, and the records on their way through it: first those that an earlier run has finished."""
    from asrtools.io.punctuation_dir import PunctuationDir, with_earlier

    head = {"data": data, "parameters": model.fingerprint(), "overrides": options["overrides"]}
    head |= {
        name: options[name]
        for name in ("model", "revision", "dtype", "input_type", "capitalize", "split_size", "shard")
    }
    results = PunctuationDir(options["output_dir"], head, options["resume"])
    if results.num_left_behind:
        complain(
            "punc",
            f"{options['output_dir']}: what an earlier run had there ({results.num_left_behind} inputs) is begun anew; "
            "--resume would have gone on with it",
        )

    def done() -> Iterator[Utterance]:
        earlier, rest = with_earlier(records, results.earlier(), results.folder)
        yield from earlier
        for record in punctuate(rest):
            results.add(record)
            yield record

    return results, done()


def _writer(as_records: bool) -> Callable[[Utterance], None]:
    """Prints a record at once, so that whoever reads it need not wait."""
    from asrtools.io.jsonl import to_line

    def write(record: Utterance) -> None:
        if as_records:
            sys.stdout.write(to_line(record) + "\n")
        elif record.status != "error":
            sys.stdout.write(f"{record.key} {record.text or ''}".rstrip() + "\n")
        sys.stdout.flush()

    return write


def main() -> None:
    launch(punc)
