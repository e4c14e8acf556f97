"""download: fetch a published model and print its directory."""

from typing import Any

import click

from asrtools.commands.command import Tally, command, launch
from asrtools.commands.options import hub_options
from asrtools.errors import HubError

EXAMPLE = """\
download paraformer-zh fsmn-vad ct-punc
download --hub hf --to models/vad funasr/fsmn-vad
download --list"""


@command(example=EXAMPLE)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--to", type=click.Path(), metavar="DIR", help="Put the files there.  [default: the hub's own cache]")
@click.option("--list", "as_list", is_flag=True, help="Print the models that are known, and fetch nothing.")
@click.option("--update", is_flag=True, help="Ask for what is newest even where all is there already.")
@hub_options
def download(names: tuple[str, ...], to: str | None, as_list: bool, **options: Any) -> int | None:
    """Fetch published models and print their directories.

    NAME is an alias (paraformer-zh), an id of modelscope or huggingface (iic/SenseVoiceSmall; damo/ is iic/), or the
    part of it after the slash. Every file is checked, an interrupted download goes on where it stopped, and what is
    complete is not asked for again. Caches: $MODELSCOPE_CACHE (~/.cache/modelscope), $HF_HOME (~/.cache/huggingface).
    """
    if as_list:
        _print_list(names)
        return None
    if not names:
        raise click.UsageError("it takes NAME (or --list, to see the names there are)")
    if to is not None and len(names) > 1:
        raise click.UsageError(f"--to takes one NAME, for its files lie in DIR itself; there are {len(names)}")
    from asrtools.hub import model_directory

    tally = Tally("download")
    for name in names:
        try:
            click.echo(str(model_directory(name, to=to, without_loader=True, **options)))
            tally.add("ok")
        except HubError as error:
            tally.fail(name, str(error))
    return tally.close()


def _print_list(names: tuple[str, ...]) -> None:
    from asrtools import zoo

    chosen = [entry for entry in zoo.ENTRIES if not names or entry in map(zoo.find, names)]
    for name in names:
        if zoo.find(name) is None:
            raise HubError(f"{name}: is not in the table; `download {name}` asks the hub for it")
    rows = [("name", "task", "languages", "rate", "size", "status", "modelscope", "huggingface")]
    for entry in chosen:
        rate = f"{entry.rate // 1000}k" if entry.rate else "text"
        cells = (entry.task, entry.languages, rate, entry.size, entry.status, entry.ms, entry.hf)
        rows.append((entry.alias, *cells))
    rows = [tuple(cell or "-" for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def main() -> None:
    launch(download)
