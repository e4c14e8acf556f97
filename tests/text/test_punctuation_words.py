import sys

import pytest

from asrtools.errors import ConfigError, DataError
from asrtools.text.punctuation_words import JiebaSplitter, may_take_mark, split_words


def test_runs_of_ascii_and_single_other_characters_are_words() -> None:
    found = [word.text for word in split_words("我们用 open source模型3.14 café 한국어\u3000ｏｋ")]
    assert found == ["我", "们", "用", "open", "source", "模", "型", "3.14", "caf", "é", "한", "국", "어", "ｏ", "ｋ"]


def test_words_are_found_where_they_stand() -> None:
    text = "  a\t你 b\xa0c\u2028😀 "
    assert all(text[word.begin : word.end] == word.text for word in split_words(text))
    assert [word.text for word in split_words(text)] == text.split()


def test_a_text_of_blanks_has_no_words() -> None:
    assert split_words(" \t\n\u3000") == []
    assert split_words("") == []


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("你", "好", True),
        ("你", "a", True),
        ("a", "你", True),
        ("a", " b", True),
        ("a ", "b", True),
        ("a", "", True),
        ("", "a", False),
        ("na", "ïve", False),
        ("naï", "ve", False),
        ("한", "국어", False),
        ("3", ".14", False),
        ("か", "\u3099", False),  # a voiced sound written as two characters
        ("👩", "\u200d🔬", False),
        ("👩\u200d", "🔬", False),
        ("👍", "\U0001f3fd", False),
        ("好", "👍", True),
    ],
)
def test_a_mark_may_stand_between_words_and_not_inside_one(before: str, after: str, wanted: bool) -> None:
    assert may_take_mark(before + after, len(before)) is wanted


class TestWithJieba:
    @pytest.fixture
    def user_dict(self, tmp_path):
        pytest.importorskip("jieba")
        path = tmp_path / "jieba_usr_dict"
        path.write_text("天气预报 100000 n\n人工智能 100000 n\n", encoding="utf-8")
        return path

    def test_chinese_is_cut_into_the_words_of_the_dictionary(self, user_dict) -> None:
        found = [word.text for word in JiebaSplitter(user_dict)("今天天气预报说的人工智能 and open source 模型")]
        assert "天气预报" in found
        assert "人工智能" in found
        assert found[-4:-1] == ["and", "open", "source"]

    def test_words_are_found_in_the_text_over_blanks_too(self, user_dict) -> None:
        text = " 人工 智能 it's 3.14  好"
        words = JiebaSplitter(user_dict)(text)
        assert [text[word.begin : word.end] for word in words][0] == "人工 智能"
        assert words[0].text == "人工智能"
        assert "".join(word.text for word in words) == "".join(text.split())

    def test_two_models_do_not_share_a_dictionary(self, user_dict, tmp_path) -> None:
        other = tmp_path / "other"
        other.write_text("绿米飞笔 100000 n\n", encoding="utf-8")
        first, second = JiebaSplitter(user_dict), JiebaSplitter(other)
        assert [word.text for word in second("绿米飞笔")] == ["绿米飞笔"]
        assert [word.text for word in first("绿米飞笔")] == ["绿", "米", "飞", "笔"]

    def test_a_dictionary_that_cannot_be_read_is_named(self, user_dict, tmp_path) -> None:
        user_dict.write_bytes(b"\xff\xfe\xff\n")
        with pytest.raises(DataError, match="jieba_usr_dict: cannot be read"):
            JiebaSplitter(user_dict)
        with pytest.raises(DataError, match="nowhere: cannot be read"):
            JiebaSplitter(tmp_path / "nowhere")


def test_a_model_that_wants_jieba_says_so_where_there_is_none(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(ConfigError, match="pip install jieba"):
        JiebaSplitter("jieba_usr_dict")
