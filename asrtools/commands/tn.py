"""tn: spell numbers, dates and units out: reads and writes `key text` lines."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import data_argument
from asrtools.commands.unfinished import stop


@command(example="tn --lang zh text > text.spoken", takes_overrides=True)
@data_argument
def tn(**options: Any) -> None:
    """Spell numbers, dates and units out: reads and writes `key text` lines."""
    stop("tn", "the text normaliser")


def main() -> None:
    launch(tn)
