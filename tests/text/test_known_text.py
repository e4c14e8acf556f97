import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtools.text.char_tokenizer import CharTokenizer
from asrtools.text.known_text import KnownWord, known_words, timed_words

TOKENS = ["<blank>", "hel@@", "lo", "我", "们", "a", "it's", "<unk>"]
SPELLING = "hello hel@@ lo\n我 我\n们 们\na a\nit's it's\n"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> CharTokenizer:
    file = tmp_path_factory.mktemp("known") / "seg_dict"
    file.write_text(SPELLING)
    return CharTokenizer(TOKENS, seg_dict=file)


def found(text: str, tokenizer: CharTokenizer) -> list[tuple]:
    return [(word.text, word.ids, word.mark) for word in known_words(text, tokenizer)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我们 Hello", [("我", (3,), ""), ("们", (4,), ""), ("Hello", (1, 2), "")]),
        ("我，Hello, 们。", [("我", (3,), "，"), ("Hello", (1, 2), ","), ("们", (4,), "。")]),
        ("我 鑫 们", [("我", (3,), ""), ("鑫", (7,), ""), ("们", (4,), "")]),
        ("hello我", [("hello", (1, 2), ""), ("我", (3,), "")]),
        ("It's (a)", [("It's", (6,), "("), ("a", (5,), ")")]),
        ("ab", [("ab", (5, 7), "")]),  # letter by letter, as published
        ("5%", [("5%", (7, 7), "")]),
        ("。我", [("", (), "。"), ("我", (3,), "")]),
        ("", []),
    ],
)
def test_words_are_kept_as_given_with_the_tokens_to_look_for(
    text: str, expected: list[tuple], tokenizer: CharTokenizer
) -> None:
    assert found(text, tokenizer) == expected


def test_a_model_without_an_unknown_token_has_none_to_look_for() -> None:
    tokenizer = CharTokenizer(["<blank>", "我"])
    assert found("我鑫", tokenizer) == [("我", (1,), ""), ("鑫", (), "")]


def test_ids_of_the_oracle(oracle: Path) -> None:
    folder = oracle / "monotonic_aligner"
    tokenizer = CharTokenizer(folder / "tokens.json", seg_dict=folder / "seg_dict")
    for case in json.loads((folder / "expected.json").read_text())["tokenizer"]:
        ids = [index for word in known_words(case["in"], tokenizer) for index in word.ids]
        assert ids == case["ids"], case["in"]


def test_words_last_from_their_first_token_to_their_last() -> None:
    words = [KnownWord("hello", (1, 2), ","), KnownWord("我", (3,))]
    hello, wo = timed_words(words, [(100, 200), (200, 380), (400, 480)])
    assert (hello.text, hello.start_ms, hello.end_ms, hello.mark) == ("hello", 100, 380, ",")
    assert (wo.start_ms, wo.end_ms) == (400, 480)


def test_words_without_tokens_lie_between_their_neighbours() -> None:
    words = [
        KnownWord("x"),
        KnownWord("我", (3,)),
        KnownWord("y"),
        KnownWord("z"),
        KnownWord("们", (4,)),
        KnownWord("w"),
    ]
    timed = timed_words(words, [(100, 200), (400, 480)])
    times = [(one.start_ms, one.end_ms) for one in timed]
    assert times == [(100, 100), (100, 200), (200, 300), (300, 400), (400, 480), (480, 480)]
    assert [(one.start_ms, one.end_ms) for one in timed_words([KnownWord("x")], [])] == [(None, None)]


@given(st.text(st.sampled_from("我鑫hi ,。a%-'"), max_size=12))
def test_nothing_but_spaces_is_lost(text: str) -> None:
    words = known_words(text, CharTokenizer(TOKENS))
    assert "".join(word.text + word.mark for word in words) == text.replace(" ", "")
    assert all(word.ids for word in words if word.text)
