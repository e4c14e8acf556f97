"""Raw 16-bit PCM from stdin, as it arrives."""

from collections.abc import Iterator

import numpy as np

from asrtools.errors import DataError
from asrtools.io.samples import from_pcm
from asrtools.io.text_file import stdin_bytes


def read_resampled(packet_ms: int, fs: int, rate: int) -> Iterator[np.ndarray]:
    """float32 at `rate` of packets that arrive with `fs` samples a second."""
    packets = read_packets(max(1, packet_ms * fs // 1000))
    if fs == rate:
        yield from packets
        return
    import soxr

    stream = soxr.ResampleStream(fs, rate, 1, dtype="float32")
    for packet in packets:
        yield stream.resample_chunk(packet)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def read_packets(num_samples: int) -> Iterator[np.ndarray]:
    """float32 of so many samples each, the last one of what is left; waits for no more than a packet.

    A pipe that ends in the middle of a sample is a DataError after the samples before.
    """
    stream = stdin_bytes()
    is_first = True
    while data := stream.read(2 * num_samples):
        if is_first and data[:4] == b"RIFF" and data[8:12] == b"WAVE":
            raise DataError("stdin: is a wav file; raw pcm is wanted (arecord -t raw), or --input-type audio")
        is_first = False
        yield from_pcm(data[: len(data) // 2 * 2])
        if len(data) % 2:
            raise DataError("stdin: has an odd number of bytes; 16-bit PCM should have two for every sample")
