"""AutoModel, the documented Python face: a thin layer over `config`, `build` and `tasks`."""

from typing import Any

from asrtools import __version__, config
from asrtools.errors import ModelError


class AutoModel:
    """`AutoModel(model=DIR, ...)`: a model directory, its configuration resolved with the overrides given."""

    def __init__(self, model: str, **overrides: Any):
        read = config.load(model, overrides)
        raise ModelError(
            f"{model}: its model {read.values.get('model')!r} cannot be used, "
            f"since recognition is not part of asrtools {__version__} yet"
        )
