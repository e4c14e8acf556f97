import pytest

from asrtools.text.unit import UNITS


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("今天 hello world", ["今", "天", "hello", "world"]),
        ("用5G网络don't 3.5", ["用", "5G", "网", "络", "don't", "3.5"]),
        ("がんばって、한국어", ["が", "ん", "ば", "っ", "て", "、", "한", "국", "어"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
        ("ดีก็ abc", ["ดี", "ก็", "abc"]),
        ("  ", []),
    ],
)
def test_mixed_is_a_character_or_a_word(text: str, units: list[str]) -> None:
    assert list(UNITS["mixed"](text)) == units


def test_the_other_units() -> None:
    text = "今天 hel@@ lo\u3000好"
    assert UNITS["word"](text) == UNITS["token"](text) == ["今天", "hel@@", "lo", "好"]
    assert list(UNITS["char"](text)) == list("今天hel@@lo好")


def test_nothing_but_blanks_is_lost() -> None:
    text = "".join(map(chr, range(0x21, 0x3100))) + "好\U0001f60a𠮷한"
    kept = "".join(c for c in text if not c.isspace())
    for cut in UNITS.values():
        assert "".join(cut(text)) == kept
