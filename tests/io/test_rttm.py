import pytest

from asrtools.errors import DataError
from asrtools.io.rttm import Turn, read_rttm, write_rttm


def test_turns_survive_writing_and_reading(tmp_path):
    turns = [Turn("rec", 2977, 3368, "FEO066"), Turn("rec", 0, 0, "说话人", "A")]
    write_rttm(tmp_path / "a.rttm", turns)
    assert list(read_rttm(tmp_path / "a.rttm")) == turns
    assert (tmp_path / "a.rttm").read_text().splitlines()[0] == "SPEAKER rec 1 2.977 0.391 <NA> <NA> FEO066 <NA> <NA>"


def test_other_types_and_comments_are_passed_over(tmp_path):
    (tmp_path / "a.rttm").write_text(
        ";; a comment\nSPKR-INFO r 1 <NA> <NA> <NA> unknown s <NA>\nSPEAKER r 1 0.5 1.0 <NA> <NA> s <NA> <NA>\n"
    )
    assert list(read_rttm(tmp_path / "a.rttm")) == [Turn("r", 500, 1500, "s")]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("SPEAKER r 1 0.5", "a.rttm:1: has 4 columns; should be `SPEAKER recording"),
        ("SPEAKER r 1 x 1.0 <NA> <NA> s <NA> <NA>", "a.rttm:1: has the time x"),
        ("SPEAKER r 1 1.0 -2 <NA> <NA> s <NA> <NA>", "a.rttm:1: starts at 1.0 s and lasts -2 s"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, sentence):
    (tmp_path / "a.rttm").write_text(line + "\n")
    with pytest.raises(DataError, match=sentence):
        list(read_rttm(tmp_path / "a.rttm"))


def test_a_real_reference_is_read(shared):
    turns = list(read_rttm(shared / "data" / "ami" / "ref.rttm"))
    assert turns[0] == Turn("trn01", 2977, 3368, "FEO066")
    assert {turn.speaker for turn in turns if turn.recording == "trn01"} >= {"FEO066", "MEE068", "FEO065"}
