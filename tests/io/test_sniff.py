import io

import numpy as np
import pytest
import soundfile

from asrtools.io.sniff import HEAD_SIZE, kind_of


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (b'{"key": "a"}', "json"),
        (b'\xef\xbb\xbf\n {"key": "a"}', "json"),
        (b"utt1 a.wav\n", "text"),
        ("一 二\n".encode("gbk"), "text"),
        (b"utt1 [noise] hello\n", "text"),
        (b"utt1 [[0, 120]]\n", "text"),
        (b"utt1 \0BFM \4", "ark"),
        (b"utt1  [\n  -0.5 1 ]\n", "ark"),
        (b"\0\0\0\x20ftypM4A ", "m4a"),
        (b"\x1aE\xdf\xa3\0", "webm"),
        (b"#!AMR\n", "amr"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF", "wav"),
        (b"\0\1\2\3\4\5\6\7", "binary"),
    ],
)
def test_kinds_are_told_by_the_first_bytes(head, kind):
    assert kind_of(head) == kind


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64"])
def test_what_libsndfile_writes_is_recognised(kind, speech):
    file = io.BytesIO()
    soundfile.write(file, speech, 16000, format=kind)
    assert kind_of(file.getvalue()[:HEAD_SIZE]) == kind


@pytest.mark.parametrize("rate", [8000, 22050, 32000, 44100, 48000])
def test_mp3_of_every_generation_is_recognised(rate, speech):
    file = io.BytesIO()
    soundfile.write(file, np.tile(speech, 4), rate, format="MP3")
    assert kind_of(file.getvalue()[:HEAD_SIZE]) == "mp3"


def test_samples_that_begin_like_mpeg_are_not_mpeg():
    samples = np.random.default_rng(0).integers(-2000, 2000, HEAD_SIZE // 2).astype("<i2")
    for first in (-1025, -1281, -3329, -3841):  # low byte FF, high byte with the other bits of a sync word
        samples[0] = first
        assert kind_of(samples.tobytes()) == "binary"
