"""export: write a model as ONNX or TorchScript."""

from typing import Any

import click

from asrtools.commands.command import command, complain, launch
from asrtools.commands.options import hub_options, model_option, output_dir_option

QUANTIZED = {"true": "int8", "false": "fp32", "int8": "int8", "fp16": "fp16"}


@command(
    example="asrtools export --model exp/model --output-dir exp/onnx\n"
    "asrtools export ++model=fsmn-vad ++quantize=true --verify wav.scp",
)
@model_option
@output_dir_option
@click.option(
    "--format",
    "--type",
    "kind",
    type=click.Choice(["onnx", "torchscript", "onnx_fp16"]),
    default="onnx",
    show_default=True,
    help="onnx_fp16: onnx with --quantize fp16.",
)
@click.option(
    "--quantize",
    type=click.Choice(list(QUANTIZED), case_sensitive=False),
    default="false",
    show_default=True,
    help="In 8 or 16 bits; true is int8.",
)
@click.option("--opset", "--opset-version", type=click.IntRange(14, 17), default=14, show_default=True)
@click.option("--verify", metavar="DATA", help="Recordings to compare both on.  [default: a generated one]")
@click.option("--device", hidden=True, expose_value=False)  # these three: of documented command lines, of no effect
@click.option("--fallback-num", hidden=True, expose_value=False)
@click.option("--calib-num", hidden=True, expose_value=False)
@hub_options
def export(model: str | None, output_dir: str | None, kind: str, quantize: str, opset: int, **options: Any) -> None:
    """Write a model as ONNX or TorchScript, with what runtimes want beside it; prints the directory.

    What is written goes through the same features as the model first; where they differ nothing is left behind.
    """
    if not model:
        raise click.UsageError("it takes --model")
    if kind == "onnx_fp16":
        kind, quantize = "onnx", "fp16"
    from asrtools import build
    from asrtools.export.package import export_model
    from asrtools.hub import model_directory

    loaded = build.load_model(model_directory(model, options["hub"], options["revision"], options["offline"]))
    feats = _features(loaded, options["verify"]) if options["verify"] else []
    found = export_model(loaded, output_dir, kind, QUANTIZED[quantize.lower()], opset, feats)
    for path, parity in zip(found.files, found.parity, strict=True):
        words = f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, largest difference {parity.largest_difference:.2g}, "
        words += f"{parity.agreement:.2%} of {parity.num_compared} choices the same"
        if parity.token_error_rate is not None:
            words += f", {parity.token_error_rate:.2%} of {parity.num_tokens} tokens wrong by the model's"
        if parity.seconds_of_audio:
            factors = (one / parity.seconds_of_audio for one in (parity.seconds_exported, parity.seconds_torch))
            words += ", real-time factor {:.4f} (torch {:.4f})".format(*factors)
        complain("export", words)
    click.echo(str(found.directory))


def _features(model: Any, data: str) -> list[Any]:
    from asrtools.errors import ConfigError, DataError
    from asrtools.io.source import read_inputs
    from asrtools.tasks.network_input import InputLoader

    if model.frontend is None:
        raise ConfigError(f"{model.directory}: this model reads text; --verify is for models that take recordings")
    feats = []
    for utterance in read_inputs([data], tables=()):
        loaded = InputLoader(model.frontend)(utterance)
        if loaded.feats is None:
            raise DataError(f"{utterance.key}: {loaded.utterance.error}")
        feats.append(loaded.feats)
    return feats


def main() -> None:
    launch(export)
