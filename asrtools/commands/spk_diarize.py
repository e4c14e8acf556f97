"""spk-diarize: find who speaks when: RTTM on stdout."""

from asrtools.commands.command import launch
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.commands.unfinished import unfinished


@unfinished("speaker diarization", example="spk-diarize wav.scp > who.rttm")
@data_argument
@data_options
@network_options
def spk_diarize() -> None:
    """Find who speaks when: RTTM on stdout."""


def main() -> None:
    launch(spk_diarize)
