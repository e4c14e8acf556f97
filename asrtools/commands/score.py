"""score: compare recognised text with references: error rates."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import data_argument
from asrtools.commands.unfinished import stop


@command(example="score data/test/text exp/1best_recog/text exp/1best_recog/text.cer", takes_overrides=True)
@data_argument
def score(**options: Any) -> None:
    """Compare recognised text with references: error rates."""
    stop("score", "the scoring")


def main() -> None:
    launch(score)
