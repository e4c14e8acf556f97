"""download: fetch a published model and print its directory."""

import click

from asrtools.commands.command import launch
from asrtools.commands.options import hub_options
from asrtools.commands.unfinished import unfinished


@unfinished("fetching models", example="download paraformer-zh")
@click.argument("names", nargs=-1, metavar="NAME...")
@hub_options
def download() -> None:
    """Fetch a published model and print its directory."""


def main() -> None:
    launch(download)
