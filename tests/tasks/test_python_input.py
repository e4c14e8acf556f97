"""What `AutoModel.generate(input=...)` may be given, as records."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from asrtools.errors import DataError
from asrtools.tasks.python_input import read_audio_input, read_pairs, read_text_input

FIRST, SECOND = "rand_key_0000000000000", "rand_key_0000000000001"


def test_a_list_of_one_column_is_inputs_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text("one.wav\n\ntwo.wav\n")
    found = list(read_audio_input(tmp_path / "wav.scp").utterances)
    assert [(one.key, one.source) for one in found] == [(FIRST, "one.wav"), (SECOND, "two.wav")]
    (tmp_path / "text.txt").write_text("你好\n")
    assert [(one.key, one.text) for one in read_text_input(tmp_path / "text.txt").utterances] == [(FIRST, "你好")]


def test_one_line_of_a_list_that_lacks_its_path_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text("a one.wav\nb\n")
    found = list(read_audio_input(tmp_path / "wav.scp").utterances)
    assert [(one.key, one.status) for one in found] == [("a", ""), ("b", "error")]


def test_a_json_line_needs_no_key(tmp_path: Path) -> None:
    lines = [{"key": "a", "source": "one.wav"}, {"source": "two.wav"}]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = list(read_audio_input(tmp_path / "list.jsonl").utterances)
    assert [(one.key, one.source) for one in found] == [("a", "one.wav"), (SECOND, "two.wav")]


def test_an_open_file_is_read() -> None:
    given = read_audio_input(io.BytesIO(b"abcd"))
    assert given.held == {FIRST: b"abcd"}


def test_the_type_of_the_data_is_one_that_there_is() -> None:
    assert not read_audio_input("a.wav", data_type=["sound"]).held
    assert list(read_audio_input(np.zeros((1, 5, 80)), data_type=["fbank"]).held) == [FIRST]
    with pytest.raises(DataError, match="did you mean sound"):
        read_audio_input("a.wav", data_type="sond")


def test_a_text_file_that_is_not_there_is_no_text() -> None:
    with pytest.raises(DataError, match="no such file"):
        read_text_input("no/such.txt")


def test_pairs_come_as_two_lists_or_a_list_of_pairs(tmp_path: Path) -> None:
    wanted = [("a.wav", "x"), ("b.wav", "y")]
    for given in ((["a.wav", "b.wav"], ["x", "y"]), wanted):
        pairs, _ = read_pairs(given)
        assert [(sound.source, text.text) for sound, text in pairs] == wanted
    pairs, _ = read_pairs(["a.wav", "x y"])
    assert [(sound.source, text.text) for sound, text in pairs] == [("a.wav", "x y")]
    with pytest.raises(DataError, match="2 recordings and 1 texts"):
        read_pairs((["a.wav", "b.wav"], ["x"]))


def test_lists_with_keys_are_brought_together_by_these(tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text("a a.wav\nb b.wav\nc c.wav\n")
    (tmp_path / "text.txt").write_text("d w\nb y\na x\n")
    pairs, _ = read_pairs((tmp_path / "wav.scp", tmp_path / "text.txt"))
    assert [(sound.source, text.text) for sound, text in pairs[:2]] == [("a.wav", "x"), ("b.wav", "y")]
    assert [next(one.error for one in pair if one.error) for pair in pairs[2:]] == [
        f"c: has no line in {tmp_path}/text.txt",
        f"d: has no line in {tmp_path}/wav.scp",
    ]
