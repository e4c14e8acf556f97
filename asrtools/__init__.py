"""asrtools: a speech-recognition suite for the command line.

from asrtools import AutoModel
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asrtools.auto import AutoModel

__version__ = "0.1.0"
__all__ = ["AutoModel"]


def __getattr__(name: str) -> Any:  # late, so that `asrtools.errors` does not bring everything in
    if name == "AutoModel":
        from asrtools.auto import AutoModel

        return AutoModel
    raise AttributeError(f"module 'asrtools' has no attribute {name!r}")
