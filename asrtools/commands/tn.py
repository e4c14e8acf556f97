"""tn: spell numbers, dates and units out: reads and writes `key text` lines."""

from asrtools.commands.command import launch
from asrtools.commands.options import data_argument
from asrtools.commands.unfinished import unfinished


@unfinished("text normalisation", example="tn --lang zh text > text.spoken")
@data_argument
def tn() -> None:
    """Spell numbers, dates and units out: reads and writes `key text` lines."""


def main() -> None:
    launch(tn)
