"""int16 sound is the same floats to the bit, by whatever route it comes."""

import io
import os
import threading

import kaldiio
import numpy as np
import pytest
import soundfile

from asrtools.io.audio import load, probe


@pytest.fixture
def routes(tmp_path, wave, speech):
    soundfile.write(tmp_path / "a.flac", speech, 16000)
    soundfile.write(tmp_path / "a.aiff", speech, 16000)
    soundfile.write(tmp_path / "float.wav", speech / 32768, 16000, subtype="FLOAT")
    (tmp_path / "a.pcm").write_bytes(speech.astype("<i2").tobytes())
    (tmp_path / "a.raw").write_bytes(speech.astype("<i2").tobytes())
    arks = {}
    for name, options in {
        "wave": {},
        "sound": {"write_function": "soundfile"},
        "flac": {"write_function": "soundfile", "write_kwargs": {"format": "flac"}},
    }.items():
        ark, scp = str(tmp_path / f"{name}.ark"), str(tmp_path / f"{name}.scp")
        kaldiio.save_ark(ark, {"a": (16000, speech[:10]), "b": (16000, speech)}, scp=scp, **options)
        arks[f"ark of {name}"] = (tmp_path / f"{name}.scp").read_text().split()[3]
    data = wave.read_bytes()
    unknown = data[:4] + b"\xff" * 4 + data[8:40] + b"\xff" * 4 + data[44:]
    return {
        "path": str(wave),
        "path object": wave,
        "flac": str(tmp_path / "a.flac"),
        "aiff": str(tmp_path / "a.aiff"),
        "float wave": str(tmp_path / "float.wav"),
        "pcm": str(tmp_path / "a.pcm"),
        "raw": str(tmp_path / "a.raw"),
        "bytes of wave": data,
        "bytes of flac": (tmp_path / "a.flac").read_bytes(),
        "bytes of pcm": bytearray(data[44:]),
        "open file": io.BytesIO(data),
        "int16 array": speech,
        "int32 array": speech.astype(np.int32) * 65536,
        "float32 array": speech.astype(np.float32) / 32768,
        "float64 array": speech / 32768,
        "row of an array": speech[None, :],
        "pipe of wave": f"cat {wave} |",
        "pipe of flac": f"cat {tmp_path}/a.flac |",
        "wave of unknown length": unknown,
        **arks,
    }


def test_every_route_gives_the_same_bits(routes, speech):
    want = speech.astype(np.float32) / 32768
    for name, source in routes.items():
        audio = load(source)
        assert (name, audio.samples.dtype, audio.rate) == (name, np.float32, 16000)
        assert np.array_equal(audio.samples, want), name
        assert (name, probe(source).num_samples) == (name, 8000)


def test_every_route_gives_the_same_bits_of_a_span(routes, speech):
    want = speech.astype(np.float32)[1600:3200] / 32768
    for name, source in routes.items():
        assert np.array_equal(load(source, start_ms=100, end_ms=200).samples, want), name


def test_every_route_gives_the_same_bits_resampled(routes):
    want = load(routes["path"], 8000).samples
    for name, source in routes.items():
        assert np.array_equal(load(source, 8000).samples, want), name


@pytest.mark.parametrize(
    ("riff", "size"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF),  # ffmpeg
        (0x7FFFF024, 0x7FFFF000),  # sox
        (0x7FFFEFF8 + 36, 0x7FFFEFF8),  # sox, frames of 12 bytes
        (0x80000024, 0x80000000),  # arecord
        (0, 0),
        (36, 0),  # a recorder that was killed
    ],
)
def test_a_wave_that_does_not_know_its_length_is_read_whole(tmp_path, wave, speech, with_sizes, riff, size):
    path = tmp_path / "stream.wav"
    path.write_bytes(with_sizes(wave.read_bytes(), riff, size))
    for source in (path, path.read_bytes(), f"cat {path} |"):
        assert np.array_equal(load(source).samples * 32768, speech)
        assert probe(source).num_samples == 8000


def test_a_wave_that_is_called_raw_is_a_wave(tmp_path, wave, speech):
    path = tmp_path / "a.raw"
    path.write_bytes(wave.read_bytes())
    assert np.array_equal(load(path).samples * 32768, speech)


def test_a_named_pipe_can_be_probed_and_then_loaded(tmp_path, wave, speech):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(wave.read_bytes(),))
    writer.start()
    assert probe(path).num_samples == 8000
    assert np.array_equal(load(path).samples * 32768, speech)
    writer.join()
