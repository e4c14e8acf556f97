"""huggingface, through its own client; what arrives is checked here, for that takes any bytes of the right length."""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asrtools.errors import HubError
from asrtools.hub import receipt
from asrtools.hub.place import announce

NAME = "huggingface"
OTHER_HUB = "ms"
DEFAULT_REVISION = "main"
OFFLINE_NAMES = ("HF_HUB_OFFLINE",)
TRIES = 3  # for a file that arrives damaged
BLOCK = 1 << 20


def cached(model_id: str, revision: str) -> Path | None:
    """Where a model lies in huggingface's cache, whole or in part."""
    module = _client()
    try:
        return Path(module.snapshot_download(model_id, revision=revision, local_files_only=True))
    except (module.errors.LocalEntryNotFoundError, OSError, ValueError):
        return None


def fetch(model_id: str, revision: str, to: Path | None) -> Path:
    """All files of a model, each checked against the hub's sha256 (git's sha1 for small ones)."""
    module = _client()
    api = module.HfApi(library_name="asrtools")
    commit = _asked(module, model_id, revision, lambda: str(api.model_info(model_id, revision=revision).sha))
    files = _asked(module, model_id, revision, lambda: _listing(api, model_id, commit))
    sizes = {name: file.size for name, file in files.items()}
    announce(model_id, NAME, sizes, to or Path(module.constants.HF_HUB_CACHE))
    if to is not None:
        receipt.begin(to, model_id, revision)
    # one by one: the client's own pool for many does not end before its transfers do when a user presses Ctrl-C
    for name in sizes:
        # by the name asked for, so that the cache notes what it stands for
        found = revision if name == next(iter(sizes)) else commit
        path = _fetch_file(module, model_id, found, name, files[name], to)
    folder = to or Path(str(path).removesuffix(f"/{name}"))
    receipt.write(folder, model_id, revision, sizes)
    return folder


def _fetch_file(module: Any, model_id: str, revision: str, name: str, about: Any, to: Path | None) -> Path:
    for _ in range(TRIES):
        path = Path(
            _asked(
                module,
                model_id,
                revision,
                lambda: module.hf_hub_download(
                    model_id, name, revision=revision, local_dir=to, library_name="asrtools"
                ),
            )
        )
        if _is_sound(path, about):
            return path
        _remove(path)
    raise HubError(
        f"{model_id}: {name} arrived damaged each time (the checksum is not the hub's); "
        "try again later or take --hub ms"
    )


def unreachable(model_id: str) -> HubError:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    return HubError(
        f"{model_id}: it is not in the cache and huggingface ({endpoint}) cannot be reached; check the network "
        "(HF_ENDPOINT names a mirror), or fetch it elsewhere with `download --to DIR` and give DIR as the model"
    )


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise HubError(
            "--hub hf: huggingface_hub is not installed; `utils/setup.sh --extras hf` installs it"
        ) from error
    from huggingface_hub.utils import disable_progress_bars

    if sys.stderr is None or not sys.stderr.isatty():
        disable_progress_bars()
    huggingface_hub.logging.set_verbosity_error()
    return huggingface_hub


def _listing(api: Any, model_id: str, commit: str) -> dict[str, Any]:
    tree = api.list_repo_tree(model_id, recursive=True, revision=commit)
    files = {entry.path: entry for entry in tree if hasattr(entry, "size")}  # a folder has none
    if not files:
        raise HubError(f"{model_id}: huggingface lists no files in it; is the id right?")
    return files


def _is_sound(path: Path, file: Any) -> bool:
    try:
        if path.stat().st_size != file.size:
            return False
        if file.lfs is not None:
            return _digest(path, hashlib.sha256()) == file.lfs.sha256
        return _digest(path, hashlib.sha1(f"blob {file.size}\0".encode())) == file.blob_id  # as git names it
    except OSError:
        return False


def _digest(path: Path, digest: Any) -> str:
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return str(digest.hexdigest())


def _remove(path: Path) -> None:
    """A file of a snapshot, and what the link that it is points to."""
    if path.is_symlink():
        path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _asked(module: Any, model_id: str, revision: str, request: Callable[[], Any]) -> Any:
    """What a request gives; its failures as one sentence."""
    errors = module.errors
    try:
        return request()
    except HubError:
        raise
    except errors.GatedRepoError as error:
        raise HubError(
            f"{model_id}: huggingface wants its terms accepted first; "
            f"do so at https://huggingface.co/{model_id} and set HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(
            f"{model_id}: huggingface has no revision {revision!r} of it; "
            f"see https://huggingface.co/{model_id}/tree/main for those it has"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(f"{model_id}: huggingface has no such model, or HF_TOKEN may not read it") from error
    except errors.LocalEntryNotFoundError as error:
        raise unreachable(model_id) from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "an error")
        name = str(getattr(error.response, "url", "")).partition("/resolve/")[2].partition("/")[2]
        where = f" for {name}, which it lists" if name else ""
        raise HubError(f"{model_id}: huggingface answers {status}{where}; try again later or take --hub ms") from error
    except Exception as error:  # the client lets its transport's failures through, whose classes differ by its version
        if isinstance(error, OSError) and error.filename:
            raise HubError(f"{error.filename}: cannot be written ({error.strerror}); is there room?") from error
        if any(word in type(error).__name__ for word in ("Connect", "Timeout", "Proxy", "Offline")):
            raise unreachable(model_id) from error
        cause = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise HubError(f"{model_id}: the transfer broke off ({cause}); run it again") from error
