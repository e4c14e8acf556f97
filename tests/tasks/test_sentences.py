from asrtools.record import Sentence, Token
from asrtools.tasks.sentences import mark_tokens, owners_of, sentences_of
from asrtools.text.marks import PlacedMark


def timed(*words: str, speakers: str = "") -> tuple[Token, ...]:
    return tuple(
        Token(word, 100 * place, 100 * place + 90, speaker=speakers[place] if speakers else None)
        for place, word in enumerate(words)
    )


def test_a_mark_goes_to_the_token_it_follows() -> None:
    text = "你好 open source 吗"
    found = mark_tokens(timed("你", "好", "open", "source", "吗"), text, [PlacedMark(2, "，"), PlacedMark(14, ",")])
    assert [token.mark for token in found] == ["", "，", "", ",", ""]


def test_a_token_of_several_words_takes_the_mark_inside_it() -> None:
    found = mark_tokens(timed("你好", "世界"), "你好世界", [PlacedMark(1, "，"), PlacedMark(4, "。")])
    assert [token.mark for token in found] == ["，", "。"]


def test_marks_find_their_tokens_in_a_text_that_was_written_anew() -> None:
    tokens = timed("一", "百", "块", "钱", "hello", "world")
    text = "100块钱 HELLO world"
    found = mark_tokens(tokens, text, [PlacedMark(5, "，"), PlacedMark(len(text), ".")])
    assert [(token.text, token.mark) for token in found if token.mark] == [("钱", "，"), ("world", ".")]


def test_marks_that_a_text_and_its_tokens_have_already_are_no_letters_lost() -> None:
    tokens = (Token("你", mark="，"), Token("好"))
    assert owners_of("你，好", tokens) == [0, 0, 1]
    assert [token.mark for token in mark_tokens(tokens, "你，好", [PlacedMark(3, "。")])] == ["，", "。"]


def test_no_tokens_get_no_marks() -> None:
    assert mark_tokens((), "你好", [PlacedMark(2, "。")]) == ()
    assert owners_of("你 好", ()) == [None, None, None]


def test_a_sentence_ends_at_every_mark_and_has_the_times_of_its_tokens() -> None:
    tokens = (
        Token("你", 0, 90),
        Token("好", 100, 190, mark="，"),
        Token("3.14", 200, 290),
        Token("hello", 300, 390, mark="."),
        Token("完", 400, 490),
    )
    assert sentences_of("你好，3.14 Hello. 完", tokens) == (
        Sentence("你好，", 0, 190),
        Sentence("3.14 Hello.", 200, 390),
        Sentence("完", 400, 490),
    )


def test_a_sentence_is_the_speakers_who_speaks_most_of_it() -> None:
    tokens = timed("你", "好", "吗", speakers="aab")
    assert sentences_of("你好吗", tokens) == (Sentence("你好吗", 0, 290, "a"),)
    assert sentences_of("你好吗", timed("你", "好", "吗"), "c") == (Sentence("你好吗", 0, 290, "c"),)


def test_tokens_without_times_give_a_sentence_none() -> None:
    assert sentences_of("你。好", (Token("你", mark="。"), Token("好", 5, 9))) == (
        Sentence("你。"),
        Sentence("好", 5, 9),
    )


def test_a_text_without_letters_has_no_sentences() -> None:
    assert sentences_of("") == ()
    assert sentences_of("  ") == ()
