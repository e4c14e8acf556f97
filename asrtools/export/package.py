"""A model directory to a directory that runtimes load: the network's files, what stands beside them, a manifest."""

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from asrtools import __version__
from asrtools.build import LoadedModel
from asrtools.errors import ConfigError, ModelError
from asrtools.export.graph import Graph
from asrtools.export.graph_table import graphs_of
from asrtools.export.onnx import convert_fp16, finish, quantize_int8, write_onnx
from asrtools.export.parity import Parity, check, compare, generated, runs
from asrtools.export.runtime_metadata import tokens_of
from asrtools.io.text_file import atomic_write
from asrtools.runtime.files import SUFFIX
from asrtools.runtime.session import FACTS

MANIFEST = "export_manifest.json"
FORMATS = ("onnx", "torchscript")
NOT_TAKEN_ALONG = (".pt", ".onnx", ".npz", ".wav", ".pth", ".bin", ".safetensors", ".torchscript", ".tmp")
OF_TRAINING = ("log.txt", "log.jsonl", "preflight.json")
TOKENS = "tokens.txt"  # of sherpa-onnx
PIECES = "chn_jpn_yue_eng_ko_spectok.bpe.model"  # of funasr-onnx
MOST_BYTES = 50 << 20  # of a file that is taken along


@dataclass(frozen=True)
class Exported:
    directory: Path
    files: tuple[Path, ...]  # of the network
    parity: tuple[Parity, ...]  # of each


def export_model(
    model: LoadedModel,
    output_dir: str | Path | None = None,
    kind: str = "onnx",
    precision: str = "fp32",
    opset: int = 14,
    feats: Sequence[np.ndarray] = (),
) -> Exported:
    """Write a model for other runtimes; nothing appears unless it does what the model does.

    `feats`: of the recordings that are compared on; without them a generated one is.
    """
    if kind not in FORMATS:
        raise ConfigError(f"format is {kind!r}; should be {' or '.join(FORMATS)}")
    if precision not in SUFFIX:
        raise ConfigError(f"quantize is {precision!r}; should be int8 or fp16")
    if kind == "torchscript" and precision != "fp32":
        raise ConfigError(f"torchscript is written in fp32 only, and {precision} is asked for; take onnx")
    graphs = graphs_of(model)
    directory = place_for(model.directory, output_dir)
    feats = list(feats) or generated(model)
    written, found = [], []
    with tempfile.TemporaryDirectory(dir=directory, prefix=".export") as scratch:
        for graph in graphs:
            path = Path(scratch) / f"{graph.name}{SUFFIX[precision]}.{kind}"
            _write(graph, path, kind, precision, opset)
            parity = compare(graph, runs(path, graph), model, feats)
            check(parity, precision, directory / path.name)
            written.append(path)
            found.append(parity)
        manifest = _manifest(model, graphs, written, found, kind, precision, opset)
        beside = [*copy_beside(model.directory, directory), *write_vocabulary(model, directory)]
        for path in written:
            os.replace(path, directory / path.name)
        manifest["files"] += [_facts(directory / name) for name in beside]
        draft = Path(scratch) / MANIFEST
        draft.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        os.replace(draft, directory / MANIFEST)
    return Exported(directory, tuple(directory / path.name for path in written), tuple(found))


def place_for(model: Path, output_dir: str | Path | None) -> Path:
    """Where it is asked for, else beside the model, else (that is read-only) in the working directory."""
    if output_dir is None:
        directory = model if os.access(model, os.W_OK) else Path.cwd() / f"{model.resolve().name}-exported"
    else:
        directory = Path(output_dir)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{directory}: cannot be made ({error.strerror}); choose another --output-dir") from error
    if not os.access(directory, os.W_OK):
        raise ConfigError(f"{directory}: cannot be written to; choose another --output-dir")
    return directory


def copy_beside(source: Path, directory: Path) -> list[str]:
    """What a runtime wants beside the network: configuration, statistics, vocabulary."""
    names = []
    for path in sorted(source.iterdir()):
        is_wanted = path.is_file() and path.name not in OF_TRAINING and not path.name.startswith((".", "model.pt"))
        if not is_wanted or path.suffix in NOT_TAKEN_ALONG or path.name.endswith(MANIFEST):
            continue
        if path.stat().st_size > MOST_BYTES:
            continue
        names.append(path.name)
        if directory.resolve() != source.resolve():
            shutil.copyfile(path, directory / path.name)
    config = directory / "config.yaml"
    if directory.resolve() != source.resolve() and config.is_file():
        _complete(config)
    return names


def write_vocabulary(model: LoadedModel, directory: Path) -> list[str]:
    """The vocabulary as lines of `symbol id`, and sentencepieces under the name that SenseVoice's have.

    A file of that name that is the model's own stays.
    """
    names = []
    tokens = tokens_of(model)
    if tokens is not None and not (model.directory / TOKENS).is_file():
        with atomic_write(directory / TOKENS) as file:
            file.writelines(f"{token} {index}\n" for index, token in enumerate(tokens))
        names.append(TOKENS)
    pieces = getattr(model.tokenizer, "bpemodel", None)
    if model.name == "SenseVoiceSmall" and pieces and not (model.directory / PIECES).is_file():
        shutil.copyfile(pieces, directory / PIECES)
        names.append(PIECES)
    return names


def _complete(config: Path) -> None:
    """What other runtimes look up without a default."""
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    if isinstance(values, dict) and "model_conf" not in values:
        values["model_conf"] = {}
        config.write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _write(graph: Graph, path: Path, kind: str, precision: str, opset: int) -> None:
    if kind == "torchscript":
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about what is compared afterwards
            traced = torch.jit.trace(graph.network, tuple(graph.inputs.values()), check_trace=False)
        facts = {**graph.facts, **{name: list(getattr(graph, name)) for name in ("inputs", "outputs", "hidden")}}
        torch.jit.save(traced, str(path), _extra_files={FACTS: json.dumps(facts)})
        return
    _wants_onnx()
    if precision == "fp32":
        write_onnx(graph, path, opset)
        finish(graph, path)
        return
    full = path.with_name(f"full-{path.name}")
    write_onnx(graph, full, opset)
    (quantize_int8 if precision == "int8" else convert_fp16)(full, path)
    full.unlink()
    finish(graph, path)


def _wants_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"export to onnx wants the package {error.name}; run utils/setup.sh --extras onnx, or take torchscript"
        ) from error


def _manifest(
    model: LoadedModel,
    graphs: Sequence[Graph],
    paths: Sequence[Path],
    found: Sequence[Parity],
    kind: str,
    precision: str,
    opset: int,
) -> dict[str, Any]:
    libraries = ("torch", "onnx", "onnxruntime", "numpy") if kind == "onnx" else ("torch", "numpy")
    return {
        "model": model.name,
        "format": kind,
        "precision": precision,
        "opset": opset if kind == "onnx" else None,
        "parameters_sha256": model.parameter_hash(),
        "versions": {"asrtools": __version__, **{name: version(name) for name in libraries}},
        "networks": [
            {
                "file": path.name,
                "inputs": {name: _shape(graph, name, value) for name, value in graph.inputs.items()},
                "outputs": list(graph.outputs),
                "verified": parity.figures(),
            }
            for graph, path, parity in zip(graphs, paths, found, strict=True)
        ],
        "files": [_facts(path) for path in paths],
    }


def _shape(graph: Graph, name: str, value: torch.Tensor) -> dict[str, Any]:
    axes = graph.axes.get(name, {})
    shape = [axes.get(index, size) for index, size in enumerate(value.shape)]
    return {"type": str(value.dtype).removeprefix("torch."), "shape": shape}


def _facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
