"""A network to an ONNX file."""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch

from asrtools.errors import ModelError
from asrtools.export.graph import Graph
from asrtools.runtime.session import FACTS

# left as they are by quantisation, as published: their scores decide
PRECISE_NODES = ("output", "bias_encoder", "bias_decoder")

WIDE_NODES = ("/predictor/", "/embed/")  # never in 16 bits
WIDE_OPERATIONS = ("CumSum", "Floor", "Sin", "Cos")


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
                output_names=[*graph.outputs, *graph.hidden],
                dynamic_axes={name: dict(axes) for name, axes in graph.axes.items()},
                opset_version=opset,
                do_constant_folding=True,
                dynamo=False,
            )
    except (RuntimeError, torch.onnx.OnnxExporterError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: could not be written with opset {opset} ({cause}); 14 is wanted") from error


def finish(graph: Graph, path: Path) -> None:
    """Leave the published outputs, and say the rest in the file's metadata.

    The hidden ones stay in the graph, where our own runtime finds them by name.
    """
    import onnx

    model = onnx.load(str(path))
    for output in [one for one in model.graph.output if one.name in graph.hidden]:
        model.graph.output.remove(output)
    check_names(graph, model.graph, path)
    facts = {**graph.facts, "hidden": list(graph.hidden)}
    onnx.helper.set_model_props(model, {**graph.metadata, FACTS: json.dumps(facts)})
    onnx.save(model, str(path))


def check_names(graph: Graph, made: Any, path: Path) -> None:
    """The tracer drops inputs that nothing reads, and runtimes give all of the published ones."""
    found = [one.name for one in made.input], [one.name for one in made.output]
    wanted = list(graph.inputs), list(graph.outputs)
    if found != wanted:
        raise ModelError(f"{path}: has the inputs and outputs {found}; {wanted} are wanted")


def quantize_int8(source: Path, path: Path) -> None:
    """Weights of matrix products in 8 bits; what they multiply is rounded as it comes.

    Signed, for processors multiply unsigned numbers by signed ones: twice as fast as the unsigned weights of published
    files. Of 7 bits, for processors without VNNI sum two products in 16 bits.
    """
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
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[name for name in nodes if any(part in name for part in PRECISE_NODES)],
        )
    finally:
        logger.setLevel(level)


def convert_fp16(source: Path, path: Path) -> None:
    """Weights and sums in 16 bits; inputs and outputs stay what they are, and so do positions and cumulated weights."""
    import onnx
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    model = onnx.load(str(source))
    model = convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *WIDE_OPERATIONS],
        node_block_list=[node.name for node in model.graph.node if any(part in node.name for part in WIDE_NODES)],
    )
    made: set[str] = set()
    for node in list(model.graph.node):  # a cast that several kept nodes want comes out once for each
        if node.output[0] in made:
            model.graph.node.remove(node)
        made.update(node.output)
    onnx.save(model, str(path))
