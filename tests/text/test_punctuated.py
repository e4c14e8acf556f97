import pytest

from asrtools.text.punctuated import words_and_marks

MARKS = ["<unk>", "_", "，", "。", "？", "、"]


@pytest.mark.parametrize(
    ("text", "words", "marks"),
    [
        ("你好，世界。", ["你", "好", "世", "界"], [1, 2, 1, 3]),
        ("Hello, world! Is it 3.5?", ["Hello", "world", "Is", "it", "3.5"], [2, 3, 1, 1, 4]),
        ("don't go...", ["don't", "go"], [1, 3]),
        ("苹果、梨", ["苹", "果", "梨"], [1, 5, 1]),
        ("真的？！", ["真", "的"], [1, 4]),
        ("。开始", ["开", "始"], [1, 1]),
        ("用 iPhone拍", ["用", "iPhone", "拍"], [1, 1, 1]),
        ("，。", [], []),
        ("", [], []),
    ],
)
def test_every_word_gets_the_mark_that_follows_it(text, words, marks) -> None:
    assert words_and_marks(text, MARKS) == (words, marks)


def test_marks_that_are_not_in_the_list_are_words() -> None:
    assert words_and_marks("a、b。", ["_", "。"]) == (["a", "、", "b"], [0, 0, 1])
