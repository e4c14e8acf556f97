"""Write feature matrices, or vectors, as Kaldi archives; what bears its final name is complete."""

import errno
import io
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np

from asrtools.errors import DataError
from asrtools.io.scp import check_key
from asrtools.io.text_file import StagedFile, StrPath, raise_if_disk, write_failure

# Kaldi's CompressionMethod: 1 is 2 for more than 8 frames, else 3; 2 one byte by percentiles of a column, 3 two bytes,
# 5 one byte, 7 one byte for values in [0, 1]. Of the others, 4 and 6 round to integers, and 0 makes kaldiio fail.
METHODS = (1, 2, 3, 5, 7)
_OPTIONS = ("ark", "scp", "t", "b", "f", "nf", "p")


@dataclass(frozen=True)
class MatrixFormat:
    """How entries of an archive are written; small, so that worker processes can encode for the one that writes."""

    where: str  # what errors call the archive
    is_text: bool = False
    method: int | None = None  # of compression
    num_axes: int = 2  # 1: vectors [D] in place of matrices [T, D]

    def encode(self, key: str, matrix: np.ndarray) -> list[bytes | memoryview]:
        """Key and matrix [T, D] as they stand in an archive; a key Kaldi could not read back and NaN are DataErrors."""
        from kaldiio.matio import write_array, write_array_ascii

        matrix = self._checked(key, matrix)
        name = key.encode("utf-8") + b" "
        if not self.is_text and self.method is None and self.num_axes == 2:  # kaldiio would copy the matrix twice
            return [
                name + struct.pack("<2s3sBiBi", b"\0B", b"FM ", 4, matrix.shape[0], 4, matrix.shape[1]),
                matrix.data,
            ]
        entry = io.BytesIO()
        if self.is_text:
            write_array_ascii(entry, matrix)
        else:
            write_array(entry, matrix, compression_method=self.method)
        return [name, entry.getbuffer()]

    def _checked(self, key: str, matrix: np.ndarray) -> np.ndarray:
        where = f"{self.where}: {key!r}"
        check_key(key, where)
        matrix = np.asarray(matrix)
        if matrix.ndim != self.num_axes or not matrix.size or matrix.dtype.kind not in "fiu":
            wanted = "[frames, dimension]" if self.num_axes == 2 else "[dimension]"
            raise DataError(f"{where} has {matrix.dtype} of the shape {matrix.shape}; should be {wanted}, not empty")
        matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        low, high = float(matrix.min()), float(matrix.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError(f"{where} holds NaN or infinity; features should be finite")
        if self.method == 7 and not 0 <= low <= high <= 1:
            raise DataError(f"{where} has values from {low:g} to {high:g}; compression method 7 is for [0, 1], use 2")
        return matrix


class Entry(NamedTuple):
    key: str
    num_frames: int
    size: int  # bytes, key included


class FeatureWriter:
    """Use as a context manager and `write(key, matrix)` in it; nothing appears when it is left by an exception, and
    nothing when nothing was written: files of before then stay.

    `out`: a directory (feats.ark, feats.scp and utt2num_frames in it) or a Kaldi wspecifier: `ark:F`, `ark,t:F`,
    `ark,scp:F,S`, `ark:-`. `compress`: None, "auto" or one of METHODS. `num_axes` 1: vectors, which are not compressed.
    """

    def __init__(self, out: StrPath, compress: str | int | None = None, num_axes: int = 2):
        out = os.fspath(out)
        options = out.partition(":")[0].split(",")
        is_text = "t" in options
        self._frames_path = None
        if ":" in out and {"ark", "scp"} & set(options):
            self._ark_path, self._scp_path = _parse_wspecifier(out)
        else:
            is_text = False
            self._ark_path = os.path.join(out, "feats.ark")
            self._scp_path = os.path.join(out, "feats.scp")
            self._frames_path = os.path.join(out, "utt2num_frames")
            try:
                os.makedirs(out, exist_ok=True)
            except OSError as error:
                raise write_failure(out, error) from error
        self.format = MatrixFormat(self._ark_path, is_text, _method(compress, out), num_axes)
        if is_text and self.format.method is not None:
            raise DataError(f"{out}: text cannot be compressed; leave out `t` or --compress")
        # where parts can be kept that become part of the archive; None when it goes to stdout
        self.folder = None if self._ark_path == "-" else os.path.dirname(self._ark_path) or "."
        self.paths = [path for path in (self._ark_path, self._scp_path, self._frames_path) if path not in (None, "-")]
        self._seen: set[int] = set()
        self._files: list[StagedFile] = []  # in the order in which they get their names
        self._broken: DataError | None = None
        self.count = 0

    def __enter__(self) -> "FeatureWriter":
        try:
            self._ark = self._open(self._ark_path)
            self._frames = self._open(self._frames_path, "w") if self._frames_path else None
            self._scp = self._open(self._scp_path, "w") if self._scp_path else None
        except BaseException:
            self._discard()
            raise
        self._offset = 0
        return self

    def write(self, key: str, matrix: np.ndarray) -> None:
        """Add one matrix [T, D]; what `MatrixFormat.encode` refuses and a repeated key are DataErrors."""
        encoded = self.format.encode(key, matrix)
        self.append([Entry(key, len(matrix), size_of(encoded))], encoded)

    def append(self, entries: Sequence[Entry], encoded: Sequence[bytes | memoryview] | BinaryIO) -> None:
        """Add entries that `MatrixFormat.encode` made: a list of their pieces, or a file in which they stand next."""
        if self._broken is not None:
            raise self._broken
        for entry in entries:
            if hash(entry.key) in self._seen:
                raise DataError(
                    f"{self._ark_path}: {entry.key!r} is written a second time; every key should stand once"
                )
            self._seen.add(hash(entry.key))
        try:
            if isinstance(encoded, Sequence):
                self._ark.writelines(encoded)
            else:
                _copy(encoded, self._ark, sum(entry.size for entry in entries))
            for key, num_frames, size in entries:
                if self._scp is not None:
                    self._scp.write(f"{key} {self._ark_path}:{self._offset + len(key.encode()) + 1}\n")
                if self._frames is not None:
                    self._frames.write(f"{key} {num_frames}\n")
                self._offset += size
        except OSError as error:
            # part of the entries may be there: a caller that goes on must not get an archive
            self._broken = write_failure(self._ark_path, error)
            raise_if_disk(self._ark_path, error)
            raise
        self.count += len(entries)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None and self._broken is not None:
                raise self._broken
            if kind is None:
                self._commit()
        finally:
            self._discard()

    def _open(self, path: str, mode: str = "wb") -> BinaryIO:
        if path == "-":
            return sys.stdout.buffer
        file = StagedFile(path, mode)
        self._files.append(file)
        return file.stream

    def _commit(self) -> None:
        if not self.count:
            return
        if self._ark_path == "-":
            self._ark.flush()
        for file in self._files:
            file.finish()
        if self._scp_path is not None and os.path.isfile(self._scp_path):
            os.unlink(os.path.realpath(self._scp_path))  # a list of before does not fit this archive
        for file in self._files:
            file.commit()

    def _discard(self) -> None:
        for file in self._files:
            file.discard()


def size_of(encoded: Sequence[bytes | memoryview]) -> int:
    """Bytes of all pieces together."""
    return sum(memoryview(piece).nbytes for piece in encoded)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """The next `size` bytes of a file to another; on Linux within the kernel, at several times the rate."""
    if sys.platform == "linux":
        target.flush()
        place, end = source.tell(), source.tell() + size
        try:
            while place < end:
                sent = os.sendfile(target.fileno(), source.fileno(), place, end - place)
                if not sent:
                    raise EOFError(f"{end - place} of {size} bytes are missing")
                place += sent
            return
        except OSError as error:
            if error.errno != errno.EINVAL:  # a target opened for appending, or a device
                raise
        source.seek(place)
        size = end - place
    while size:
        block = source.read(min(size, 1 << 20))
        if not block:
            raise EOFError(f"{size} bytes are missing")
        target.write(block)
        size -= len(block)


def _parse_wspecifier(out: str) -> tuple[str, str | None]:
    """Paths of ark and scp."""
    head, _, tail = out.partition(":")
    options = head.split(",")
    unknown = [option for option in options if option not in _OPTIONS]
    if unknown:
        raise DataError(f"{out}: {unknown[0]!r} is no option of a wspecifier; known are {', '.join(_OPTIONS)}")
    kinds = [option for option in options if option in ("ark", "scp")]
    if kinds == ["scp"]:
        raise DataError(f"{out}: an scp needs an archive to point into; should be ark,scp:F.ark,F.scp")
    paths = tail.split(",") if len(kinds) == 2 else [tail]
    if len(set(paths)) != len(kinds) or len(set(kinds)) != len(kinds) or not all(paths):
        raise DataError(f"{out}: names {len(paths)} files for {head}; should be ark:F.ark or ark,scp:F.ark,F.scp")
    files = dict(zip(kinds, paths, strict=True))
    if "scp" in files and "-" in paths:
        raise DataError(f"{out}: an scp cannot point into a stream; should be ark:- or ark,scp:F.ark,F.scp")
    for path in paths:
        if "|" in path or "\n" in path:
            raise DataError(f"{out}: {path!r} is no file name; write `ark:- | command` to use a pipe")
    return files["ark"], files.get("scp")


def _method(compress: str | int | None, out: str) -> int | None:
    if compress is None:
        return None
    number = 1 if compress == "auto" else int(compress) if str(compress).isdecimal() else None
    if number not in METHODS:
        raise DataError(
            f"{out}: compression method {compress!r} is not known; should be auto, 2, 3, 5, or 7 for values in [0, 1]"
        )
    return number
