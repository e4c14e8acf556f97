"""Texts by key, from whatever holds them."""

from pathlib import Path

import pytest

from asrtools.errors import DataError
from asrtools.io.text_table import read_text_table, text_files


def test_a_directory_is_searched_for_its_text(tmp_path: Path) -> None:
    for job in (10, 2):
        folder = tmp_path / f"output.{job}" / "1best_recog"
        folder.mkdir(parents=True)
        (folder / "text").write_text(f"u{job} a\n")
    assert [Path(file).parts[-3] for file in text_files(tmp_path)] == ["output.2", "output.10"]
    assert list(read_text_table(tmp_path, is_reference=False).texts) == ["u2", "u10"]
    (tmp_path / "text").write_text("whole x\n")
    assert list(read_text_table(tmp_path, is_reference=False).texts) == ["whole"]


def test_keys_and_texts_are_parted_at_the_first_blanks(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("\ufeffa \t x  y \r\nb\r\n\r\nc\u3000d e\n".encode())
    assert read_text_table(tmp_path, is_reference=True).texts == {"a": "x  y", "b": "", "c\u3000d": "e"}


def test_half_a_surrogate_pair_does_not_stop_the_output(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"key": "u", "text": "a\\ud83d"}\n')
    assert read_text_table(tmp_path / "r.jsonl", is_reference=False).texts == {"u": "a?"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[{"key": "u"}]\n', "is a JSON array"),
        (b"u a\nu b\nu c\n", ":2: duplicate key u (and 1 more); every key should stand once"),
        (b'{"key": "u", "text": "a"}\n{"key": "u", "text": "a"}\n', "duplicate key u; every key"),
        (b"\x00\x01\x02\x03", "is binary, not text"),
    ],
)
def test_what_cannot_be_a_table_is_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_text_table(tmp_path / "text", is_reference=False)
    assert words in str(caught.value)


def test_a_record_without_text_says_why(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text(
        '{"key": "u", "source": "a.wav", "status": "error", "error": "a.wav: no such file"}\n'
    )
    table = read_text_table(tmp_path / "r.jsonl", is_reference=False)
    assert table.texts == {} and table.without_text == {"u": "a.wav: no such file"} and table.unusable == {}
