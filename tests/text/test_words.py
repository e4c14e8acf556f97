import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtools.record import Token
from asrtools.text.surface import SILENT_TOKENS, reading_text
from asrtools.text.words import words_of

VOCABULARY = ["你", "好", "a@@", "ha", "b", "c", "it's", "<unk>", "1", "中国", "。", ",", "▁so", "n", "▁", "<0xE4>"]


def spans_of(count: int) -> list[tuple[int, int]]:
    return [(100 * n, 100 * n + 80) for n in range(count)]


def words(tokens: list[str]) -> list[tuple]:
    return [(one.text + one.mark, one.start_ms, one.end_ms) for one in words_of(tokens, spans_of(len(tokens)))]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["un@@", "able", "的"], [("unable", 0, 180), ("的", 200, 280)]),
        (["n@@", "信", "ing"], [("n", 0, 80), ("信", 100, 180), ("ing", 200, 280)]),  # an unfinished piece stays put
        (["un@@"], [("un", 0, 80)]),
        (["我", "<unk>", "们"], [("我", 0, 80), ("们", 200, 280)]),
        (["n", "b", "a", "队"], [("NBA", 0, 280), ("队", 300, 380)]),
        (["▁hel", "lo", "▁wor", "ld", "."], [("hello", 0, 180), ("world.", 200, 380)]),
        (["▁3", ".", "5", "%"], [("3.5%", 0, 380)]),
        (["▁", "n", "▁b"], [("n", 100, 180), ("b", 200, 280)]),
        (["▁你好", "，", "▁hi"], [("你", 0, 40), ("好，", 40, 80), ("hi", 200, 280)]),
        (["的", "▁py", "thon", "人"], [("的", 0, 80), ("python", 100, 280), ("人", 300, 380)]),
        (["h", "i", "<space>", "y", "o"], [("hi", 0, 180), ("yo", 300, 480)]),
        (["▁a", "▁b"], [("a", 0, 80), ("b", 100, 180)]),
        (["<0xE4>", "<0xBD>", "<0xA0>", "好"], [("你", 0, 280), ("好", 300, 380)]),
        (["。", "好"], [("。", 0, 80), ("好", 100, 180)]),
        ([], []),
    ],
)
def test_words_with_their_times(tokens: list[str], expected: list[tuple]) -> None:
    assert words(tokens) == expected


def test_a_word_is_as_sure_as_its_least_sure_piece() -> None:
    one, other = words_of(["un@@", "able", "的"], None, [0.9, 0.5, 0.7])
    assert (one.confidence, other.confidence) == (0.5, 0.7)
    assert one.start_ms is None


def test_words_without_a_time_of_their_own_have_none() -> None:
    assert words_of(["你", "好"], [(0, 80)]) == (Token("你", 0, 80), Token("好"))


@given(st.lists(st.sampled_from(VOCABULARY), max_size=12))
def test_nothing_of_the_text_is_lost_and_times_never_run_backwards(tokens: list[str]) -> None:
    found = words_of(tokens, spans_of(len(tokens)))
    plain = [token.replace("@@", "").replace("▁", "") for token in tokens if token not in (*SILENT_TOKENS, "<0xE4>")]
    shown = "".join(one.text + one.mark for one in found).replace("\ufffd", "")
    assert shown.lower() == "".join(plain).lower()
    times = [time for one in found for time in (one.start_ms, one.end_ms)]
    assert times == sorted(times)
    assert all(one.text for one in found)
    assert reading_text(found).replace(" ", "").lower().replace("\ufffd", "") == "".join(plain).lower()


def test_sentencepieces_without_a_beginning_go_on_with_the_word() -> None:
    assert [one.text for one in words_of(["p", "y", "好"], are_sentencepieces=True)] == ["py", "好"]
    assert [one.text for one in words_of(["p", "y", "好"])] == ["PY", "好"]
