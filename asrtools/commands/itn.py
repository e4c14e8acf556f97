"""itn: write numbers, dates and units in digits: reads and writes `key text` lines."""

from asrtools.commands.command import launch
from asrtools.commands.options import data_argument
from asrtools.commands.unfinished import unfinished


@unfinished("text normalisation", example="decode wav.scp | punc | itn --lang zh > text")
@data_argument
def itn() -> None:
    """Write numbers, dates and units in digits: reads and writes `key text` lines."""


def main() -> None:
    launch(itn)
