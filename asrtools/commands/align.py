"""align: find when each word of a known text is spoken: CTM on stdout."""

from asrtools.commands.command import launch
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.commands.unfinished import unfinished


@unfinished("alignment", example="align wav.scp text > text.ctm")
@data_argument
@data_options
@network_options
def align() -> None:
    """Find when each word of a known text is spoken: CTM on stdout."""


def main() -> None:
    launch(align)
