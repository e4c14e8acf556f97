"""Records whose numbers are rewritten: tokens that did not change keep their times, new ones take those of the old."""

import random

import pytest

from asrtools.record import Hypothesis, Sentence, Token, Utterance
from asrtools.tasks.rewrite import Rewrite
from asrtools.text.rewrite import Rewriter
from asrtools.text.surface import reading_text


def timed(words: list[str], step: int = 100, **fields: object) -> tuple[Token, ...]:
    return tuple(Token(word, index * step, (index + 1) * step, **fields) for index, word in enumerate(words))  # type: ignore[arg-type]


def rewritten(language: str, record: Utterance, operator: str = "itn") -> Utterance:
    return Rewrite(Rewriter(operator, language)).record(record)


def test_a_number_takes_the_time_of_its_words() -> None:
    record = Utterance("a", text="有三百二十斤。", tokens=(*timed([*"有三百二十"]), Token("斤", 500, 600, mark="。")))
    made = rewritten("zh", record)
    assert made.text == "有320斤。"
    assert made.tokens == (Token("有", 0, 100), Token("320", 100, 500), Token("斤", 500, 600, mark="。"))
    assert made.status == "ok"


def test_a_mark_behind_a_number_stays_behind_it() -> None:
    tokens = (*timed(["it", "costs", "twenty"]), Token("five", 300, 420, 0.5, ","), Token("ok", 500, 600, 0.9, "."))
    made = rewritten("en", Utterance("a", text="It costs twenty five, ok.", tokens=tokens))
    assert made.text == "It costs 25, ok."
    assert made.tokens[2] == Token("25", 200, 420, 0.5, ",")
    assert [made.tokens[index] for index in (0, 1, 3)] == [tokens[index] for index in (0, 1, 4)]


def test_several_words_for_one_share_its_time() -> None:
    made = rewritten("en", Utterance("a", text="about 203 apples", tokens=timed(["about", "203", "apples"])), "tn")
    assert [token.text for token in made.tokens] == ["about", "two", "hundred", "and", "three", "apples"]
    times = [(token.start_ms, token.end_ms) for token in made.tokens]
    assert times[0] == (0, 100) and times[1][0] == 100 and times[4][1] == 200 and times[5] == (200, 300)
    assert all(end == start for (_, end), (start, _) in zip(times, times[1:], strict=False))


def test_sentences_speakers_and_nbest_follow() -> None:
    record = Utterance(
        "a",
        text="二十，三十",
        tokens=(Token("二", 0, 10, speaker="s1"), Token("十", 10, 20, speaker="s1", mark="，"), *timed(["三", "十"])),
        sentences=(Sentence("二十，", 0, 20, "s1"), Sentence("三十", 0, 200)),
        nbest=(Hypothesis("十二", -1.0, timed(["十", "二"])),),
        tags={"language": "zh"},
    )
    made = rewritten("zh", record)
    assert made.sentences == (Sentence("20，", 0, 20, "s1"), Sentence("30", 0, 200))
    assert made.nbest == (Hypothesis("12", -1.0, (Token("12", 0, 200),)),)
    assert made.tokens[0] == Token("20", 0, 20, mark="，", speaker="s1")
    assert made.tags == record.tags


def test_tokens_without_times_and_records_without_text() -> None:
    made = rewritten("zh", Utterance("a", text="二十个", tokens=(Token("二"), Token("十"), Token("个"))))
    assert made.tokens == (Token("20"), Token("个"))
    assert rewritten("zh", Utterance("a", tokens=timed([*"二十"]))).text == "20"
    assert rewritten("zh", Utterance("a")).status == "error"
    silent = Utterance("a", status="no-speech")
    assert rewritten("zh", silent) == silent
    assert rewritten("zh", Utterance("a", text="")).status == "empty"


def test_without_a_grammar_a_record_is_what_it_was() -> None:
    record = Utterance("a", text="20", tokens=timed(["20"]), status="ok")
    assert Rewrite(None).record(record) == record


@pytest.mark.parametrize("language", ["zh", "en"])
def test_tokens_go_on_spelling_the_text(language: str) -> None:
    """Random sentences: times stay in order, inside what they were, and tokens that are in both keep theirs."""
    chosen = random.Random(3)
    numbers = ["三百二十一", "十二点五", "百分之二十", "二零二五年十月三号"] if language == "zh" else []
    numbers = numbers or ["twenty five dollars", "two hundred and three", "may third", "three thirty p m"]
    words = [*"我们去了北京"] if language == "zh" else ["we", "went", "home", "don't"]
    for _ in range(100):
        parts = [chosen.choice(numbers if chosen.random() < 0.4 else words) for _ in range(chosen.randrange(1, 9))]
        spelt = [unit for part in parts for unit in (part if language == "zh" else part.split())]
        tokens = timed(spelt)
        record = Utterance("a", text=reading_text(tokens), tokens=tokens)
        made = rewritten(language, record)
        assert made.text is not None
        assert "".join(token.text for token in made.tokens) == "".join(made.text.split())
        times = [time for token in made.tokens for time in (token.start_ms, token.end_ms)]
        assert times == sorted(times) and times[0] == 0 and times[-1] == 100 * len(spelt)  # type: ignore[type-var]
        if made.text == record.text:
            assert made.tokens == tokens
