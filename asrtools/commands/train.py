"""train: train a model, or fine-tune a published one."""

from asrtools.commands.command import launch
from asrtools.commands.options import device_options, hub_options
from asrtools.commands.unfinished import unfinished


@unfinished(
    "training",
    example="train --config conf/train.yaml --train train.jsonl --valid dev.jsonl --output-dir exp/model",
)
@device_options
@hub_options
def train() -> None:
    """Train a model, or fine-tune a published one."""


def main() -> None:
    launch(train)
