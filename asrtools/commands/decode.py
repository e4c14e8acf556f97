"""decode: recognise speech: `key text` lines on stdout, in the order of the input."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.commands.unfinished import stop


@command(example="decode wav.scp | punc > text", takes_overrides=True)
@data_argument
@data_options
@network_options
def decode(**options: Any) -> None:
    """Recognise speech: `key text` lines on stdout, in the order of the input."""
    stop("decode", "recognition")


def main() -> None:
    launch(decode)
