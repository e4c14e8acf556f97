"""An exported network of the other kind, which torch runs."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asrtools.errors import ConfigError, DataError, ModelError
from asrtools.runtime.session import FACTS


class TorchscriptSession:
    """A traced file; it holds the names of its inputs and outputs beside what it computes."""

    def __init__(self, path: Path, device: str = "cpu"):
        extra = {FACTS: ""}
        self.device = torch.device(device)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._module = torch.jit.load(str(path), map_location=self.device, _extra_files=extra)
        except (RuntimeError, ValueError) as error:
            cause = " ".join(str(error).split())[:200]
            raise ModelError(f"{path}: torch cannot load it ({cause})") from error
        if not extra[FACTS]:
            raise ConfigError(f"{path}: does not say what its inputs and outputs are; export the model anew")
        self.facts: Mapping[str, Any] = json.loads(extra[FACTS])
        self.inputs = tuple(self.facts["inputs"])
        self.outputs = (*self.facts["outputs"], *self.facts.get("hidden", ()))

    def __call__(self, values: Mapping[str, np.ndarray], hidden: Sequence[str] = ()) -> dict[str, np.ndarray]:
        tensors = [torch.from_numpy(np.ascontiguousarray(values[name])).to(self.device) for name in self.inputs]
        try:
            with torch.inference_mode():
                found = self._module(*tensors)
        except RuntimeError as error:
            cause = " ".join(str(error).split())[:200]
            if "memory" in cause.lower():
                raise MemoryError(cause) from error
            raise DataError(f"the network failed on it ({type(error).__name__}: {cause})") from error
        found = found if isinstance(found, tuple) else (found,)
        return {name: one.cpu().numpy() for name, one in zip(self.outputs, found, strict=True)}
