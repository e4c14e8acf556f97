"""Models defined in a file outside the package: found, imported, and met under the names that published ones import."""

import contextlib
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from asrtools.errors import ModelError
from asrtools.io.url import fetch, is_url

FUNASR = "funasr"


def import_model_file(name: str | Path, directory: Path) -> None:
    """Run a file that registers a model: relative to the working directory, then to the model's, or a URL.

    What it requires beyond this package is named when it is missing, and never installed.
    """
    path = _find(name, directory)
    module = f"asrtools_outside_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if module in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(module, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path}: is no Python file; the file that defines the model is wanted")
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    try:
        with funasr_names(), _on_path(path.parent):
            spec.loader.exec_module(made)
    except ImportError as error:
        sys.modules.pop(module, None)
        raise ModelError(f"{path}: {error}{_requirements(path.parent, directory)}") from error
    except Exception as error:  # whatever a file of someone else's does
        sys.modules.pop(module, None)
        raise ModelError(f"{path}: cannot be imported ({type(error).__name__}: {error})") from error


@contextlib.contextmanager
def funasr_names() -> Iterator[None]:
    """While it lasts, `funasr.register` and the few others that model files import are ours, installed or not."""
    from asrtools.outside.funasr_modules import make_modules

    modules = make_modules()
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == FUNASR}
    for name in before:
        del sys.modules[name]
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == FUNASR]:
            del sys.modules[name]
        sys.modules.update(before)


@contextlib.contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


def _find(name: str | Path, directory: Path) -> Path:
    if is_url(str(name)):
        return fetch(str(name))
    for folder in (Path(), directory):
        path = folder / os.path.expanduser(str(name))
        if path.is_file():
            return path.resolve()
    raise ModelError(f"{name}: there is no such file, neither here nor in {directory}; the model's own file is wanted")


def _requirements(*folders: Path) -> str:
    for folder in folders:
        file = folder / "requirements.txt"
        if file.is_file():
            return f"; it says what it needs in {file}: {', '.join(file.read_text(encoding='utf-8').split())}"
    return "; install what it needs"
