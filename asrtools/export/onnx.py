"""A network to an ONNX file."""

import logging
import warnings
from pathlib import Path

import torch

from asrtools.errors import ModelError
from asrtools.export.graph import Graph

# left as they are by quantisation, as published: their scores decide
PRECISE_NODES = ("output", "bias_encoder", "bias_decoder")


def write_onnx(graph: Graph, path: Path, opset: int = 14) -> None:
    """Trace the network; any number of utterances of any length goes through what is written."""
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about what is compared afterwards
            torch.onnx.export(
                graph.network,
                tuple(graph.inputs.values()),
                str(path),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_axes={name: dict(axes) for name, axes in graph.axes.items()},
                opset_version=opset,
                do_constant_folding=True,
                dynamo=False,
            )
    except (RuntimeError, torch.onnx.OnnxExporterError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: could not be written with opset {opset} ({cause}); 14 is wanted") from error
    check_inputs(graph, path)


def check_inputs(graph: Graph, path: Path) -> None:
    """The tracer drops inputs that nothing reads, and runtimes give all of the published ones."""
    import onnx

    made = onnx.load(str(path), load_external_data=False).graph
    found = [one.name for one in made.input], [one.name for one in made.output]
    wanted = list(graph.inputs), list(graph.outputs)
    if found != wanted:
        raise ModelError(f"{path}: has the inputs and outputs {found}; {wanted} are wanted")


def quantize_int8(source: Path, path: Path) -> None:
    """Weights of matrix products in 8 bits; what they multiply is rounded as it comes."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = [node.name for node in onnx.load(str(source)).graph.node]
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # it recommends a preparation that these graphs do not take
    try:
        quantize_dynamic(
            str(source),
            str(path),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QUInt8,
            nodes_to_exclude=[name for name in nodes if any(part in name for part in PRECISE_NODES)],
        )
    finally:
        logger.setLevel(level)


def convert_fp16(source: Path, path: Path) -> None:
    """Weights and sums in 16 bits; inputs and outputs stay what they are."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True)
    onnx.save(model, str(path))
