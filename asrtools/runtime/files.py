"""Which of a directory's files an exported model is, and whether it is to be run in the place of model.pt."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asrtools.errors import ModelError

KINDS = ("onnx", "torchscript")
SUFFIX = {"fp32": "", "int8": "_quant", "fp16": "_fp16"}
MAIN = "model"
PARTS = (MAIN, "model_eb", "decoder")
PARAMETERS = "model.pt"


@dataclass(frozen=True)
class ExportedFiles:
    """The files of one export."""

    kind: str
    paths: Mapping[str, Path]  # by the name of the network: model, and model_eb or decoder where there is one

    @property
    def main(self) -> Path:
        return self.paths[MAIN]


def exported_files(
    directory: str | Path, checkpoint: str | Path | None = None, dtype: str = "fp32"
) -> ExportedFiles | None:
    """The export to run; None where torch runs the model from its parameters.

    A file named as `checkpoint` decides. Otherwise parameters come first where torch is there, then the export in the
    precision that is asked for, then any.
    """
    directory = Path(directory)
    if checkpoint is not None:
        path = Path(checkpoint)
        kind = path.suffix.removeprefix(".")
        if kind not in KINDS:
            return None
        ending = path.stem.removeprefix(MAIN)
        if not path.is_file() or not path.stem.startswith(MAIN) or ending not in SUFFIX.values():
            raise ModelError(f"{path}: is no export; a file such as model.onnx or model_quant.onnx is wanted")
        return ExportedFiles(kind, _parts(path.parent, kind, ending))
    if (directory / PARAMETERS).is_file() and has_torch():
        return None
    for kind in KINDS:
        for ending in dict.fromkeys((SUFFIX.get(dtype, ""), *SUFFIX.values())):
            if (directory / f"{MAIN}{ending}.{kind}").is_file():
                return ExportedFiles(kind, _parts(directory, kind, ending))
    return None


def _parts(directory: Path, kind: str, ending: str) -> dict[str, Path]:
    paths = {name: directory / f"{name}{ending}.{kind}" for name in PARTS}
    return {name: path for name, path in paths.items() if path.is_file()}


def has_torch() -> bool:
    """Without importing it."""
    try:
        return importlib.util.find_spec("torch") is not None
    except (ImportError, ValueError):
        return False
