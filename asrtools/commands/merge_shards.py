"""asrtools merge-shards: the results of parts of a list to those of the list."""

from pathlib import Path

import click

from asrtools.commands.command import command, complain, launch
from asrtools.commands.options import data_options

EXAMPLE = """\
asrtools merge-shards data/test exp/test exp/test/shard.1 exp/test/shard.2"""


@command(example=EXAMPLE)
@click.argument("data")
@click.argument("out", type=click.Path(file_okay=False))
@click.argument("shards", nargs=-1, required=True, type=click.Path(), metavar="SHARD...")
@data_options
def merge_shards(data: str, out: str, shards: tuple[str, ...], input_type: str, fs: int, channel: str) -> None:
    """Merge what each SHARD directory has into OUT, in the order of DATA, the list that was divided.

    The files are those that one process would have written for the whole of DATA: result files, lists of features,
    segments. Archives stay where they are. Nothing is written unless each input has its line or its error.
    """
    if data == "-":
        raise click.UsageError("DATA is -, which can be read once only; name a file")
    from asrtools.io.source import read_inputs
    from asrtools.tasks import merge_shards as task

    records = read_inputs([data], input_type, fs, channel, tables=())
    inputs = ((record.key, record.recording) for record in records)
    merged = task.merge_shards(inputs, [Path(shard) for shard in shards], Path(out))
    errors = f", {merged.num_errors} with an error ({Path(out) / 'errors.jsonl'})" if merged.num_errors else ""
    complain("merge-shards", f"{merged.num_inputs} inputs of {len(shards)} shards{errors}")


def main() -> None:
    launch(merge_shards)
