"""What a command says whose part of the suite is not built yet."""

from typing import NoReturn

import click

from asrtools import __version__
from asrtools.commands.command import complain


def stop(name: str, part: str) -> NoReturn:
    complain(name, f"{part} is not part of asrtools {__version__} yet, so nothing was done")
    raise click.exceptions.Exit(2)
