"""The header of a wave file, read by hand because libsndfile is silent about a file shorter than its header says."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_UNKNOWN_SIZES = (
    range(0x7FFFEF00, 0x80001001),  # sox writes 0x7FFFF000 less a part of a frame, arecord 0x80000000
    range(0xFFFFEF00, 0x100000000),  # ffmpeg writes 0xFFFFFFFF
)

_MOST_CHUNKS = 1000


@dataclass(frozen=True)
class WaveHeader:
    rate: int
    channels: int
    frame_bytes: int  # of all channels together; of one block in a compressed format
    is_pcm: bool  # frames of a fixed size: integer, float, A-law, mu-law
    data_start: int  # from the place where the header was read
    data_bytes: int | None  # as promised; None when the writer did not know
    size_field: int  # what stands in the header

    @property
    def misleads(self) -> bool:
        """libsndfile finds out by itself what an absurd size means, but believes a size of 0."""
        return self.data_bytes is None and self.size_field == 0


def read_header(stream: BinaryIO) -> WaveHeader | None:
    """The header that starts where the stream stands; None for what is no plain RIFF wave (libsndfile then decides)."""
    start = stream.tell()
    riff, riff_bytes, wave = _unpack("<4sI4s", stream.read(12))
    if riff not in (b"RIFF", b"RF64", b"BW64") or wave != b"WAVE":
        return None
    layout, long_size, tag = None, None, 0
    for _ in range(_MOST_CHUNKS):
        name, size = _unpack("<4sI", stream.read(8))
        if name in (None, b"data"):
            break
        body = stream.read(min(size, 64)) if name in (b"fmt ", b"ds64") else b""
        if name == b"fmt ":
            layout = _unpack("<HHIIHH", body[:16])
            is_extended = layout[0] == 0xFFFE and len(body) >= 26
            tag = struct.unpack_from("<H", body, 24)[0] if is_extended else layout[0]
        elif name == b"ds64":
            _, long_size = _unpack("<QQ", body[:16])
        stream.seek(size - len(body) + (size & 1), 1)
    if name != b"data" or layout is None or layout[1] is None:
        return None
    _, channels, rate, _, frame_bytes, bits = layout
    if not channels or not rate or not frame_bytes:
        return None
    data_start = stream.tell() - start
    data_bytes = size
    if size == 0xFFFFFFFF and long_size is not None:
        data_bytes = long_size
    elif any(size in unknown for unknown in _UNKNOWN_SIZES):
        data_bytes = None
    elif size == 0 and (riff_bytes in (0, 0xFFFFFFFF) or riff_bytes + 8 <= data_start):
        data_bytes = None  # a recorder that was ended before it could fill in its header
    return WaveHeader(rate, channels, frame_bytes, tag in (1, 3, 6, 7), data_start, data_bytes, size)


def with_known_size(data: bytes, header: WaveHeader) -> bytes:
    """The same wave with the size it has in its header."""
    there = len(data) - header.data_start
    fixed = bytearray(data)
    struct.pack_into("<I", fixed, 4, min(len(data) - 8, 0xFFFFFFFF))
    struct.pack_into("<I", fixed, header.data_start - 4, min(there, 0xFFFFFFFF))
    return bytes(fixed)


def _unpack(layout: str, data: bytes) -> tuple:
    if len(data) == struct.calcsize(layout):
        return struct.unpack(layout, data)
    return (None,) * sum(letter.isalpha() for letter in layout)
