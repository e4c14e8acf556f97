import pytest

from asrtools.errors import DataError
from asrtools.io.ctm import Word, read_ctm, write_ctm


def test_words_survive_writing_and_reading(tmp_path):
    words = [Word("rec", 120, 480, "你好", 0.9375), Word("rec", 480, 480, "a", None, "A")]
    write_ctm(tmp_path / "a.ctm", words)
    assert (tmp_path / "a.ctm").read_text(encoding="utf-8") == "rec 1 0.120 0.360 你好 0.9375\nrec A 0.480 0.000 a\n"
    assert list(read_ctm(tmp_path / "a.ctm")) == words


def test_comments_are_passed_over_and_sums_are_exact(tmp_path):
    (tmp_path / "a.ctm").write_text(";; made by hand\nr 1 0.1 0.2 w\n")
    assert list(read_ctm(tmp_path / "a.ctm")) == [Word("r", 100, 300, "w")]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("r 1 0.1 w", "a.ctm:1: has 4 columns"),
        ("r 1 0.1 x w", "a.ctm:1: 0.1 . x is no number"),
        ("r 1 0.1 1 w high", "a.ctm:1: .*'high' is no number"),
        ("r 1 -1 1 w", "a.ctm:1: starts at -1 s"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, sentence):
    (tmp_path / "a.ctm").write_text(line + "\n")
    with pytest.raises(DataError, match=sentence):
        list(read_ctm(tmp_path / "a.ctm"))
