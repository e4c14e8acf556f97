"""Kaldi archives of feature matrices: read by place or in order, written as a whole.

kaldiio reads and writes the binary matrices. Text is parsed here, for kaldiio reads it byte by byte (140 ms for what
takes 9 ms), and a pickle in an archive is refused, for reading it would run code.
"""

import io
import os
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from asrtools.errors import DataError
from asrtools.io import riff
from asrtools.io.pipe import is_pipe, run_pipe
from asrtools.io.text_file import UNREADABLE, StrPath, display_name, open_bytes, read_failure

_PLACE = re.compile(r"(.+):(\d+)")
_RANGE = re.compile(r"(.+)\[(\d*:?\d*)(?:,(\d*:?\d*))?\]")
_WAVES = (b"RIFF", b"AUDI", b"fLaC")
_HEADER_BYTES = 1 << 16
# what kaldiio and numpy raise on bytes that are no matrix
_MALFORMED = (AssertionError, ValueError, TypeError, struct.error, IndexError, RuntimeError, OverflowError, MemoryError)


def read_matrix(source: StrPath) -> np.ndarray:
    """One matrix, float32 [T, D], of a record's source.

    `feats.ark:1234` (or `feats.ark:1234[0:99]`, the last row included, as Kaldi has it; .gz too), a .npy file, `cmd |`,
    or a file that holds one matrix without a key.
    """
    name = os.fspath(source).strip(" \t\r\n")
    if is_pipe(name):
        return _read_object(_Forward(io.BytesIO(run_pipe(name))), f"pipe `{name[:-1].strip()}`")
    name, rows, columns = _split_range(name)
    path, offset = split_place(name)
    if path.endswith(".npy"):
        return _as_matrix(_load_npy(path), path)[rows, columns]
    try:
        with open_bytes(path) as stream:
            if offset:
                stream.seek(offset)
            return _read_object(_Forward(stream), name)[rows, columns]
    except UNREADABLE as error:
        raise read_failure(name, error) from error


def holds_features(source: str) -> bool:
    """Whether a record's source is a matrix rather than sound: .npy, or a place in an archive where no wave stands."""
    name, _, _ = _split_range(source.strip(" \t\r\n"))
    if name.endswith(".npy"):
        return True
    path, offset = split_place(name)
    if offset is None or is_pipe(name) or not os.path.isfile(path):
        return False
    try:
        with open_bytes(path) as stream:
            stream.seek(offset)
            return stream.read(4) not in _WAVES
    except UNREADABLE:
        return False


def split_place(name: str) -> tuple[str, int | None]:
    """`feats.ark:1234` to path and offset; a name without offset, or one that exists as it is, has none."""
    place = _PLACE.fullmatch(name)
    if place is None or os.path.exists(name):
        return name, None
    return place[1], int(place[2])


def read_ark(path: StrPath) -> Iterator[tuple[str, np.ndarray]]:
    """Every key and matrix of an archive or `-`, in order: binary, compressed, text or gzip."""
    name = display_name(path)
    for key, place, stream in _entries(path):
        yield key, _read_object(stream, f"{name}: {key} at byte {place}")


def index_ark(path: StrPath) -> Iterator[tuple[str, str]]:
    """Every key of an archive with the `path:offset` of its matrix or wave, as in the scp file that belongs to it."""
    name = display_name(path)
    for key, place, stream in _entries(path):
        _skip_object(stream, f"{name}: {key} at byte {place}")
        yield key, f"{name}:{place}"


def _entries(path: StrPath) -> Iterator[tuple[str, int, "_Forward"]]:
    """Each key, and the stream at its object, which the consumer has to pass before it asks for the next."""
    name = display_name(path)
    with open_bytes(path) as raw:
        stream = _Forward(raw)
        while True:
            try:
                key = _read_key(stream, name)
            except UNREADABLE as error:
                raise read_failure(path, error) from error
            if not key:
                return
            yield key, stream.place, stream


class _Forward:
    """A stream read forward only, so that gzip is unpacked once, and which knows its place also in a pipe."""

    def __init__(self, stream: BinaryIO):
        self._stream, self._ahead, self.place = stream, b"", 0

    def ahead(self, size: int) -> bytes:
        """The next bytes, left in place; fewer only at the end."""
        if len(self._ahead) < size:
            self._ahead += self._stream.read(size - len(self._ahead))
        return self._ahead[:size]

    def read(self, size: int = -1) -> bytes:
        if self._ahead:
            size = len(self._ahead) if size < 0 else size
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            if len(data) < size:
                data += self._stream.read(size - len(data))
        else:
            data = self._stream.read(size)
        self.place += len(data)
        return data

    def readline(self) -> bytes:
        line = self._ahead + (b"" if b"\n" in self._ahead else self._stream.readline())
        end = line.find(b"\n") + 1 or len(line)
        line, self._ahead = line[:end], line[end:]
        self.place += len(line)
        return line

    def skip(self, size: int) -> bool:
        """Go past `size` bytes; false when the file ends before."""
        beyond = size - len(self._ahead) - 1
        if beyond > 0 and self._stream.seekable():
            self._stream.seek(beyond, 1)
            self.place += size - 1
            self._ahead = b""
            size = 1
        return len(self.read(size)) == size

    def seekable(self) -> bool:
        return False


def _read_key(stream: _Forward, name: str) -> str:
    """The next key, without the space after it; empty at the end of the archive."""
    raw, byte = bytearray(), b""
    while byte := stream.read(1):
        if byte not in b" \t\r\n":
            raw += byte
        elif raw:
            break
        if raw == b"\0B":
            raise DataError(f"{name}: is one matrix without a key; should be an archive of keys and matrices")
    if not raw:
        return ""
    if not byte:
        shown = bytes(raw[:60]).decode("utf-8", "replace")
        raise DataError(f"{name}: is cut short after the key {shown} at byte {stream.place}; make it again")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"{name}: no key ends at byte {stream.place}"
        raise DataError(f"{where}; should be an archive of keys and matrices") from error


def _read_object(stream: _Forward, where: str) -> np.ndarray:
    from kaldiio.matio import read_kaldi

    no_matrix = DataError(f"{where}: no whole matrix stands there, the file is cut short or no archive; make it again")
    try:
        head = stream.ahead(4)
        if head.startswith(_WAVES):
            raise DataError(f"{where}: holds a wave; should be a matrix of features")
        if head.startswith(b"PKL"):
            raise DataError(f"{where}: holds a Python pickle, which could run code; should be a matrix of features")
        array = read_kaldi(stream) if head.startswith((b"\0B", b"NPY")) else _read_text(stream)
    except _MALFORMED as error:
        raise no_matrix from error
    except UNREADABLE as error:
        raise read_failure(where, error) from error
    return _as_matrix(array, where)


def _read_text(stream: _Forward) -> np.ndarray:
    """A matrix as `[` rows `]`, each row on a line of its own; a vector has all on the first line."""
    first = stream.readline()
    before, bracket, rest = first.partition(b"[")
    if not bracket or before.strip():
        raise ValueError("no [")
    lines = [rest]
    while b"]" not in lines[-1]:
        line = stream.readline()
        if not line:
            raise ValueError("no ]")
        lines.append(line)
    lines[-1] = lines[-1].partition(b"]")[0]
    rows = [line.split() for line in lines]
    if len(rows) == 1 and rows[0]:
        return np.array(rows[0], dtype=np.float32)
    return np.array([row for row in rows if row] or np.empty((0, 0)), dtype=np.float32)


def _as_matrix(array: np.ndarray, where: str) -> np.ndarray:
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(
            f"{where}: holds {array.dtype} of the shape {array.shape}; should be a matrix [frames, dimension]"
        )
    return np.array(array, dtype=np.float32, order="C")  # a copy, for what kaldiio gives cannot be written to


def _load_npy(path: str) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise read_failure(path, error) from error
    except (ValueError, EOFError) as error:
        raise DataError(f"{path}: is no whole numpy array ({error}); make it again with numpy.save") from error


def _split_range(name: str) -> tuple[str, slice, slice]:
    """`x.ark:9[0:99,3:5]`: rows and columns, the last included, as Kaldi has it."""
    found = _RANGE.fullmatch(name)
    if found is None or os.path.exists(name):
        return name, slice(None), slice(None)
    return found[1], _inclusive(found[2]), _inclusive(found[3] or "")


def _inclusive(text: str) -> slice:
    if text in ("", ":"):
        return slice(None)
    first, colon, last = text.partition(":")
    if not colon:
        return slice(int(first), int(first) + 1)
    return slice(int(first or 0), int(last) + 1 if last else None)


def _skip_object(stream: _Forward, where: str) -> None:
    """Go past a matrix or wave without reading its data."""
    head = stream.ahead(31)
    kind = head[2:].split(b" ")[0] if head.startswith(b"\0B") else b""
    size = None
    if kind in (b"FM", b"DM") and len(head) >= 15:
        rows, columns = struct.unpack("<xixi", head[5:15])
        size = 15 + rows * columns * (4 if kind == b"FM" else 8)
    elif kind in (b"CM", b"CM2", b"CM3") and len(head) >= 19 + len(kind):
        rows, columns = struct.unpack_from("<8xii", head, 3 + len(kind))
        size = 19 + len(kind) + {b"CM": columns * (8 + rows), b"CM2": 2 * rows * columns, b"CM3": rows * columns}[kind]
    elif head.startswith(b"AUDIO") and len(head) > 6:
        size = 6 + head[5] + int.from_bytes(head[6 : 6 + head[5]], "little")
    elif head.startswith(b"RIFF"):
        header = riff.read_header(io.BytesIO(stream.ahead(_HEADER_BYTES)))
        if header is not None and header.data_bytes is not None:
            size = header.data_start + header.data_bytes
    if size is None:
        _read_object(stream, where)
    elif size < 1 or not stream.skip(size):
        raise DataError(f"{where}: is cut short, {size} bytes should stand there; make it again")
