"""Commands whose part of the suite is not built yet: they have their help, and say in one line what is missing."""

from collections.abc import Callable
from typing import Any

import click

from asrtools import __version__
from asrtools.commands.command import Command, command, complain


def unfinished(part: str, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Like `command`, for a function that only has a docstring and options; any further argument is taken."""

    def decorate(function: Callable[..., Any]) -> Command:
        made = command(example=example, takes_overrides=True, reads_stdin=True)(function)
        made.ignore_unknown_options = True
        made.allow_extra_args = True

        def say(**_: Any) -> None:
            name = click.get_current_context().command_path
            complain(name, f"{part} is not part of asrtools {__version__} yet; nothing was done")
            raise click.exceptions.Exit(2)

        made.callback = say
        return made

    return decorate
