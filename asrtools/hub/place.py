"""Where downloads go on this machine: room on the disk, a lock for each model, bars only on a terminal."""

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from asrtools.errors import HubError

SPARE_BYTES = 1 << 26  # so that a disk is not filled to the last block


def cache_root() -> Path:
    """$ASRTOOLS_CACHE, or ~/.cache/asrtools."""
    root = os.environ.get("ASRTOOLS_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "asrtools"


def is_offline(*names: str) -> bool:
    """Whether the environment forbids the network, by ASRTOOLS_OFFLINE or one of these names."""
    return any(os.environ.get(name, "0") not in ("", "0") for name in ("ASRTOOLS_OFFLINE", *names))


def announce(name: str, hub: str, sizes: Mapping[str, int], folder: Path) -> None:
    """Say what is to be fetched; a HubError when what is still missing does not fit on the folder's disk."""
    needed = sum(size for file, size in sizes.items() if not (folder / file).exists())
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if needed + SPARE_BYTES > free:
        raise HubError(
            f"{name}: {in_words(needed)} are to be fetched and {there} has {in_words(free)} free; "
            "make room or name another place with --to"
        )
    sys.stderr.write(f"{name}: fetching {len(sizes)} files, {in_words(sum(sizes.values()))}, from {hub}\n")


def in_words(num_bytes: int) -> str:
    """A size for reading: 1.2 GB."""
    size = float(num_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Of several processes that want the same thing, one works and the others wait."""
    from filelock import FileLock, Timeout

    folder = cache_root() / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock")
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            sys.stderr.write(f"{name}: another process is fetching it; waiting\n")
            lock.acquire()
    except OSError as error:
        raise HubError(
            f"{folder}: cannot be used ({error.strerror}); set ASRTOOLS_CACHE to a place to write"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def quiet_bars() -> Iterator[None]:
    """Around the import of a client: bars only where stderr is a terminal (tqdm looks when it is imported)."""
    if sys.stderr is None or sys.stderr.isatty() or "TQDM_DISABLE" in os.environ:
        yield
        return
    os.environ["TQDM_DISABLE"] = "1"
    try:
        yield
    finally:
        del os.environ["TQDM_DISABLE"]
