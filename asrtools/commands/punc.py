"""punc: attach punctuation to text: reads what decode writes and writes the same kind."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import (
    batch_options,
    data_argument,
    device_options,
    hub_options,
    model_option,
    result_options,
)
from asrtools.commands.unfinished import stop


@command(example="decode wav.scp | punc > text", takes_overrides=True)
@data_argument
@model_option
@device_options
@batch_options
@hub_options
@result_options
def punc(**options: Any) -> None:
    """Attach punctuation to text: reads what decode writes and writes the same kind."""
    stop("punc", "the punctuation model")


def main() -> None:
    launch(punc)
