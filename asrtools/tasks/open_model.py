"""From a model directory to what runs it: torch with the parameters, or (an export) onnxruntime without torch."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asrtools import build, config
from asrtools.build import LoadedModel
from asrtools.errors import ConfigError
from asrtools.models.protocols import Decoded, DecodeOptions, Firing, StreamingRecognizer
from asrtools.runtime.files import exported_files
from asrtools.runtime.load import load_exported, route_to_exported
from asrtools.runtime.runner import ExportAligner, ExportEmbedder, ExportRunner, ExportScorer


def open_model(
    directory: str | Path,
    overrides: Mapping[str, Any] | None = None,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    num_threads: int | None = None,
    dtype: str = "fp32",
) -> tuple[LoadedModel, str]:
    """Load a model, and the device it is on; `overrides` with flat keys, as users give them."""
    files = exported_files(directory, checkpoint, dtype)
    if files is not None and files.kind == "onnx":
        device = "cpu" if device == "auto" else device
        return load_exported(directory, files, overrides, device, num_threads), device
    from asrtools.layers.precision import kind_here
    from asrtools.models.runner import choose_device, set_threads

    device = choose_device(device)
    set_threads(num_threads)
    if files is not None:
        return load_exported(directory, files, overrides, device, num_threads), device
    if kind_here(dtype, device) != dtype:
        sys.stderr.write(f"{directory}: this processor has no products in {dtype}, so they are taken in float32\n")
    routed = build.route_to_model(config.load(directory), overrides or {})
    return build.load_model(directory, routed, checkpoint, device=device, dtype=dtype), device


def knows(directory: str | Path, name: str) -> bool:
    """Whether a flat key is one of that model's."""
    route = build.route_to_model if exported_files(directory) is None else route_to_exported
    try:
        route(config.load(directory), {name: None})
    except ConfigError:
        return False
    return True


def is_export(network: Any) -> bool:
    return type(network).__module__.startswith("asrtools.runtime.")


def runner_of(network: Any, device: str) -> Callable[[Sequence[np.ndarray], DecodeOptions], list[tuple[Decoded, ...]]]:
    """What runs a recogniser on features [T, D] of several utterances."""
    if is_export(network):
        return ExportRunner(network)
    from asrtools.models.runner import Runner

    return Runner(network, device)


def stream_runner_of(network: StreamingRecognizer, device: str) -> Any:
    """What runs a network that recognises streams."""
    if is_export(network):
        return network
    from asrtools.models.runner import StreamRunner

    return StreamRunner(network, device)


def scorer_of(network: Any, device: str) -> Callable[..., tuple[np.ndarray, object]]:
    """What runs voice activity."""
    if is_export(network):
        return ExportScorer(network)
    from asrtools.models.fsmn_vad.scorer import SilenceScorer

    return SilenceScorer(network, device)


def align_runner_of(network: Any, device: str) -> Callable[[Sequence[np.ndarray], Sequence[int]], list[Firing]]:
    """What runs an aligner."""
    if is_export(network):
        return ExportAligner(network)
    from asrtools.models.monotonic_aligner.runner import AlignRunner

    return AlignRunner(network, device)


def embedder_of(network: Any, device: str) -> Any:
    """What runs a network that embeds."""
    if is_export(network):
        return ExportEmbedder(network)
    from asrtools.models.embedding import EmbeddingRunner

    return EmbeddingRunner(network, device)
