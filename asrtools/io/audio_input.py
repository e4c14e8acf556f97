"""From what a user calls a recording to a file or bytes that hold one."""

import io
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from asrtools.errors import DataError
from asrtools.io import ffmpeg, riff
from asrtools.io.pipe import is_pipe, run_pipe
from asrtools.io.sniff import AUDIO_EXTENSIONS, FFMPEG_EXTENSIONS, HEAD_SIZE, PCM_EXTENSIONS, SOUND_KINDS, kind_of
from asrtools.io.text_file import UNREADABLE, open_bytes, read_failure, stdin_bytes
from asrtools.io.url import fetch, is_url

OGG_PAGE_BYTES = 27 + 255 + 255 * 255  # the largest there is
SHORTFALL_PART, SHORTFALL_S = 0.01, 0.1  # of a wave that is still taken for whole: both at most
_ARK_PLACE = re.compile(r"(.+):(\d+)")


@dataclass(frozen=True)
class Encoded:
    """A recording as stored: a regular file, or bytes."""

    where: str  # what errors call it
    kind: str  # as sniff.kind_of names it; "pcm" is int16 samples without a header
    path: str | None = None
    data: bytes | None = None


def locate(source: object, key: str = "", keep: bool = False) -> Encoded:
    """Find the recording; with `keep`, what a pipe or ffmpeg gave is held until the next one, for many spans of one."""
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    if isinstance(source, str):
        found = _locate_name(source.strip(" \t\r\n"), key, keep)
    elif isinstance(source, bytes | bytearray | memoryview):
        found = _from_bytes(bytes(source), key or "audio bytes", may_be_pcm=True)
    elif hasattr(source, "read"):
        data = _read_open(source)
        where = key or str(getattr(source, "name", "audio stream"))
        if not isinstance(data, bytes):
            raise DataError(f"{where}: gives {type(data).__name__}; should be opened in binary mode")
        found = _from_bytes(data, where, may_be_pcm=True)
    else:
        kind = type(source).__name__
        raise DataError(
            f"{key or 'audio'}: is a {kind}; should be a path, URL, `cmd |`, ark:offset, bytes, array or open file"
        )
    return found if found.kind == "pcm" or found.kind in SOUND_KINDS else through_ffmpeg(found, keep)


def _read_open(file: BinaryIO) -> bytes:
    """The rest of an open file, which stands where it stood, so that it can be probed and then loaded."""
    if not (hasattr(file, "seekable") and file.seekable()):
        return file.read()
    place = file.tell()
    data = file.read()
    file.seek(place)
    return data


def _locate_name(name: str, key: str, keep: bool) -> Encoded:
    if not name:
        raise DataError(f"{key or 'audio'}: the source is empty; should be a path, URL or `cmd |`")
    if is_pipe(name):
        data = _kept(keep, ("pipe", name), lambda: run_pipe(name, key))
        return _from_bytes(data, f"{key}: pipe `{name[:-1].strip()}`" if key else f"pipe `{name[:-1].strip()}`")
    if is_url(name):
        return _from_file(str(fetch(name)), where=name)
    if name == "-":
        return _from_bytes(_stdin_data(), "stdin", may_be_pcm=True)
    place = _ARK_PLACE.fullmatch(name)
    if place and not os.path.exists(name):
        return _from_bytes(wave_in_ark(place[1], int(place[2])), where=name)
    return _from_file(name, where=name)


def _from_file(path: str, where: str) -> Encoded:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{where}: is a directory; should be an audio file")
        if not stat.S_ISREG(mode):
            return _from_bytes(_stream_data(path), where)
        with open(path, "rb") as file:
            head = file.read(HEAD_SIZE)
            extension = os.path.splitext(path)[1].lower()
            kind = _kind_of_file(head, extension)
            _refuse(kind, head, where)
            header = _checked(kind, file, os.fstat(file.fileno()).st_size, where)
            file.seek(0)
            if header is not None and header.misleads:
                return Encoded(where, kind, data=riff.with_known_size(file.read(), header))
            if extension == ".raw" and kind != "pcm":  # soundfile goes by this name
                return Encoded(where, kind, data=file.read())
    except OSError as error:
        raise read_failure(where, error) from error
    except ValueError as error:  # a NUL in it
        raise DataError(f"{where!r}: is no path ({error})") from error
    return Encoded(where, kind, path=path)


def _kind_of_file(head: bytes, extension: str) -> str:
    kind = kind_of(head)
    if extension in PCM_EXTENSIONS and kind not in ("empty", "wav", "flac", "ogg"):  # those have four letters to say so
        return "pcm"
    if kind != "binary":
        return kind
    # a stream without a magic number of its own, or with junk before it
    if extension in FFMPEG_EXTENSIONS:
        return extension[1:]
    return "audio" if extension in AUDIO_EXTENSIONS and ffmpeg.has_ffmpeg() else kind


def _from_bytes(data: bytes, where: str, may_be_pcm: bool = False) -> Encoded:
    kind = kind_of(data[:HEAD_SIZE])
    if kind == "binary" and may_be_pcm:
        kind = "pcm"
    _refuse(kind, data[:HEAD_SIZE], where)
    header = _checked(kind, io.BytesIO(data), len(data), where)
    if header is not None and header.data_bytes is None:
        data = riff.with_known_size(data, header)
    return Encoded(where, kind, data=data)


def _checked(kind: str, file: BinaryIO, size: int, where: str) -> riff.WaveHeader | None:
    """The header of a wave; a wave or ogg that is cut short is a DataError."""
    file.seek(0)
    if kind == "ogg":
        _check_ogg(file, size, where)
    if kind != "wav":
        return None
    header = riff.read_header(file)
    _check_wave(header, size, where)
    return header


def _refuse(kind: str, head: bytes, where: str) -> None:
    if kind == "empty":
        raise DataError(f"{where}: is empty (0 bytes); should be an audio file")
    if kind in ("text", "json"):
        shown = head[:30].decode("utf-8", "replace").splitlines()[0] if head.strip() else ""
        raise DataError(f"{where}: is text that begins with {shown!r}; should be audio")
    if kind == "binary":
        raise DataError(
            f"{where}: is no audio that is known (it begins with {head[:8].hex(' ')}); should be an audio file"
        )
    if kind == "ark":
        raise DataError(f"{where}: is a Kaldi archive; one entry of it is {where}:OFFSET, as in an scp file")


def _check_wave(header: riff.WaveHeader | None, size: int, where: str) -> None:
    if header is None or header.data_bytes is None:
        return
    there = max(0, size - header.data_start)
    missing = header.data_bytes - there
    # published corpora hold files whose header promises some samples too many; what is lost of a cut file is far more
    if missing <= header.data_bytes * SHORTFALL_PART and missing <= header.rate * header.frame_bytes * SHORTFALL_S:
        return
    unit = header.frame_bytes if header.is_pcm else 1
    if there // unit < header.data_bytes // unit:
        what = "samples" if header.is_pcm else "bytes"
        counts = f"{there // unit} of {header.data_bytes // unit} {what}"
        raise DataError(f"{where}: is cut short, {counts} are there; fetch or make the file again")


def _check_ogg(file: BinaryIO, size: int, where: str) -> None:
    """libsndfile takes a cut file for a shorter one; the last page shows it."""
    start = max(0, size - OGG_PAGE_BYTES)
    file.seek(start)
    tail = file.read()
    page = tail.rfind(b"OggS\0")
    table = tail[page + 27 : page + 27 + tail[page + 26]] if 0 <= page <= len(tail) - 27 else b""
    needed = 27 + len(table) + sum(table)
    if not 0 <= page <= len(tail) - 27 or len(table) < tail[page + 26] or page + needed > len(tail):
        raise DataError(f"{where}: is cut short, byte {size} is within a page; fetch or make the file again")


def through_ffmpeg(found: Encoded, keep: bool) -> Encoded:
    """The recording as a wave that ffmpeg makes of it."""
    if found.path is not None:
        about = os.stat(found.path)
        tag = ("ffmpeg", found.path, about.st_mtime_ns, about.st_size)
        data = _kept(keep, tag, lambda: ffmpeg.to_wave(found.path, found.where, found.kind))
    else:
        data = ffmpeg.bytes_to_wave(found.data, found.where, found.kind)
    return _from_bytes(data, found.where)


_held: dict[tuple, bytes] = {}  # at most one recording


def _kept(keep: bool, tag: tuple, make: Callable[[], bytes]) -> bytes:
    """The bytes made last, when wanted again: segments come recording by recording, and a pipe costs a process."""
    data = _held.get(tag) if keep else None
    if data is None:
        data = make()
        if keep:
            _held.clear()
            _held[tag] = data
    return data


def _stream_data(path: str) -> bytes:
    """What a named pipe or `<(sox ...)` gives, held because it can be read once; its time tells a new one."""
    tag = ("stream", path, os.stat(path).st_mtime_ns)
    if tag in _held:
        return _held[tag]
    with open_bytes(path) as file:
        data = file.read()
    _held.clear()
    _held[("stream", path, os.stat(path).st_mtime_ns)] = data
    return data


_stdin_held: list = []  # the stream and what it gave: stdin can be read once


def _stdin_data() -> bytes:
    stream = stdin_bytes()
    if not _stdin_held or _stdin_held[0] is not stream:
        _stdin_held[:] = [stream, stream.read()]
    return _stdin_held[1]


def wave_in_ark(path: str, offset: int) -> bytes:
    """The wave file that stands at a place of an archive, as Kaldi's wav-copy and kaldiio write them."""
    where = f"{path}:{offset}"
    try:
        with open_bytes(path) as file:
            file.seek(offset)
            head = file.read(6)
            if head.startswith(b"AUDIO") and len(head) == 6:
                return file.read(int.from_bytes(file.read(head[5]), "little"))
            if head.startswith(b"RIFF"):
                file.seek(offset)
                header = riff.read_header(file)
                if header is not None and header.data_bytes is not None:
                    file.seek(offset)
                    return file.read(header.data_start + header.data_bytes)
    except UNREADABLE as error:
        raise read_failure(where, error) from error
    if head.startswith(b"\0B") or head.lstrip().startswith(b"["):
        raise DataError(f"{where}: holds features; should be a wave")
    raise DataError(f"{where}: no wave starts there; should be an offset of the scp file that belongs to the archive")
