"""Recordings behind http(s) addresses: fetched once, then read from a cache."""

import contextlib
import hashlib
import http.client
import os
import posixpath
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from asrtools.errors import DataError
from asrtools.io.text_file import StrPath, atomic_write

TIMEOUT_S = 30.0  # without a byte
_SAFE = ":/?#[]@!$&'()*+,;=%~"  # reserved by RFC 3986, and % because an address may be quoted already


def is_url(value: str) -> bool:
    return value[:8].lower().startswith(("http://", "https://"))


def url_name(url: str) -> str:
    """The file name at the end of an address, unquoted; empty when it has none."""
    return posixpath.basename(urllib.parse.unquote(urllib.parse.urlsplit(url).path))


def default_cache() -> Path:
    """$ASRTOOLS_CACHE/url, or ~/.cache/asrtools/url."""
    root = os.environ.get("ASRTOOLS_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "asrtools") / "url"


def cached_path(url: str, cache: StrPath | None = None) -> Path:
    """Where `fetch` puts this address: part of its name to be recognised, its hash to be unique, and its extension."""
    stem, extension = posixpath.splitext(url_name(url))
    if not re.fullmatch(r"\.[A-Za-z0-9]{1,8}", extension):
        stem, extension = stem + extension, ""
    readable = re.sub(r"[^\w-]+", "_", stem)[:40]
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return (Path(cache) if cache is not None else default_cache()) / f"{readable}-{digest}{extension}"


def fetch(url: str, cache: StrPath | None = None, offline: bool = False, timeout_s: float = TIMEOUT_S) -> Path:
    """The local copy of an address; what is in the cache is complete, and is not asked for again.

    `offline`, or ASRTOOLS_OFFLINE=1 in the environment, allows the cache only.
    """
    path = cached_path(url, cache)
    if path.is_file():
        return path
    if offline or os.environ.get("ASRTOOLS_OFFLINE", "0") not in ("", "0"):
        raise DataError(f"{url}: is not in the cache {path.parent}; fetch it once without --offline")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{path.parent}: cannot be made ({error.strerror}); set ASRTOOLS_CACHE to a place to write"
        ) from error
    # each process writes a temporary file of its own, so two at once do the work twice and end with the same whole file
    with atomic_write(path, "wb") as out:
        _download(url, out, timeout_s)
    return path


def _download(url: str, out, timeout_s: float) -> None:
    request = urllib.request.Request(
        urllib.parse.quote(url, safe=_SAFE), headers={"User-Agent": "asrtools", "Accept-Encoding": "identity"}
    )
    try:
        with contextlib.closing(urllib.request.urlopen(request, timeout=timeout_s)) as response:
            promised = response.headers.get("Content-Length")
            received = 0
            while block := response.read(1 << 18):
                out.write(block)
                received += len(block)
    except urllib.error.HTTPError as error:
        raise DataError(f"{url}: the server answers {error.code} {error.reason}; check the address") from error
    except TimeoutError as error:
        raise DataError(f"{url}: no answer in {timeout_s:g} s; try again later") from error
    except urllib.error.URLError as error:
        raise DataError(f"{url}: {_reason(error, timeout_s)}") from error
    except (http.client.HTTPException, ConnectionError, ssl.SSLError, ValueError) as error:
        raise DataError(f"{url}: the transfer broke off ({error or type(error).__name__}); try again") from error
    if promised is not None and promised.isdigit() and int(promised) != received:
        raise DataError(f"{url}: the transfer broke off after {received} of {promised} bytes; try again")


def _reason(error: urllib.error.URLError, timeout_s: float) -> str:
    cause = error.reason
    if isinstance(cause, TimeoutError):
        return f"no answer in {timeout_s:g} s; try again later"
    text = getattr(cause, "strerror", None) or str(cause)
    return f"cannot be reached ({text.lower()}); check the address and the network"
