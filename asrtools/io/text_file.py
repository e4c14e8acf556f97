"""Text files: read line by line, written whole or not at all."""

import contextlib
import errno
import gzip
import os
import secrets
import stat
import sys
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, NamedTuple

from asrtools.errors import DataError

UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
GZIP_MAGIC = b"\x1f\x8b"
BLANK = " \t\r\n"  # what Kaldi splits on; U+3000 and its like are text
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)

UNREADABLE = (OSError, EOFError, zlib.error)  # what reading a file, gzip or not, can raise

StrPath = str | os.PathLike[str]


class Line(NamedTuple):
    number: int  # counted from 1, blank lines included
    text: str
    error: str = ""  # set when the line is not UTF-8; text is then what could be read of it


def display_name(path: StrPath) -> str:
    """What errors call this file."""
    return "stdin" if str(path) == "-" else os.fspath(path)


def read_failure(path: StrPath, error: Exception) -> DataError:
    """The sentence for a file that cannot be read."""
    name = display_name(path)
    if isinstance(error, FileNotFoundError):
        return DataError(f"{name}: no such file; relative paths start from the working directory")
    if isinstance(error, IsADirectoryError):
        return DataError(f"{name}: is a directory; should be a file")
    if isinstance(error, EOFError | zlib.error | gzip.BadGzipFile):
        return DataError(f"{name}: is damaged or cut short ({error}); fetch or make the file again")
    return DataError(f"{name}: cannot be read ({_cause(error)}); should be a readable file")


def write_failure(path: StrPath, error: OSError) -> DataError:
    """The sentence for a file that cannot be written."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        folder = os.path.dirname(os.fspath(path)) or "."
        return DataError(f"{path}: cannot be written, {folder} is no directory; make it first")
    return DataError(f"{path}: cannot be written ({_cause(error)}); choose a place with room and permission to write")


def stdin_bytes() -> BinaryIO:
    """Standard input as bytes, so that the locale does not matter."""
    if sys.stdin is None:
        raise DataError("stdin: is closed; give a file name in place of -")
    return sys.stdin.buffer


def peek(stream: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes that stand next in the stream, left in it; fewer when a pipe has not delivered more yet."""
    if hasattr(stream, "peek"):
        return stream.peek(size)[:size]
    place = stream.tell()
    head = stream.read(size)
    stream.seek(place)
    return head


_pipes: dict[str, BinaryIO] = {}  # named pipes and <(...) that were looked into and not read yet


@contextlib.contextmanager
def open_bytes(path: StrPath) -> Iterator[BinaryIO]:
    """A file or `-` (stdin) as a stream of bytes, unpacked where it is gzip; failing to open it is a DataError."""
    with contextlib.ExitStack() as stack:
        try:
            if str(path) == "-":
                stream = stdin_bytes()
            else:
                path = os.fspath(path)
                stream = stack.enter_context(_pipes.pop(path) if path in _pipes else open(path, "rb"))  # noqa: SIM115
            if peek(stream, 2) == GZIP_MAGIC:
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
        except OSError as error:
            raise read_failure(path, error) from error
        yield stream


def look_into(path: StrPath, size: int) -> bytes:
    """The first bytes of a file (unpacked where it is gzip), or of stdin or a pipe, where they stay for its reader."""
    if str(path) == "-":
        return peek(stdin_bytes(), size)
    if not _is_special(os.fspath(path)):
        with open_bytes(path) as stream:
            try:
                return peek(stream, size)
            except UNREADABLE as error:
                raise read_failure(path, error) from error
    try:
        stream = _pipes.get(os.fspath(path)) or open(path, "rb")  # noqa: SIM115
        _pipes[os.fspath(path)] = stream
        return peek(stream, size)
    except OSError as error:
        raise read_failure(path, error) from error


def read_lines(path: StrPath) -> Iterator[Line]:
    """The lines of a file or `-`, streamed: UTF-8 with or without BOM, LF or CRLF, plain or gzip, blank lines skipped.

    A line that is not UTF-8 comes with `error` set, and the lines after it still come.
    """
    name = display_name(path)
    for number, raw in _raw_lines(path):
        if number == 1:
            if raw.startswith(UTF16_BOMS):
                raise DataError(f"{name}: is UTF-16 text; should be UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)")
            raw = raw.removeprefix(UTF8_BOM)
        try:
            text = raw.decode("utf-8").strip(BLANK)
        except UnicodeDecodeError as error:
            text = raw.decode("utf-8", "replace").strip(BLANK)
            bad = f"byte 0x{raw[error.start]:02x} at position {error.start + 1} is not UTF-8"
            yield Line(number, text, f"{name}:{number}: {bad}; save the file as UTF-8")
            continue
        if text:
            yield Line(number, text)


def _raw_lines(path: StrPath) -> Iterator[tuple[int, bytes]]:
    with open_bytes(path) as stream:
        number = 0
        while True:
            try:  # around the read only: what the consumer does between two lines is not this file's trouble
                raw = stream.readline()
            except UNREADABLE as error:
                raise read_failure(path, error) from error
            if not raw:
                return
            number += 1
            yield number, raw


class StagedFile:
    """A file written under a temporary name beside its own, which it takes at `commit`."""

    def __init__(self, path: StrPath, mode: str = "wb", encoding: str | None = None):
        if mode not in ("w", "wb"):
            raise ValueError(f"mode {mode!r}; should be 'w' or 'wb'")
        self.path = os.fspath(path)
        self._target = os.path.realpath(self.path)  # so that a link stays a link
        self._temporary: str | None = None
        text = {} if "b" in mode else {"encoding": encoding or "utf-8", "newline": "\n"}
        try:
            if _is_special(self.path):  # /dev/null, /dev/stdout, a named pipe: nothing to rename
                self.stream: IO = open(self.path, mode, **text)  # noqa: SIM115
            else:
                if os.path.isdir(self._target):
                    raise DataError(f"{path}: is a directory; should be the name of a file to write")
                folder, name = os.path.split(self._target)
                temporary = os.path.join(folder, f".{name[:40]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
                self.stream = open(temporary, mode.replace("w", "x"), **text)  # noqa: SIM115
                self._temporary = temporary
        except OSError as error:
            raise write_failure(path, error) from error

    def finish(self) -> None:
        """Bring everything to the disk; the file does not have its name yet."""
        if self.stream.closed:
            return
        try:
            self.stream.flush()
            if self._temporary is not None:
                os.fsync(self.stream.fileno())
            self.stream.close()
        except OSError as error:
            raise_if_disk(self.path, error)
            raise

    def commit(self) -> None:
        self.finish()
        if self._temporary is None:
            return
        try:
            os.replace(self._temporary, self._target)
        except OSError as error:
            raise write_failure(self.path, error) from error
        self._temporary = None

    def discard(self) -> None:
        """Leave nothing behind; harmless after `commit`."""
        with contextlib.suppress(OSError):  # closing flushes, which fails again on a full disk
            self.stream.close()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = None


def raise_if_disk(path: StrPath, error: OSError) -> None:
    """A DataError when the disk is full or failing; other errors (a closed pipe) are the command's business."""
    if error.errno in FULL_DISK and error.filename is None:  # an error of a write names no file
        raise write_failure(path, error) from error


@contextlib.contextmanager
def atomic_write(path: StrPath, mode: str = "w", encoding: str = "utf-8", may_be_empty: bool = True) -> Iterator[IO]:
    """A file that appears under its name when the block ends well, and not at all otherwise.

    Without `may_be_empty`, nor when nothing was written: a file of before then stays.
    """
    staged = StagedFile(path, mode, encoding)
    try:
        yield staged.stream
        if may_be_empty or staged.stream.tell():
            staged.commit()
    except OSError as error:
        raise_if_disk(path, error)
        raise
    finally:
        staged.discard()


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _cause(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
