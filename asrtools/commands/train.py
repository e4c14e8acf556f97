"""train: train a model, or fine-tune a published one."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import device_options, hub_options
from asrtools.commands.unfinished import stop


@command(
    example="train --config conf/train.yaml --train train.jsonl --valid dev.jsonl --output-dir exp/model",
    takes_overrides=True,
)
@device_options
@hub_options
def train(**options: Any) -> None:
    """Train a model, or fine-tune a published one."""
    stop("train", "the trainer")


def main() -> None:
    launch(train)
