"""Archives over http: fetched with resume, known by their checksum, unpacked once."""

import contextlib
import hashlib
import http.client
import os
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from asrtools.errors import HubError
from asrtools.hub.corpora import Archive
from asrtools.hub.place import in_words, is_offline, only_one, quiet_bars

TIMEOUT_S = 60.0  # without a byte
TRIES = 3  # at one place, as long as each brings something
BLOCK = 1 << 20


def fetch_and_unpack(archive: Archive, places: Sequence[str], to: Path, offline: bool = False) -> None:
    """What an archive holds, under `to`; a marker file there says that it is done and is believed."""
    marker = to / f".{archive.name}.done"
    if _is_marked(marker, archive):
        return
    with only_one(str(to.absolute() / archive.name)):
        if _is_marked(marker, archive):
            return
        to.mkdir(parents=True, exist_ok=True)
        path = to / archive.name
        if not path.is_file() or _digest(path, archive) != archive.digest:
            if offline or is_offline():
                raise HubError(f"{path}: is not there (whole) and the network is not to be used; put it there")
            _fetch(archive, places, path)
        target = to / archive.unpacks_to
        _unpack(path, target)
        for inner in sorted(target.glob(archive.nested)) if archive.nested else ():
            _unpack(inner, inner.parent)
            inner.unlink()
        marker.write_text(f"{archive.digest}\n", encoding="utf-8")


def _is_marked(marker: Path, archive: Archive) -> bool:
    return marker.is_file() and marker.read_text(encoding="utf-8").strip() == archive.digest


def _fetch(archive: Archive, places: Sequence[str], path: Path) -> None:
    part = path.with_name(path.name + ".part")
    causes = []
    for place in places:
        url = f"{place.rstrip('/')}/{archive.name}"
        cause = _fetch_from(url, part)
        if cause is None:
            found = _digest(part, archive)
            if found == archive.digest:
                part.replace(path)
                return
            part.unlink()  # nothing of it can be trusted
            cause = f"its checksum is {found}, should be {archive.digest}"
        causes.append(f"{url}: {cause}")
    raise HubError(f"{'; '.join(causes)}; try again later, or name another place with --mirror")


def _fetch_from(url: str, part: Path) -> str | None:
    """Bring `part` to its full length; None, or why that did not work."""
    cause = "nothing came"
    for _ in range(TRIES):
        before = part.stat().st_size if part.exists() else 0
        try:
            _transfer(url, part, before)
            return None
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:  # all is there, or it is another file by now; the checksum tells
                return None
            return f"the server answers {error.code}"
        except urllib.error.URLError as error:
            return f"cannot be reached ({getattr(error.reason, 'strerror', None) or error.reason})"
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            cause = f"the transfer broke off ({error or type(error).__name__})"
        if (part.stat().st_size if part.exists() else 0) <= before:
            break
    return cause


def _transfer(url: str, part: Path, start: int) -> None:
    headers = {
        "User-Agent": "asrtools",
        "Accept-Encoding": "identity",
        **({"Range": f"bytes={start}-"} if start else {}),
    }
    with contextlib.closing(
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    ) as got:
        start = start if got.status == 206 else 0
        length = got.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        sys.stderr.write(f"{url}: {in_words(total) if total else 'size unknown'}{', going on' if start else ''}\n")
        with open(part, "ab" if start else "wb") as out, _bar(part.name, total, start) as bar:
            while block := got.read(BLOCK):
                out.write(block)
                bar.update(len(block))
            if total is not None and out.tell() < total:
                raise http.client.IncompleteRead(b"", total - out.tell())


@contextlib.contextmanager
def _bar(name: str, total: int | None, start: int) -> Iterator[Any]:
    with quiet_bars():
        from tqdm import tqdm

    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    with tqdm(total=total, initial=start, desc=name, unit="B", unit_scale=True, disable=not is_terminal) as bar:
        yield bar


def _digest(path: Path, archive: Archive) -> str:
    kind = archive.digest.partition(":")[0]
    digest = hashlib.new(kind)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return f"{kind}:{digest.hexdigest()}"


def _unpack(path: Path, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(to)
        else:
            if not hasattr(tarfile, "data_filter"):
                raise HubError(f"{path}: this Python cannot unpack it safely; take Python 3.10.12 or newer")
            with tarfile.open(path) as archive:
                archive.extractall(to, filter="data")  # nothing outside of `to`, no devices
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise HubError(f"{path}: cannot be unpacked ({error}); remove it and fetch it again") from error
    except OSError as error:
        where = os.fspath(error.filename or to)
        raise HubError(f"{where}: cannot be written ({error.strerror}); is there room on the disk?") from error
