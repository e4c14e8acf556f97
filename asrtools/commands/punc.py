"""punc: attach punctuation to text: reads what decode writes and writes the same kind."""

from asrtools.commands.command import launch
from asrtools.commands.options import data_argument, network_options
from asrtools.commands.unfinished import unfinished


@unfinished("punctuation", example="decode wav.scp | punc > text")
@data_argument
@network_options
def punc() -> None:
    """Attach punctuation to text: reads what decode writes and writes the same kind."""


def main() -> None:
    launch(punc)
