"""modelscope, through its own light client, which resumes, checks sha256 and locks each file."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asrtools.errors import HubError
from asrtools.hub import receipt
from asrtools.hub.place import announce, quiet_bars

NAME = "modelscope"
OTHER_HUB = "hf"
DEFAULT_REVISION = "master"
OFFLINE_NAMES = ()


def cached(model_id: str, revision: str) -> Path | None:
    """Where a model lies in modelscope's cache, whole or in part; layouts of older clients are looked for too."""
    module, config = _client()
    owner, _, name = model_id.partition("/")
    folders = [_new_place(config.cache_dir, model_id, revision)]
    if revision == DEFAULT_REVISION:  # the older layouts do not say which revision they hold
        older = name.replace(".", "___")
        owners = [owner, "damo"] if owner == "iic" else [owner]
        places = ("models", "hub/models", "hub", "")
        folders += [config.cache_dir / place / each / older for place in places for each in owners]
    return next((folder for folder in folders if folder.is_dir() and any(folder.iterdir())), None)


def fetch(model_id: str, revision: str, to: Path | None) -> Path:
    """All files of a model, each checked against the hub's sha256."""
    module, config = _client()
    api = module.HubApi(config)
    files = _asked(module, model_id, lambda: _listing(module, api, model_id, revision))
    sizes = {file.path: file.size for file in files}
    # named in full: left to itself the client puts any revision into a folder of the older layouts
    folder = to or cached(model_id, revision) or _new_place(config.cache_dir, model_id, revision)
    announce(model_id, NAME, sizes, folder)
    if to is not None:
        receipt.begin(folder, model_id, revision)
    entries = [{"Path": file.path, "Size": file.size, "Sha256": file.sha256, "Type": "blob"} for file in files]
    _asked(
        module,
        model_id,
        lambda: api.download_repo(model_id, "model", revision=revision, local_dir=folder, file_list=entries),
    )
    receipt.write(folder, model_id, revision, sizes)
    return folder


def _new_place(cache: Path, model_id: str, revision: str) -> Path:
    return cache / "models" / model_id.replace("/", "--") / "snapshots" / revision


def _client() -> tuple[Any, Any]:
    """The client and its settings as the environment has them now."""
    with quiet_bars():
        import modelscope_hub
    logging.getLogger("modelscope_hub").setLevel(logging.CRITICAL)  # what goes wrong comes as an exception
    return modelscope_hub, modelscope_hub.HubConfig()


def _listing(module: Any, api: Any, model_id: str, revision: str) -> list[Any]:
    try:
        files = api.list_repo_files(model_id, "model", revision=revision)
    except module.NotExistError as error:
        if revision != DEFAULT_REVISION and _exists(module, api, model_id):
            raise HubError(
                f"{model_id}: modelscope has no revision {revision!r} of it; "
                f"see https://modelscope.cn/models/{model_id}/files for those it has"
            ) from error
        raise
    files = [file for file in files if file.type != "tree"]
    for file in files:
        if Path(file.path).is_absolute() or ".." in Path(file.path).parts:
            raise HubError(f"{model_id}: modelscope lists a file outside of it, {file.path!r}; nothing was fetched")
    if not files:
        raise HubError(f"{model_id}: modelscope lists no files in it; is the id right?")
    return files


def _exists(module: Any, api: Any, model_id: str) -> bool:
    try:
        return bool(api.list_repo_files(model_id, "model"))
    except module.HubError:
        return False


def _asked(module: Any, model_id: str, request: Callable[[], Any]) -> Any:
    """What a request gives; its failures as one sentence."""
    try:
        return request()
    except HubError:
        raise
    except module.FileDownloadError as error:
        name, cause = next(iter(error.failed_files.items()))
        raise HubError(f"{model_id}: {name} {_cause(module, cause)}") from error
    except module.NotExistError as error:
        raise HubError(f"{model_id}: modelscope has no such model") from error
    except (module.PermissionDeniedError, module.AuthenticationError) as error:
        cure = "set MODELSCOPE_API_TOKEN to a token of an account that may read it"
        raise HubError(f"{model_id}: modelscope does not give it to everybody; {cure}") from error
    except module.NetworkError as error:
        raise unreachable(model_id) from error
    except module.HubError as error:
        raise HubError(f"{model_id}: modelscope says {_line(error)}; try again later or take --hub hf") from error
    except OSError as error:  # requests' failures are OSErrors, those of the disk name a file
        if error.filename:
            raise HubError(f"{error.filename}: cannot be written ({error.strerror}); is there room?") from error
        raise unreachable(model_id) from error


def unreachable(model_id: str) -> HubError:
    endpoint = _client()[1].endpoint
    return HubError(
        f"{model_id}: it is not in the cache and modelscope ({endpoint}) cannot be reached; check the network, "
        "or fetch it elsewhere with `download --to DIR` and give DIR as the model"
    )


def _cause(module: Any, cause: BaseException) -> str:
    if isinstance(cause, module.FileIntegrityError):
        return "arrived damaged each time (its sha256 is not the hub's); try again later or take --hub hf"
    if isinstance(cause, module.NotExistError):
        return "is listed and not there (404); try again later or take --hub hf"
    if isinstance(cause, OSError) and cause.filename:
        return f"cannot be written ({cause.strerror}); is there room on the disk?"
    return f"did not arrive whole ({_line(cause)}); run it again, it goes on where it stopped"


def _line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "message", "") or error).split())[:200]
