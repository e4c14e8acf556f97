"""export: write a model as ONNX or TorchScript."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.options import hub_options, model_option
from asrtools.commands.unfinished import stop


@command(example="asrtools export --model paraformer --output-dir exp/onnx", takes_overrides=True)
@model_option
@hub_options
def export(**options: Any) -> None:
    """Write a model as ONNX or TorchScript."""
    stop("export", "the exporter")


def main() -> None:
    launch(export)
