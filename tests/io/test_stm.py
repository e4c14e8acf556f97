from pathlib import Path

import pytest

from asrtools.errors import DataError
from asrtools.io.stm import read_stm


def test_labels_and_comments_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "stm").write_text(";; c\nm 1 ann 0.5 1 <o,f0,male> hello there\nm 1 bob 2 3 yes\nm 1 bob 4 5\n")
    assert [(one.speaker, one.start_ms, one.text) for one in read_stm(tmp_path / "stm")] == [
        ("ann", 500, "hello there"),
        ("bob", 2000, "yes"),
        ("bob", 4000, ""),
    ]


@pytest.mark.parametrize(("line", "words"), [("m 1 ann 0\n", "has 4 columns"), ("m 1 ann x 1 a\n", "has the time x")])
def test_a_bad_line_says_where_it_is(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "stm").write_text(line)
    with pytest.raises(DataError, match=f"stm:1: {words}"):
        list(read_stm(tmp_path / "stm"))
