"""download: fetch a published model and print its directory."""

from typing import Any

import click

from asrtools.commands.command import command, launch
from asrtools.commands.options import hub_options
from asrtools.commands.unfinished import stop


@command(example="download paraformer-zh", takes_overrides=True)
@click.argument("names", nargs=-1, metavar="NAME...")
@hub_options
def download(**options: Any) -> None:
    """Fetch a published model and print its directory."""
    stop("download", "the hub client and the table of models")


def main() -> None:
    launch(download)
