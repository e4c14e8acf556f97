"""score: compare recognised text with references: error rates."""

from asrtools.commands.command import launch
from asrtools.commands.options import data_argument
from asrtools.commands.unfinished import unfinished


@unfinished("scoring", example="score data/test/text exp/1best_recog/text exp/1best_recog/text.cer")
@data_argument
def score() -> None:
    """Compare recognised text with references: error rates."""


def main() -> None:
    launch(score)
