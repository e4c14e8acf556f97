import json
from pathlib import Path

import pytest

from asrtools.errors import DataError
from asrtools.text.char_tokenizer import CharTokenizer
from asrtools.text.hotwords import hotword_list, spell_hotwords
from asrtools.text.seg_dict import SegDict

TOKENS = ["<blank>", "<s>", "</s>", "un@@", "able", "go", "世", "界", "1", "<unk>"]
SEG_DICT = SegDict({"unable": ("un@@", "able"), "go": ("go",), "世": ("世",), "界": ("界",), "1": ("1",)})


def spelt(given: str | list[str] | None, seg_dict: SegDict | None = SEG_DICT) -> tuple:
    found = spell_hotwords(hotword_list(given), CharTokenizer(TOKENS), 1, seg_dict)
    return found.ids, found.unknown


@pytest.mark.parametrize("name", ["seaco_paraformer", "contextual_paraformer"])
def test_ids_of_the_oracle(oracle: Path, name: str) -> None:
    directory = oracle / name
    expected = json.loads((directory / "expected.json").read_text())
    tokenizer = CharTokenizer(directory / "tokens.json", seg_dict=directory / "seg_dict")
    for index, given in enumerate(expected["hotwords"]):
        wanted = expected["hotword_ids"][f"hw{index}"]
        ids = spell_hotwords(hotword_list(given), tokenizer, sos=1).ids
        assert [list(row) for row in ids] == (wanted or [])
    from_file = spell_hotwords(hotword_list(str(directory / "hotwords.txt")), tokenizer, sos=1)
    lines = (directory / "hotwords.txt").read_text().split()
    assert from_file == spell_hotwords(lines, tokenizer, sos=1)
    assert len(from_file.ids) == len(lines) + 1


@pytest.mark.parametrize(
    ("given", "ids", "unknown"),
    [
        ("unable  Go", ((3, 4), (5,), (1,)), ()),
        ("世界1", ((6, 7, 8), (1,)), ()),
        ("世人", ((6, 9), (1,)), ("世人",)),
        ("going 世go", ((9,), (9,), (1,)), ("going", "世go")),  # no spelling but that of whole words
        (["go unable", " "], ((5, 3, 4), (1,)), ()),  # of a list, one hotword of two words
        ("", ((1,),), ()),
        ([], ((1,),), ()),
        (None, (), ()),
    ],
)
def test_strings_and_lists(given: str | list[str] | None, ids: tuple, unknown: tuple) -> None:
    assert spelt(given) == (ids, unknown)


def test_without_a_seg_dict_the_tokenizer_spells() -> None:
    assert spelt("世界", None) == (((6, 7), (1,)), ())


def test_files_have_a_hotword_a_line(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeff世界\n\n go unable \r\n", encoding="utf-8")
    assert hotword_list(str(file)) == hotword_list(file) == ["世界", "go unable"]


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.txt: cannot be read"):
        hotword_list(str(tmp_path / "nowhere.txt"))
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"bad.txt: cannot be read"):
        hotword_list(str(tmp_path / "bad.txt"))
    with pytest.raises(DataError, match=r"hotword 3 is a int; text is wanted"):
        hotword_list(["go", 3])
