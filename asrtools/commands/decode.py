"""decode: recognise speech: `key text` lines on stdout, in the order of the input."""

from asrtools.commands.command import launch
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.commands.unfinished import unfinished


@unfinished("recognition", example="decode wav.scp | punc > text")
@data_argument
@data_options
@network_options
def decode() -> None:
    """Recognise speech: `key text` lines on stdout, in the order of the input."""


def main() -> None:
    launch(decode)
