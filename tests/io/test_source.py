import gzip
import itertools
import os
import sys
import threading
import types

import kaldiio
import numpy as np
import pytest
import soundfile

from asrtools.errors import DataError
from asrtools.io.audio import load
from asrtools.io.jsonl import to_line
from asrtools.io.source import read_inputs
from asrtools.record import Utterance


def setup_error(data, *args, **options) -> str:
    with pytest.raises(DataError) as caught:
        next(read_inputs(data, *args, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stereo(here, speech):
    soundfile.write(here / "stereo.wav", np.stack([speech, speech // 2], axis=1), 16000)
    return "stereo.wav"


LIST = [Utterance("a", "a.wav"), Utterance("b", "sox b.wav -t wav - |")]
LINES = "a a.wav\nb\tsox b.wav -t wav - |\n"


@pytest.mark.parametrize("name", ["wav.scp", "list.txt", "wav.1.scp", "list", "list.scp.gz"])
def test_a_list_is_known_by_its_name_or_its_first_byte(here, name):
    data = LINES.encode()
    (here / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert list(read_inputs([name])) == LIST


@pytest.mark.parametrize("name", ["list.jsonl", "list.txt", "list"])
def test_records_are_known_by_their_name_or_their_first_byte(here, name):
    (here / name).write_text("".join(to_line(record) + "\n" for record in LIST))
    assert list(read_inputs([name])) == LIST


def test_stdin_is_a_list_records_or_one_recording(type_in, wave, speech):
    type_in(LINES.encode())
    assert list(read_inputs(["-"])) == LIST
    type_in(b'{"key": "a", "source": "a.wav"}\n')
    assert list(read_inputs(["-"])) == LIST[:1]
    type_in(wave.read_bytes())
    (record,) = read_inputs(["-"])
    assert record == Utterance("stdin", "-")
    assert np.array_equal(load(record.source).samples * 32768, speech)
    type_in(wave.read_bytes()[44:])
    (record,) = read_inputs(["-"], "pcm")
    assert np.array_equal(load(record.source).samples * 32768, speech)


def test_a_named_pipe_is_a_list(here):
    os.mkfifo("fifo")
    writer = threading.Thread(target=(here / "fifo").write_text, args=(LINES,))
    writer.start()
    assert list(read_inputs(["fifo"])) == LIST
    writer.join()


def test_audio_files_are_keyed_by_their_names(here):
    data = ["x/a.wav", "b.c.FLAC", "http://host/d%20e.mp3?token=1", "my  talk.m4a", "f.pcm"]
    assert list(read_inputs(data)) == [
        Utterance("a", "x/a.wav"),
        Utterance("b.c", "b.c.FLAC"),
        Utterance("d_e", "http://host/d%20e.mp3?token=1"),
        Utterance("my_talk", "my  talk.m4a"),
        Utterance("f", "f.pcm"),
    ]


def test_two_files_with_one_stem_are_not_mixed_up(here):
    first, second = read_inputs(["x/a.wav", "y/a.wav"])
    assert first == Utterance("a", "x/a.wav")
    assert (second.key, second.source, second.status) == ("a", "y/a.wav", "error")
    assert second.error == "duplicate key a (of y/a.wav); every key should stand once"


def test_a_repeated_key_in_records_is_an_error(here):
    (here / "l.jsonl").write_text(
        '{"key": "a", "text": "x"}\n{"key": "a", "text": "y"}\n{"key": "a", "status": "error"}\n'
    )
    assert [record.status for record in read_inputs(["l.jsonl"])] == ["", "error", "error"]


def test_audio_without_an_extension_is_known_by_its_first_bytes(here, wave):
    os.rename(wave, "recording")
    assert list(read_inputs(["recording"])) == [Utterance("recording", "recording")]


def test_a_data_directory_is_read(here):
    (here / "data").mkdir()
    (here / "data" / "wav.scp").write_text(LINES)
    (here / "data" / "feats.scp").write_text("a f.ark:2\n")
    (here / "data" / "text").write_text("a 你好\nb\n", encoding="utf-8")
    assert [record.target for record in read_inputs(["data"])] == ["你好", ""]
    assert [record.source for record in read_inputs(["data/"], "fbank")] == ["f.ark:2", ""]
    assert [record.source for record in read_inputs(["data"], "scp")] == ["a.wav", "sox b.wav -t wav - |"]
    for options in ({"input_type": "text"}, {"plain": "text"}):
        assert list(read_inputs(["data"], **options)) == [Utterance("a", text="你好"), Utterance("b", text="")]


def test_lines_of_text_are_what_was_recognised(here, type_in):
    type_in("a 你好 hello\nb\n".encode())
    assert list(read_inputs(["-"], "text")) == [Utterance("a", text="你好 hello"), Utterance("b", text="")]
    type_in("a 你好\n".encode())
    assert list(read_inputs(["-"], plain="text")) == [Utterance("a", text="你好")]
    type_in(b'{"key": "a", "text": "x"}\n')
    assert list(read_inputs(["-"], plain="text")) == [Utterance("a", text="x")]


def test_features_come_from_a_list_an_archive_or_numpy(here):
    kaldiio.save_ark("feats.ark", {"a": np.zeros((2, 3)), "b": np.zeros((1, 3))}, scp="feats.scp")
    os.link("feats.ark", "feats")
    want = [Utterance("a", "feats.ark:2"), Utterance("b", "feats.ark:67")]
    assert list(read_inputs(["feats.scp"])) == list(read_inputs(["feats.scp"], "fbank")) == want
    assert list(read_inputs(["feats.ark"])) == list(read_inputs(["feats.ark"], "fbank")) == want
    assert [record.source for record in read_inputs(["feats"], "fbank")] == ["feats:2", "feats:67"]
    assert list(read_inputs(["x.npy", "y.npy"])) == [Utterance("x", "x.npy"), Utterance("y", "y.npy")]


def test_bad_lines_are_records_in_their_place(here):
    (here / "wav.scp").write_bytes(b"a a.wav\nb\na c.wav\n\n\xff\xfe x\nd d.wav\n")
    records = list(read_inputs(["wav.scp"]))
    assert [(record.key, record.status) for record in records] == [
        ("a", ""),
        ("b", "error"),
        ("a", "error"),
        ("��", "error"),
        ("d", ""),
    ]
    assert records[1].error == "wav.scp:2: b has no value; a line should be `key value`"


def test_channels_become_records_of_their_own(stereo, wave):
    (wave.parent / "wav.scp").write_text(f"s {stereo}\nm speech.wav\ngone gone.wav\n")
    records = list(read_inputs(["wav.scp"], channel="each"))
    assert [(record.key, record.channel) for record in records] == [("s-0", 0), ("s-1", 1), ("m", None), ("gone", None)]
    assert records[3].error == "gone.wav: no such file; relative paths start from the working directory"
    assert records[3].status == "error"


def test_segments_of_one_recording_are_expanded_by_one_look(stereo, here):
    (here / "wav.scp").write_text(f"r echo run >> runs; cat {stereo} |\n")
    (here / "segments").write_text("u r 0 0.1\nv r 0.1 0.2\nw r 0 1 1\n")
    records = list(read_inputs(["."], channel="each"))
    assert [record.key for record in records] == ["u-0", "u-1", "v-0", "v-1", "w"]
    assert (here / "runs").read_text() == "run\n"


def test_one_channel_for_all_is_set_where_none_is(here):
    (here / "l.jsonl").write_text('{"key": "a", "source": "a.wav"}\n{"key": "b", "source": "b.wav", "channel": 1}\n')
    assert [record.channel for record in read_inputs(["l.jsonl"], channel="0")] == [0, 1]
    assert [record.channel for record in read_inputs(["l.jsonl"], channel="all")] == [None, 1]


def test_features_have_no_channels(here):
    kaldiio.save_ark("feats.ark", {"a": np.zeros((2, 3))}, scp="feats.scp")
    assert list(read_inputs(["feats.scp"], channel="each")) == [Utterance("a", "feats.ark:2")]


def test_lists_are_streamed(monkeypatch):
    class Endless:
        def __init__(self):
            self.count = itertools.count()

        def peek(self, size):
            return b"a a.wav\n"

        def readline(self):
            return b"key%d a.wav\n" % next(self.count)

    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=Endless()))
    assert [record.key for record in itertools.islice(read_inputs(["-"]), 3)] == ["key0", "key1", "key2"]


def test_trouble_with_data_itself_stops_at_once(here, wave, type_in):
    (here / "empty.scp").touch()
    (here / "blank.scp").write_text("\n \n")
    (here / "junk").write_bytes(b"\0\1\2\3" * 10)
    os.link(wave, "sound.scp")
    (here / "utf16.txt").write_bytes("a a.wav\n".encode("utf-16"))
    assert setup_error([]).startswith("no input; should be")
    assert setup_error("wav.scp").startswith("no input; should be")
    assert setup_error(["gone.scp"]).startswith("gone.scp: no such file")
    assert setup_error(["gone"]).startswith("gone: no such file")
    assert setup_error(["empty.scp"]) == "empty.scp: is empty; should have at least one line, such as `key path`"
    assert setup_error(["blank.scp"]).startswith("blank.scp: is empty")
    assert setup_error(["sound.scp"]).startswith(
        "sound.scp: is audio (wav), not a list of lines; give --input-type audio"
    )
    assert setup_error([str(wave)], "scp").startswith(f"{wave}: is audio (wav), not a list of lines")
    assert setup_error([str(wave)], "jsonl").startswith(f"{wave}: is audio (wav), not a list of lines")
    assert setup_error(["junk"]).startswith("junk: cannot tell what it is; say so with --input-type scp|jsonl")
    assert "UTF-16" in setup_error(["utf16.txt"])
    assert setup_error(["a.wav", "empty.scp"]).startswith("empty.scp: is one of 2 inputs; several should all be audio")
    assert setup_error(["a.wav", "-"], "audio").startswith("-: is one of 2 inputs")
    assert setup_error(["sox a.wav |"]).startswith("`sox a.wav |` is a pipe; give it a key in a list")
    assert setup_error(["."], "audio").startswith(".: is a directory; should be a file for --input-type audio")
    assert setup_error(["."]).startswith(".: is a directory without wav.scp or feats.scp")
    assert setup_error(["a.bin"], "pcm").startswith("a.bin: is to be raw PCM")
    assert setup_error(["a.wav"], "mp3").startswith("input type 'mp3' is not known; should be one of auto, scp")
    assert setup_error(["a.wav"], channel="left").startswith("channel 'left' is not known")
    type_in(b"")
    assert setup_error(["-"]).startswith("stdin: is empty")
    type_in(b"a \0BFM \4")
    assert setup_error(["-"], "fbank").startswith("stdin: is an archive, which records cannot point into")
