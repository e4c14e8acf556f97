"""The way of m4a and its like, with a program in place of ffmpeg that prints what a test wants."""

import os
import shutil

import numpy as np
import pytest
import soundfile

from asrtools.errors import DataError
from asrtools.io.audio import load, probe

M4A = b"\0\0\0\x20ftypM4A " + bytes(100)


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch, wave):
    """Put a program on PATH that notes its arguments and prints a float wave of speech."""

    def install(ending: str = "") -> None:
        samples, rate = soundfile.read(wave, dtype="float32")
        soundfile.write(tmp_path / "out.wav", samples, rate, subtype="FLOAT")
        program = tmp_path / "bin" / "ffmpeg"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/arguments\ncat {tmp_path}/out.wav\n{ending}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return install


def test_without_ffmpeg_the_cure_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(M4A)
    with pytest.raises(
        DataError, match=r"a\.m4a: m4a needs the ffmpeg program, which is not on PATH; install it, or convert"
    ):
        load(tmp_path / "a.m4a")
    (tmp_path / "a.ac3").write_bytes(b"\x0b\x77" + bytes(100))
    with pytest.raises(DataError, match="ac3 needs the ffmpeg program"):
        load(tmp_path / "a.ac3")


def test_other_formats_go_through_ffmpeg(tmp_path, fake_ffmpeg, speech):
    fake_ffmpeg()
    path = tmp_path / "-i.m4a"
    path.write_bytes(M4A)
    assert np.array_equal(load(path).samples * 32768, speech)
    assert f"-i file:{path}" in (tmp_path / "arguments").read_text()
    assert np.array_equal(load(M4A).samples * 32768, speech)
    assert probe(f"cat {path} |").num_samples == 8000


def test_segments_of_one_recording_run_ffmpeg_once(tmp_path, fake_ffmpeg):
    fake_ffmpeg()
    (tmp_path / "a.m4a").write_bytes(M4A)
    for start_ms in (0, 100, 200):
        load(tmp_path / "a.m4a", start_ms=start_ms, end_ms=start_ms + 100)
    assert len((tmp_path / "arguments").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        ("echo '[mov @ 0x1] moov atom not found' >&2; exit 1", "moov atom not found"),
        ("exit 9", "exit status 9"),
        ("echo '[in#0/matroska @ 0x1] File ended prematurely' >&2", "File ended prematurely"),
    ],
)
def test_what_ffmpeg_cannot_read_is_an_error_with_its_reason(tmp_path, fake_ffmpeg, ending, cause):
    fake_ffmpeg(ending)
    (tmp_path / "a.m4a").write_bytes(M4A)
    with pytest.raises(DataError) as caught:
        load(tmp_path / "a.m4a")
    assert (
        str(caught.value) == f"{tmp_path}/a.m4a: ffmpeg cannot read it as m4a ({cause}); should be a whole audio file"
    )


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_lossless_m4a_has_the_bits_of_its_wave(tmp_path, wave, speech):
    os.system(f"ffmpeg -loglevel error -i {wave} -c:a alac {tmp_path}/a.m4a")
    assert np.array_equal(load(tmp_path / "a.m4a").samples * 32768, speech)
