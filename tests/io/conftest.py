"""What the tests of io share: a stdin to type into, small waves, and sound in int16."""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile


@pytest.fixture
def type_in(monkeypatch):
    """Put bytes on stdin."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)), encoding="ascii"))

    return give


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """Half a second at 16 kHz, int16, with the loudest values there are."""
    samples = (np.random.default_rng(1).standard_normal(8000) * 6000).clip(-32768, 32767).astype(np.int16)
    samples[:3] = (-32768, 32767, 0)
    return samples


@pytest.fixture
def wave(tmp_path, speech):
    """A wave file of `speech`."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, speech, 16000, subtype="PCM_16")
    return path


@pytest.fixture
def with_sizes():
    """A wave with other numbers in its RIFF and data sizes."""

    def change(data: bytes, riff: int, size: int) -> bytes:
        return data[:4] + struct.pack("<I", riff) + data[8:40] + struct.pack("<I", size) + data[44:]

    return change
