"""itn: write numbers, dates and units in digits: reads and writes `key text` lines."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import data_argument
from asrtools.commands.unfinished import stop


@command(example="decode wav.scp | punc | itn --lang zh > text", takes_overrides=True)
@data_argument
def itn(**options: Any) -> None:
    """Write numbers, dates and units in digits: reads and writes `key text` lines."""
    stop("itn", "the text normaliser")


def main() -> None:
    launch(itn)
