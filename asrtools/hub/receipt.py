"""The note in a finished download: what was fetched and how large each file is.

A directory with it needs no request to a hub to be known as complete.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asrtools.errors import DataError
from asrtools.io.text_file import atomic_write

NAME = ".asrtools.json"


def begin(folder: Path, model_id: str, revision: str) -> None:
    """Note what a folder is going to hold, so that an interrupted download can go on there."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, model_id, revision, {})


def write(folder: Path, model_id: str, revision: str, sizes: Mapping[str, int]) -> None:
    """Note that `folder` holds all of a model; left out where the place is read-only."""
    content = {"id": model_id, "revision": _revision_of(folder, revision), "sizes": dict(sorted(sizes.items()))}
    with contextlib.suppress(DataError), atomic_write(folder / NAME) as out:
        json.dump(content, out, ensure_ascii=False, indent=1)


def is_complete(folder: Path, model_id: str, revision: str) -> bool:
    """Whether a finished download of that model and revision lies there, with every file of its size."""
    content = read(folder)
    if (content.get("id"), content.get("revision")) != (model_id, _revision_of(folder, revision)):
        return False
    sizes = content.get("sizes")
    return isinstance(sizes, dict) and bool(sizes) and all(_size(folder / file) == sizes[file] for file in sizes)


def read(folder: Path) -> dict[str, Any]:
    """What the note says; empty where there is none."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _revision_of(folder: Path, revision: str) -> str:
    """In the hubs' caches a folder bears the name of what it holds, whatever name it was asked for by."""
    return folder.name if folder.parent.name == "snapshots" else revision


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
