"""spk-diarize: find who speaks when: RTTM on stdout."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.commands.unfinished import stop


@command(example="spk-diarize wav.scp > who.rttm", takes_overrides=True)
@data_argument
@data_options
@network_options
def spk_diarize(**options: Any) -> None:
    """Find who speaks when: RTTM on stdout."""
    stop("spk-diarize", "the speaker model")


def main() -> None:
    launch(spk_diarize)
