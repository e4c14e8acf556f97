"""What is wrong with a recording is one sentence that names it."""

import io
import os

import kaldiio
import numpy as np
import pytest
import soundfile

from asrtools.errors import DataError
from asrtools.io.audio import load, probe


def sentence(source, **options) -> str:
    with pytest.raises(DataError) as caught:
        load(source, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file(tmp_path):
    assert (
        sentence(f"{tmp_path}/a.wav")
        == f"{tmp_path}/a.wav: no such file; relative paths start from the working directory"
    )
    assert "no such file" in sentence(f"{tmp_path}/a.ark:12")


def test_an_empty_file(tmp_path):
    for name in ("a.wav", "a.pcm"):
        (tmp_path / name).touch()
        assert sentence(tmp_path / name) == f"{tmp_path}/{name}: is empty (0 bytes); should be an audio file"


def test_a_header_without_sound(tmp_path, wave):
    wave.write_bytes(wave.read_bytes()[:44])
    assert sentence(wave) == f"{wave}: is cut short, 0 of 8000 samples are there; fetch or make the file again"


def test_a_part_of_a_header(wave):
    wave.write_bytes(wave.read_bytes()[:30])
    assert " as wav (" in sentence(wave)


def test_a_header_that_promises_a_few_samples_too_many_is_no_cut(wave):
    whole = wave.read_bytes()
    for missing in (1, 80):
        wave.write_bytes(whole[: len(whole) - 2 * missing])
        assert len(load(wave).samples) == probe(wave).num_samples == 8000 - missing
        assert len(load(wave.read_bytes()).samples) == 8000 - missing
    wave.write_bytes(whole[: len(whole) - 2 * 81])
    assert "7919 of 8000 samples" in sentence(wave)


def test_a_wave_that_is_cut_short_says_how_much_is_there(wave):
    wave.write_bytes(wave.read_bytes()[: 44 + 2 * 5000])
    assert sentence(wave) == f"{wave}: is cut short, 5000 of 8000 samples are there; fetch or make the file again"
    assert "5000 of 8000 samples" in sentence(wave.read_bytes())
    assert "5000 of 8000 samples" in sentence(f"cat {wave} |")
    with pytest.raises(DataError, match="5000 of 8000 samples"):
        probe(wave)


def test_a_wave_in_an_archive_that_is_cut_short(tmp_path, speech):
    ark = tmp_path / "a.ark"
    kaldiio.save_ark(str(ark), {"a": (16000, speech)})
    ark.write_bytes(ark.read_bytes()[:10000])
    assert "of 8000 samples are there" in sentence(f"{ark}:2")


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg", "opus"])
def test_a_compressed_file_that_is_cut_short(tmp_path, speech, kind):
    path = tmp_path / f"a.{kind}"
    options = {"format": "OGG", "subtype": "OPUS"} if kind == "opus" else {}
    soundfile.write(path, np.tile(speech, 6), 16000, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert f"{path}: is cut short" in sentence(path)
    assert "is cut short" in sentence(path.read_bytes())
    if kind in ("flac", "mp3"):
        assert "of 48000 samples" in sentence(path)


def test_a_text_file(tmp_path, type_in):
    path = tmp_path / "a.wav"
    path.write_text("utt1 a.wav\nutt2 b.wav\n")
    assert sentence(path) == f"{path}: is text that begins with 'utt1 a.wav'; should be audio"
    assert "is text" in sentence(b"this is no sound")
    type_in(b"this is no sound")
    assert sentence("-").startswith("stdin: is text")


def test_a_directory(tmp_path):
    assert sentence(tmp_path) == f"{tmp_path}: is a directory; should be an audio file"


def test_a_channel_that_is_not_there(tmp_path, wave, speech):
    assert sentence(wave, channel=1) == f"{wave}: has no channel 1; should be 0, for there is one"
    soundfile.write(tmp_path / "b.wav", np.stack([speech, speech], axis=1), 16000)
    assert sentence(tmp_path / "b.wav", channel="2").endswith("has no channel 2; should be 0 to 1")
    assert "channel 'left' is not known" in sentence(wave, channel="left")


def test_samples_that_are_no_numbers(tmp_path):
    samples = np.zeros(100, np.float32)
    samples[70] = np.nan
    assert sentence(samples, key="utt1") == "utt1: sample 70 is not a finite number; should be in [-1, 1]"
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    assert "sample 70 is not a finite number" in sentence(tmp_path / "a.wav")


def test_an_array_with_several_dimensions(speech):
    assert "has the shape (4000, 2); should be the samples of one channel" in sentence(speech.reshape(-1, 2))
    assert "has the shape ()" in sentence(np.float32(0.5))


def test_integers_that_nobody_divided(speech):
    assert "samples reach 32768; floats should be in [-1, 1]" in sentence(speech.astype(np.float32))
    assert "holds int64 samples" in sentence(speech.astype(np.int64))


def test_other_objects(wave):
    assert "is a list; should be a path" in sentence([0.1, 0.2])
    assert "is a NoneType" in sentence(None, key="utt1")
    assert "the source is empty" in sentence("  ")
    assert "gives str; should be opened in binary mode" in sentence(io.StringIO("x"))
    assert "is no path" in sentence("a\0b.wav")


def test_half_a_sample_of_pcm(tmp_path):
    (tmp_path / "a.pcm").write_bytes(b"\1\2\3")
    assert "has 3 bytes, an odd number" in sentence(tmp_path / "a.pcm")
    assert "has 3 bytes, an odd number" in sentence(b"\1\2\3")


def test_bytes_of_no_known_kind(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    (tmp_path / "a.wav").write_bytes(b"\0" + os.urandom(1000))
    assert "is no audio that is known (it begins with 00 " in sentence(tmp_path / "a.wav")


def test_a_failing_pipe_is_an_error_though_it_printed_sound(wave):
    message = sentence(f"cat {wave}; echo broken >&2; exit 3 |", key="utt1")
    assert message.startswith("utt1: pipe `cat ")
    assert "failed with exit status 3 (broken)" in message


def test_a_pipe_that_prints_nothing():
    assert sentence("true |") == "pipe `true`: is empty (0 bytes); should be an audio file"


def test_a_place_without_a_wave(tmp_path, speech):
    kaldiio.save_ark(str(tmp_path / "feats.ark"), {"a": np.zeros((2, 3), np.float32)})
    assert "holds features; should be a wave" in sentence(f"{tmp_path}/feats.ark:2")
    kaldiio.save_ark(str(tmp_path / "wave.ark"), {"a": (16000, speech)})
    assert "no wave starts there" in sentence(f"{tmp_path}/wave.ark:3")
    assert "no wave starts there" in sentence(f"{tmp_path}/wave.ark:99999999")
    assert "is a Kaldi archive; one entry of it is" in sentence(f"{tmp_path}/wave.ark")
