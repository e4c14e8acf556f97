"""Parameters from and to files; the one place that calls torch.load.

Strict: every parameter and buffer is matched, or a ModelError lists what is missing, unexpected or of another shape.
Weights only: a file whose pickle wants to run code is refused.
"""

import difflib
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from asrtools.errors import ModelError

WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys under which trainers keep the parameters
GIT_LFS = b"version https://git-lfs"
MOST_NAMED = 5  # names of each kind in a message
_CODE = re.compile(r"(?:GLOBAL|[Uu]nsupported class|but got) (?:<class ')?([\w.]*\w)")  # what torch says it refuses

Network = TypeVar("Network", bound=nn.Module)


def build_empty(make: Callable[[], Network]) -> Network:
    """A network without storage, so that nothing is drawn at random only to be replaced."""
    with torch.device("meta"), _Undrawn():
        return make()


class _Undrawn(TorchFunctionMode):
    """Leaves parameters as they are made, for to draw them without storage imports torch's compiler: two seconds."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def load_parameters(network: nn.Module, path: str | Path, allow_partial: bool = False, prefix: str = "") -> list[str]:
    """Fill a network from a file, in evaluation mode; the names that `allow_partial` left as they were.

    A network from `build_empty` takes the tensors of the file themselves, mapped into memory. `prefix` stands before
    the names in a file that was saved with more than this network, and need not be there.
    """
    state = read_state(path)
    if prefix and all(name.startswith(prefix) for name in state):
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    wanted = {**dict(network.named_parameters(remove_duplicate=False)), **dict(network.named_buffers())}
    wanted = {name: wanted[name] for name in network.state_dict()}
    problems = mismatches(wanted, state)
    if any(problems) and not allow_partial:
        raise ModelError(f"{path}: {describe(*problems, len(wanted))}")
    fitting = {name: tensor for name, tensor in state.items() if name in wanted and name not in problems[2]}
    left = [name for name in wanted if name not in fitting]
    if not fitting:
        raise ModelError(f"{path}: none of its {len(state)} parameters fits this model; is it another model's?")
    is_empty = [name for name in left if wanted[name].is_meta]
    if is_empty:
        raise ModelError(f"{path}: {describe(*problems, len(wanted))}")
    fitting = {name: tensor.to(wanted[name].dtype) for name, tensor in fitting.items()}
    network.load_state_dict(fitting, strict=False, assign=any(tensor.is_meta for tensor in wanted.values()))
    network.requires_grad_(True)
    network.eval()
    return left


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The parameters of a checkpoint file by name, without wrappers and without the prefix `module.`."""
    content = read_file(path)
    for wrapper in WRAPPERS:
        inner = content.get(wrapper)
        if isinstance(inner, Mapping) and inner and not isinstance(inner, nn.Module):
            content = inner
    state = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise ModelError(f"{path}: holds no parameters; a file such as model.pt is expected")
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return state


def read_file(path: str | Path) -> dict[str, Any]:
    """What a checkpoint file holds; only tensors and plain values are taken from it."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); a checkpoint file is expected") from error
    if size == 0:
        raise ModelError(f"{path}: is empty (0 bytes); fetch it again")
    if head.startswith(GIT_LFS):
        raise ModelError(f"{path}: is a git-lfs pointer, not the weights; fetch them with `git lfs pull`")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except MemoryError:
        raise
    except Exception as error:  # of a file that is none it raises whatever comes
        found = _CODE.search(str(error)) if isinstance(error, pickle.UnpicklingError) else None
        if found is not None:
            raise ModelError(
                f"{path}: its pickle holds more than weights ({found[1]}), and code from a file is not run; "
                "save its state_dict alone and give that"
            ) from error
        raise ModelError(f"{path}: is no checkpoint, or damaged; a file such as model.pt is wanted") from error
    if not isinstance(content, Mapping):
        raise ModelError(f"{path}: holds a {type(content).__name__}; parameters by name are expected")
    return dict(content)


def mismatches(
    wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]
) -> tuple[list[str], list[str], dict[str, tuple[tuple[int, ...], tuple[int, ...]]]]:
    """Names missing from `state`, names it has too many, and by name the shapes wanted and found that differ."""
    missing = [name for name in wanted if name not in state]
    unexpected = [name for name in state if name not in wanted]
    shapes = {
        name: (tuple(tensor.shape), tuple(state[name].shape))
        for name, tensor in wanted.items()
        if name in state and tensor.shape != state[name].shape
    }
    return missing, unexpected, shapes


def describe(
    missing: list[str],
    unexpected: list[str],
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]],
    num_wanted: int,
) -> str:
    """One sentence on parameters that do not match."""
    parts = []
    if missing:
        parts.append(
            f"{len(missing)} of {num_wanted} parameters are missing ({_some(_with_near(missing, unexpected))})"
        )
    if unexpected:
        parts.append(f"{len(unexpected)} are unexpected ({_some(unexpected)})")
    if shapes:
        shown = [f"{name} is {list(there)}, should be {list(wanted)}" for name, (wanted, there) in shapes.items()]
        parts.append(f"{len(shapes)} have another shape ({_some(shown)})")
    return "; ".join(parts) + "; it should be the checkpoint of this directory's config.yaml"


def save_atomically(content: Mapping[str, Any], path: str | Path) -> None:
    """Write a checkpoint that appears under its name when it is complete."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: cannot be written ({cause}); is there room on the disk?") from error
    finally:
        temporary.unlink(missing_ok=True)


def _with_near(missing: Iterable[str], unexpected: list[str]) -> list[str]:
    shown = []
    for name in missing:
        near = difflib.get_close_matches(name, unexpected, n=1, cutoff=0.8)
        shown.append(f"{name} (there is {near[0]})" if near and len(shown) < MOST_NAMED else name)
    return shown


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
