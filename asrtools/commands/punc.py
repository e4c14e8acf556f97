"""punc: attach punctuation to text: reads what decode writes and writes the same kind."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import data_argument, network_options
from asrtools.commands.unfinished import stop


@command(example="decode wav.scp | punc > text", takes_overrides=True)
@data_argument
@network_options
def punc(**options: Any) -> None:
    """Attach punctuation to text: reads what decode writes and writes the same kind."""
    stop("punc", "the punctuation model")


def main() -> None:
    launch(punc)
