"""average-ckpt: average the parameters of checkpoints."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.unfinished import stop


@command(example="average-ckpt exp/model --best 10", takes_overrides=True)
def average_ckpt(**options: Any) -> None:
    """Average the parameters of checkpoints."""
    stop("average-ckpt", "the trainer's checkpoints")


def main() -> None:
    launch(average_ckpt)
