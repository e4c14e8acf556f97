from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrtools.text.marks import MarkSet, capitalised, closed, find_marks, funasr_text, put_in
from asrtools.text.punctuation_words import split_words

MARKS = MarkSet(("<unk>", "_", "，", "。", "？", "、"))
NONE, COMMA, STOP, QUESTION, PAUSE = 1, 2, 3, 4, 5

ALPHABET = "你好世界天气abcXYZ' 09.%éïüñ日本テスト한국어ＡＢ😀👍\u200d\u0301\u3000ß"
texts = st.text(st.sampled_from(ALPHABET), max_size=60) | st.text(max_size=40)


def with_classes(text: str, draw: st.DataObject) -> Sequence[int]:
    number = len(split_words(text))
    return draw.draw(st.lists(st.integers(0, 5), min_size=number, max_size=number))


def marked(text: str, classes: Sequence[int]) -> str:
    words = split_words(text)
    placed = find_marks(text, words, classes, MARKS)
    return put_in(capitalised(text, words, placed), placed)


@given(texts, st.data())
def test_taking_the_marks_away_gives_the_text_back(text: str, data: st.DataObject) -> None:
    placed = find_marks(text, split_words(text), with_classes(text, data), MARKS)
    shown = put_in(text, placed)
    taken = 0
    for place, sign in placed:
        assert shown[place + taken : place + taken + len(sign)] == sign
        taken += len(sign)
    for place, sign in reversed(placed):
        taken -= len(sign)
        shown = shown[: place + taken] + shown[place + taken + len(sign) :]
    assert shown == text


@given(st.text(st.sampled_from("你好天气abcxyz éï日本テ한국어😀👍\u200d"), max_size=60), st.data())
def test_taking_all_marks_and_capitals_away_gives_a_plain_text_back(text: str, data: st.DataObject) -> None:
    shown = marked(text, with_classes(text, data))
    assert "".join(letter for letter in shown if letter not in "，。？、,.?").lower() == text


@given(texts, st.data())
def test_a_capital_is_all_that_a_capitalised_text_differs_in(text: str, data: st.DataObject) -> None:
    words = split_words(text)
    changed = capitalised(text, words, find_marks(text, words, with_classes(text, data), MARKS))
    assert len(changed) == len(text)
    assert all(new == old or new == old.upper() for new, old in zip(changed, text, strict=True))


@given(texts, st.data())
@settings(max_examples=200)
def test_a_mark_never_stands_inside_a_word_or_beside_another(text: str, data: st.DataObject) -> None:
    for place, _ in find_marks(text, split_words(text), with_classes(text, data), MARKS):
        around = text[place - 1 : place + 1]
        assert not (len(around) == 2 and around.isascii() and not any(letter.isspace() for letter in around))
        assert text[place - 1] not in "，。？、,.?!:;！：；…"


@pytest.mark.parametrize(
    ("text", "classes", "wanted"),
    [
        ("你好世界", [NONE, COMMA, NONE, STOP], "你好，世界。"),
        ("hello world ok", [COMMA, QUESTION, STOP], "Hello, world? Ok."),
        ("用 GPT4 做 iPhone 吗", [NONE, PAUSE, NONE, COMMA, QUESTION], "用 GPT4, 做 iPhone, 吗？"),
        ("进 进  向", [NONE, COMMA, STOP], "进 进，  向。"),
        ("ok GPT4 is", [STOP, STOP, STOP], "Ok. GPT4. Is."),
        ("naïve café", [NONE, COMMA, NONE, NONE, STOP], "Naïve, café."),
        ("한국어 좋아", [COMMA, NONE, NONE, NONE, STOP], "한국어, 좋아."),
        ("你好，世界。", [NONE, STOP, COMMA, NONE, STOP, STOP], "你好，世界。"),
        ("ok. it's", [STOP, STOP], "Ok. it's."),
        ("好👍", [NONE, STOP], "好👍。"),
        ("「你好」吗", [COMMA, NONE, COMMA, NONE, STOP], "「你好，」吗。"),
    ],
)
def test_marks_fit_the_script_they_follow(text: str, classes: list[int], wanted: str) -> None:
    classes = classes[: len(split_words(text))]
    assert marked(text, classes) == wanted


def test_a_list_with_ascii_marks_gives_chinese_its_wide_ones() -> None:
    narrow = MarkSet(("<unk>", "_", ",", "。", "?", "、"))
    words = split_words("你好 ok")
    assert put_in("你好 ok", find_marks("你好 ok", words, [2, 4, 2], narrow)) == "你，好？ ok,"


@pytest.mark.parametrize(
    ("last", "index", "wanted_index", "ending"),
    [
        ("好", NONE, STOP, "好。"),
        ("好", COMMA, STOP, "好。"),
        ("好", PAUSE, STOP, "好。"),
        ("好", QUESTION, QUESTION, "好？"),
        ("ok", NONE, STOP, "ok."),
        ("ok", COMMA, STOP, "ok."),
        ("ok", QUESTION, QUESTION, "ok?"),
        ("ok", PAUSE, STOP, "ok。"),
        ("。", NONE, NONE, "。"),
        ("ok.", NONE, NONE, "ok."),
        ("，", NONE, STOP, "。"),
    ],
)
def test_a_text_ends_in_a_full_stop_or_a_question_mark(last: str, index: int, wanted_index: int, ending: str) -> None:
    assert closed([NONE, index], last, MARKS) == ([NONE, wanted_index], ending)


def test_funasrs_string_joins_chinese_and_spaces_latin_words() -> None:
    words = ["我", "用", "GPT4", "the", "好"]
    assert funasr_text(words, [NONE, STOP, COMMA, STOP, NONE], [0], MARKS) == "我用。Gpt4, the.好。"
    assert funasr_text(words, [NONE, STOP, COMMA, STOP, NONE], [0, 2], MARKS) == "我用。 Gpt4, the.好。"
    assert funasr_text([], [], [], MARKS) == ""
