import io
import struct

import numpy as np
import pytest
import soundfile

from asrtools.errors import DataError
from asrtools.io.audio import load, probe
from asrtools.io.riff import read_header


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16))


def test_other_chunks_are_neither_header_nor_sound(tmp_path, speech):
    data = riff(
        chunk(b"LIST", b"odd"),
        FORMAT,
        chunk(b"fact", bytes(4)),
        chunk(b"data", speech.tobytes()),
        chunk(b"LIST", b"x" * 99),
    )
    (tmp_path / "a.wav").write_bytes(data)
    for source in (tmp_path / "a.wav", data):
        assert probe(source).num_samples == len(speech)
        assert np.array_equal(load(source).samples * 32768, speech)
    header = read_header(io.BytesIO(data))
    assert (header.rate, header.channels, header.frame_bytes, header.is_pcm) == (16000, 1, 2, True)
    assert header.data_bytes == 2 * len(speech)


def test_no_sound_before_another_chunk_is_no_sound():
    data = riff(FORMAT, chunk(b"data", b""), chunk(b"LIST", b"x" * 100))
    assert load(data).samples.shape == (0,)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_long_format_wave_is_read_and_its_end_is_missed(tmp_path, speech, subtype):
    path = tmp_path / "a.wav"
    soundfile.write(path, speech / 32768, 16000, format="RF64", subtype=subtype)
    assert np.array_equal(load(path).samples * 32768, speech)
    data = bytearray(path.read_bytes())
    if not data.startswith(b"RF64"):  # libsndfile goes back to RIFF when the file is short
        data[:4] = b"RF64"
        data[4:8] = b"\xff" * 4
        sizes = struct.pack("<QQQI", len(data) - 8, len(speech) * (2 if subtype == "PCM_16" else 4), len(speech), 0)
        junk = data.index(b"JUNK")
        data[junk : junk + 8 + len(sizes)] = b"ds64" + struct.pack("<I", len(sizes)) + sizes
        start = data.index(b"data")
        data[start + 4 : start + 8] = b"\xff" * 4
    assert np.array_equal(load(bytes(data)).samples * 32768, speech)
    with pytest.raises(DataError, match="of 8000 samples are there"):
        load(bytes(data[:-4000]))


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\0\0\0\0WAVE",
        riff(FORMAT),
        riff(chunk(b"data", bytes(10))),
        riff(FORMAT[:12], chunk(b"data", bytes(10))),
        riff(chunk(b"fmt ", bytes(16)), chunk(b"data", bytes(10))),
        b"RIFF\0\0\0\0WAVE" + bytes(100000),
        b"RIFX\0\0\0\0WAVE" + bytes(100),
    ],
)
def test_a_header_that_makes_no_sense_is_an_error_and_no_hang(data):
    assert read_header(io.BytesIO(data)) is None
    with pytest.raises(DataError, match="as wav"):
        load(data)
