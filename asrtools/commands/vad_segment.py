"""vad-segment: find the stretches of speech in recordings: Kaldi segments on stdout."""

from asrtools.commands.command import launch
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.commands.unfinished import unfinished


@unfinished("voice activity detection", example="vad-segment wav.scp > segments")
@data_argument
@data_options
@network_options
def vad_segment() -> None:
    """Find the stretches of speech in recordings: Kaldi segments on stdout."""


def main() -> None:
    launch(vad_segment)
