"""export: write a model as ONNX or TorchScript."""

from asrtools.commands.command import launch
from asrtools.commands.options import hub_options, model_option
from asrtools.commands.unfinished import unfinished


@unfinished("export", example="asrtools export --model paraformer --output-dir exp/onnx")
@model_option
@hub_options
def export() -> None:
    """Write a model as ONNX or TorchScript."""


def main() -> None:
    launch(export)
