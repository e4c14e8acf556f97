"""vad-segment: find the stretches of speech in recordings: Kaldi segments on stdout."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.commands.unfinished import stop


@command(example="vad-segment wav.scp > segments", takes_overrides=True)
@data_argument
@data_options
@network_options
def vad_segment(**options: Any) -> None:
    """Find the stretches of speech in recordings: Kaldi segments on stdout."""
    stop("vad-segment", "the voice activity detector")


def main() -> None:
    launch(vad_segment)
