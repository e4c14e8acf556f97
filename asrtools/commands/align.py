"""align: find when each word of a known text is spoken: CTM on stdout."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.commands.unfinished import stop


@command(example="align wav.scp text > text.ctm", takes_overrides=True)
@data_argument
@data_options
@network_options
def align(**options: Any) -> None:
    """Find when each word of a known text is spoken: CTM on stdout."""
    stop("align", "the aligner")


def main() -> None:
    launch(align)
