"""Raw 16-bit PCM from stdin, as it arrives."""

from collections.abc import Iterator

import numpy as np

from asrtools.errors import DataError
from asrtools.io.samples import from_pcm
from asrtools.io.text_file import stdin_bytes


def read_packets(num_samples: int) -> Iterator[np.ndarray]:
    """float32 of so many samples each, the last one of what is left; waits for no more than a packet."""
    stream = stdin_bytes()
    while data := stream.read(2 * num_samples):
        if len(data) % 2:
            raise DataError("stdin: has an odd number of bytes; 16-bit PCM should have two for every sample")
        yield from_pcm(data)
