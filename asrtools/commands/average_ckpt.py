"""average-ckpt: average the parameters of checkpoints."""

from asrtools.commands.command import launch
from asrtools.commands.unfinished import unfinished


@unfinished("averaging checkpoints", example="average-ckpt exp/model --best 10")
def average_ckpt() -> None:
    """Average the parameters of checkpoints."""


def main() -> None:
    launch(average_ckpt)
