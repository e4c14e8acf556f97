"""An exported network: arrays in, arrays out, by onnxruntime or (torchscript) by torch."""

import functools
import json
import platform
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from asrtools.errors import ConfigError, DataError, ModelError

FACTS = "asrtools"  # the entry of a file's metadata that says what its inputs and outputs do not
_NO_MEMORY = ("allocate memory", "bad allocation", "out of memory")


class Session(Protocol):
    facts: Mapping[str, Any]
    inputs: tuple[str, ...]

    def __call__(self, values: Mapping[str, np.ndarray], hidden: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """The published outputs by name, and those `hidden` ones that the file has."""
        ...


class OnnxSession:
    """A file run by onnxruntime, in one thread: several utterances at once are several calls."""

    def __init__(self, path: Path, device: str = "cpu", num_threads: int = 1):
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(f"{path}: wants the package onnxruntime; run utils/setup.sh --extras onnx") from error
        self.path = path
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = num_threads
        self._options.inter_op_num_threads = 1
        self._options.log_severity_level = 3
        # a plan is kept for every length that comes, and they would be without number
        self._options.enable_mem_pattern = False
        if overflows():
            self._options.add_session_config_entry("session.x64quantprecision", "1")  # half as fast, and right
        self._providers = _providers(device, onnxruntime.get_available_providers())
        self._session = self._open(str(path))
        self._is_extended = False
        self._lock = threading.Lock()
        self.inputs = tuple(one.name for one in self._session.get_inputs())
        self.outputs = tuple(one.name for one in self._session.get_outputs())
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.facts: Mapping[str, Any] = json.loads(metadata.get(FACTS, "{}"))

    def _open(self, model: str | bytes) -> Any:
        import onnxruntime

        try:
            return onnxruntime.InferenceSession(model, self._options, providers=self._providers)
        except Exception as error:  # onnxruntime's own have no class in common
            cause = " ".join(str(error).split())[:200]
            raise ModelError(f"{self.path}: onnxruntime cannot load it ({cause})") from error

    def __call__(self, values: Mapping[str, np.ndarray], hidden: Sequence[str] = ()) -> dict[str, np.ndarray]:
        known = self.facts.get("hidden", ())
        wanted = [*self.outputs, *(name for name in hidden if name in known)]
        if len(wanted) > len(self.outputs):
            with self._lock:  # several utterances at once
                if not self._is_extended:
                    self._session = self._open(self.path.read_bytes() + more_outputs(known))
                    self._is_extended = True
        try:
            found = self._session.run(wanted, {name: values[name] for name in self.inputs})
        except Exception as error:  # as above
            cause = " ".join(str(error).split())[:200]
            if any(words in cause.lower() for words in _NO_MEMORY):
                raise MemoryError(cause) from error
            raise DataError(f"the network failed on it ({type(error).__name__}: {cause})") from error
        return dict(zip(wanted, found, strict=True))


@functools.cache
def overflows() -> bool:
    """Whether the processor adds pairs of products in 16 bits, which signed weights can overflow: x86 without VNNI."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        return "vnni" not in Path("/proc/cpuinfo").read_text()
    except OSError:
        return True


def _providers(device: str, available: Sequence[str]) -> list[str]:
    if not device.startswith("cuda"):
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in available:
        raise ConfigError(f"device {device}: the onnxruntime that is installed runs on a CPU only; choose cpu")
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]


def more_outputs(names: Sequence[str]) -> bytes:
    """What makes outputs of tensors inside a graph when it stands after the bytes of an ONNX file.

    Of two messages on end protocol buffers make one, whose lists are those of both. The published outputs stay what
    other runtimes expect, and a token's time can be had all the same.
    """
    graph = b"".join(_field(12, _field(1, name.encode())) for name in names)  # GraphProto.output: ValueInfoProto.name
    return _field(7, graph)  # ModelProto.graph


def _field(number: int, content: bytes) -> bytes:
    if len(content) > 127 or number > 15:
        raise ValueError(f"{len(content)} bytes in field {number}; lengths and tags of one byte are written here")
    return bytes([number << 3 | 2, len(content)]) + content
