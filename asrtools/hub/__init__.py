"""From a name to a model directory: a path, an alias, or an id on a hub, fetched when it is not there yet."""

import importlib
from pathlib import Path
from types import ModuleType

from asrtools import zoo
from asrtools.errors import HubError
from asrtools.hub import receipt
from asrtools.hub.place import is_offline, only_one

CLIENTS = {
    "ms": "asrtools.hub.modelscope",
    "modelscope": "asrtools.hub.modelscope",
    "hf": "asrtools.hub.huggingface",
    "huggingface": "asrtools.hub.huggingface",
}


def model_directory(
    name_or_path: str | Path,
    hub: str = "ms",
    revision: str | None = None,
    offline: bool = False,
    to: str | Path | None = None,
    update: bool = False,
    without_loader: bool = False,
) -> Path:
    """The directory of a model, complete and verified.

    A directory with config.yaml or configuration.json is returned as it is. A name is fetched into the hub's own cache,
    or into `to`; one that is complete there costs no request, unless `update` asks for what is newest.
    `without_loader`: also models that nothing here can load yet.
    """
    name = str(name_or_path)
    if not Path(name).is_dir():
        name = name.strip()  # the documents have one with a blank behind it
    if (local := _local(name)) is not None:
        if to is not None:
            raise HubError(f"{name}: is a directory already; copy it where it is wanted")
        return local
    client = _client(hub)
    model_id = _id_on(name, hub, client, without_loader)
    revision = _revision(revision, client)
    folder = None if to is None else Path(to)
    if folder is not None:
        _check_target(folder, model_id)
    there = folder or client.cached(model_id, revision)
    if there is not None and not update and receipt.is_complete(there, model_id, revision):
        return there
    if offline or is_offline(*client.OFFLINE_NAMES):
        return _as_it_is(name, there, model_id, client)
    with only_one(f"{client.NAME}:{model_id}"):
        there = folder or client.cached(model_id, revision)
        if there is not None and not update and receipt.is_complete(there, model_id, revision):
            return there  # another process has fetched it meanwhile
        try:
            return client.fetch(model_id, revision, folder)
        except HubError as error:
            raise HubError(f"{error}{_more_on(name, there)}") from error


def _local(name: str) -> Path | None:
    if not name:
        raise HubError("'': there is no such model directory")
    path = Path(name).expanduser()
    if path.is_dir():
        if _looks_like_a_model(path):
            return path
        if zoo.find(name) is None:
            raise HubError(f"{name}: has no config.yaml and no configuration.json, so it is no model directory")
    elif path.exists():
        raise HubError(f"{name}: is a file; a model directory, an alias or a hub id is wanted")
    elif name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise HubError(f"{name}: there is no such model directory")
    return None


def _looks_like_a_model(path: Path) -> bool:
    return any((path / file).is_file() for file in ("config.yaml", "configuration.json"))


def _client(hub: str) -> ModuleType:
    if hub not in CLIENTS:
        raise HubError(f"hub {hub!r} is not known; ms (modelscope) and hf (huggingface) are")
    return importlib.import_module(CLIENTS[hub])


def _id_on(name: str, hub: str, client: ModuleType, without_loader: bool) -> str:
    entry = zoo.find(name)
    if entry is None:
        if "/" in name:
            return zoo.modern(name)
        near = zoo.near(name)
        cure = f"did you mean {' or '.join(near)}?" if near else "`download --list` shows the names there are"
        raise HubError(f"{name}: is no directory and no model that is known; {cure}")
    if not entry.has_loader and not without_loader:
        if entry.command:
            raise HubError(f"{name}: is no model that is loaded here; `{entry.command}` does its work")
        raise HubError(
            f"{name}: cannot be used, for its class {entry.model} has no loader here yet "
            f"(`download {name}` fetches its files)"
        )
    model_id = entry.hf if client.NAME == "huggingface" else entry.ms
    if not model_id:
        raise HubError(f"{name}: is not on {client.NAME}; take --hub {client.OTHER_HUB}")
    return model_id


def _revision(revision: str | None, client: ModuleType) -> str:
    """master is what the documents call the newest on either hub."""
    return client.DEFAULT_REVISION if revision in (None, "", "master", "main") else str(revision)


def _check_target(folder: Path, model_id: str) -> None:
    """--to names a new or empty directory, or one that a download of this model has been put into."""
    if folder.exists() and not folder.is_dir():
        raise HubError(f"{folder}: is a file; a directory is wanted")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    there = receipt.read(folder).get("id")
    if there != model_id:
        raise HubError(f"{folder}: holds {there or 'other files'}; name an empty or new directory with --to")


def _more_on(name: str, there: Path | None) -> str:
    """What helps further when a fetch failed."""
    if there is not None and _looks_like_a_model(there):
        return f"; {there} has a copy that was not checked, --offline takes it"
    if zoo.find(name) is not None:
        return ""
    near = zoo.near(name)
    return f"; there is no directory {name} either" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _as_it_is(name: str, there: Path | None, model_id: str, client: ModuleType) -> Path:
    """Offline: what another program left in the cache serves too, as far as it looks like a model."""
    if there is not None and _looks_like_a_model(there):
        return there
    raise HubError(
        f"{model_id}: it is not (whole) in {client.NAME}'s cache and the network is not to be used; "
        f"fetch it once without --offline{_more_on(name, None)}"
    )
