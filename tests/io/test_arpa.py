"""ARPA files, good and bad."""

import gzip
import math
from pathlib import Path

import pytest

from asrtools.errors import DataError
from asrtools.io.arpa import read_arpa

GOOD = """
\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.5
-0.7\t你\t-0.25
-0.4\t</s>

\\2-grams:
-0.2\t<s> 你
-0.3\t你 </s>

\\end\\
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "lm.arpa"
    path.write_text(text, encoding="utf-8")
    return path


def test_probabilities_become_natural_logarithms(tmp_path: Path) -> None:
    arpa = read_arpa(written(tmp_path, GOOD))
    assert arpa.order == 2
    assert arpa.log_probs[("你", "</s>")] == pytest.approx(-0.3 * math.log(10))
    assert arpa.backoffs == {("<s>",): pytest.approx(-0.5 * math.log(10)), ("你",): pytest.approx(-0.25 * math.log(10))}
    assert len(arpa.log_probs) == 6


def test_a_compressed_file_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "lm.arpa.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert read_arpa(path) == read_arpa(written(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("\\end\\", ""), "cut short"),
        (("ngram 2=2", "ngram 2=3"), "damaged"),
        (("ngram 2=2", "ngrams: two"), "no count"),
        (("-0.7\t你\t-0.25", "x\t你"), "no 1-gram"),
        (("-0.2\t<s> 你", "-0.2\t你"), "no 2-gram"),
        (("\\2-grams:", "\\3-grams:"), "out of place"),
        (("\\data\\", "\\dat\\"), "out of place"),
        (("-0.4\t</s>", "nan\t</s>"), "no 1-gram"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, change: tuple[str, str], cause: str) -> None:
    path = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(DataError, match=cause) as error:
        read_arpa(path)
    assert str(path) in str(error.value)


def test_what_is_no_arpa_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no ARPA file"):
        read_arpa(written(tmp_path, "a b c\n"))
    with pytest.raises(DataError, match="no such file"):
        read_arpa(tmp_path / "absent")
