"""An exported directory to a model that is ready for use, without torch (torchscript apart)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from asrtools import build
from asrtools import config as configuration
from asrtools.build import LoadedModel
from asrtools.config import Config
from asrtools.errors import ConfigError, ModelError
from asrtools.models.fsmn_vad.options import VadOptions
from asrtools.register import tables
from asrtools.runtime.campplus import ExportedEmbedder
from asrtools.runtime.ct_transformer import ExportedPunctuation
from asrtools.runtime.ctc import ExportedCtc, ExportedSenseVoice
from asrtools.runtime.files import ExportedFiles
from asrtools.runtime.fsmn_vad import ExportedVad
from asrtools.runtime.monotonic_aligner import ExportedAligner
from asrtools.runtime.paraformer import ExportedParaformer
from asrtools.runtime.paraformer_streaming import ExportedParaformerStreaming
from asrtools.runtime.runner import cores
from asrtools.runtime.session import OnnxSession, Session

Make = Callable[[Mapping[str, Session], Mapping[str, Any], int], Any]

NETWORKS: dict[str, Make] = {
    "Paraformer": ExportedParaformer,
    "BiCifParaformer": ExportedParaformer,
    "SeacoParaformer": ExportedParaformer,
    "ContextualParaformer": ExportedParaformer,
    "SenseVoiceSmall": ExportedSenseVoice,
    "CTC": ExportedCtc,
    "Transformer": ExportedCtc,
    "Conformer": ExportedCtc,
    "Branchformer": ExportedCtc,
    "EBranchformer": ExportedCtc,
    "CTTransformer": ExportedPunctuation,
    "CTTransformerStreaming": ExportedPunctuation,
    "MonotonicAligner": ExportedAligner,
    "CAMPPlus": ExportedEmbedder,
}
VAD = "FsmnVADStreaming"
STREAM = "ParaformerStreaming"


def load_exported(
    directory: str | Path,
    files: ExportedFiles,
    overrides: Mapping[str, Any] | None = None,
    device: str = "cpu",
    num_threads: int | None = None,
) -> LoadedModel:
    """The network behind the same protocol as the one it was made from, its frontend and its tokenizer."""
    routed = route_to_exported(configuration.load(directory), overrides or {})
    config = configuration.load(directory, routed)
    name = str(config.values.get("model"))
    if name not in (*NETWORKS, VAD, STREAM):
        known = ", ".join((*NETWORKS, VAD, STREAM))
        raise ModelError(f"{files.main}: a model of class {name} is not run from an export; {known} are")
    frontend, tokenizer = build.build_input(config), build.build_tokenizer(config)
    sessions = {part: _session(files.kind, path, device) for part, path in files.paths.items()}
    threads = cores(num_threads) if device == "cpu" and files.kind == "onnx" else 1
    network: Any
    if name == VAD:
        options = VadOptions(**build.keywords_for(VadOptions, config, "model_conf"))
        network = ExportedVad(sessions, options, config.section("encoder_conf"), threads)
    elif name == STREAM:
        network = ExportedParaformerStreaming(sessions, config.values, frontend.output_size(), threads)
    else:
        network = NETWORKS[name](sessions, config.section("model_conf"), threads)
    build.tell_tags(network, tokenizer)
    return LoadedModel(Path(directory), config, network, frontend, tokenizer, files.main)


def _session(kind: str, path: Path, device: str) -> Session:
    if kind == "onnx":
        return OnnxSession(path, device)
    from asrtools.runtime.torchscript import TorchscriptSession

    return TorchscriptSession(path, device)


def route_to_exported(config: Config, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides with each flat key under its section; the network itself is settled, and takes none."""
    components: dict[str, type] = {}
    for part, table in build.INPUTS.items():
        name = config.values.get(part)
        if isinstance(name, str) and name:
            components[f"{part}_conf"] = getattr(tables, table).find(name)
    if config.values.get("model") == VAD:
        components["model_conf"] = VadOptions
    routed = build.route(overrides, components)
    for key in routed:
        if "." in key and key.partition(".")[0] not in components:
            raise ConfigError(f"++{key}: an exported network is as it was made; give the model that it came from")
    return routed
