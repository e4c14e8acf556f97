"""Which graphs a model is exported to, by its class."""

from collections.abc import Callable

import torch

from asrtools.build import LoadedModel
from asrtools.errors import ModelError
from asrtools.export import paraformer_graph, punctuation_graph, speech_graph
from asrtools.export.graph import Graph

MAKERS: dict[str, Callable[[LoadedModel], list[Graph]]] = {
    "Paraformer": paraformer_graph.paraformer,
    "BiCifParaformer": paraformer_graph.bicif,
    "SeacoParaformer": paraformer_graph.seaco,
    "ContextualParaformer": paraformer_graph.contextual,
    "ParaformerStreaming": paraformer_graph.streaming,
    "SenseVoiceSmall": speech_graph.sense_voice,
    "CTC": speech_graph.ctc,
    "Transformer": speech_graph.ctc,
    "Conformer": speech_graph.ctc,
    "Branchformer": speech_graph.ctc,
    "EBranchformer": speech_graph.ctc,
    "FsmnVADStreaming": speech_graph.silence,
    "CAMPPlus": speech_graph.speakers,
    "MonotonicAligner": speech_graph.aligner,
    "CTTransformer": punctuation_graph.punctuation,
    "CTTransformerStreaming": punctuation_graph.punctuation_stream,
}


def graphs_of(model: LoadedModel) -> list[Graph]:
    """The files that a model is exported to; a ModelError where its class is not among those that can be."""
    make = MAKERS.get(model.name)
    if make is None:
        raise ModelError(
            f"{model.directory}: a model of class {model.name} cannot be exported; {', '.join(MAKERS)} can"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # what is traced and compared on is the same every time
        graphs = make(model)
    for graph in graphs:
        graph.network.eval()  # the tracer puts a network back into the mode that its outermost module had
    return graphs
