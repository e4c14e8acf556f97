"""Punctuation of many texts, with a network that says what a hash of its window says."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrtools.build import LoadedModel
from asrtools.config import Config
from asrtools.errors import ConfigError, ModelError
from asrtools.record import Sentence, Token, Utterance
from asrtools.tasks.punctuate import Punctuate
from asrtools.text.char_tokenizer import CharTokenizer

WORDS = [*"你好世界今天气很一起去公园", "hello", "world", "ok", "gpt4", "<unk>"]
lines = st.lists(
    st.lists(st.sampled_from([*WORDS[:-1], " ok ", "café", "日本", "한국어", "😀", "ＡＢ", " "]), max_size=90).map(
        "".join
    ),
    max_size=40,
)


class HashNetwork:
    punc_list = ("<unk>", "_", "，", "。", "？", "、")
    sentence_end_id = 3

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def punctuate(self, ids: Sequence[Sequence[int]], vad_masks: Sequence[int] | None = None) -> list[np.ndarray]:
        self.sizes.append(len(ids))
        return [self._classes(list(one)) for one in ids]

    @staticmethod
    def _classes(ids: list[int]) -> np.ndarray:
        seed = hashlib.sha256(repr(ids).encode()).digest()
        generator = np.random.default_rng(list(seed))
        return generator.choice(6, size=len(ids), p=[0, 0.8, 0.1, 0.06, 0.02, 0.02])


def make(batch_size: int = 64, **options) -> Punctuate:
    model = LoadedModel(Path("m"), Config({"model": "Hash"}), HashNetwork(), None, CharTokenizer(WORDS))
    return Punctuate(model, batch_size, **options)


@given(lines, st.integers(1, 70), st.randoms())
@settings(max_examples=60)
def test_a_text_gets_the_same_marks_in_any_batch_and_any_order(texts: list[str], batch_size: int, draw) -> None:
    alone = [make(1).texts([text])[0] for text in texts]
    order = list(range(len(texts)))
    draw.shuffle(order)
    together = make(batch_size).texts([texts[place] for place in order])
    for place, one in zip(order, together, strict=True):
        assert one.text == alone[place].text
        assert one.funasr_text == alone[place].funasr_text
        assert one.punc_array == alone[place].punc_array


@given(lines)
@settings(max_examples=40)
def test_marks_and_capitals_taken_away_give_the_text_back(texts: list[str]) -> None:
    for text, one in zip(texts, make().texts(texts), strict=True):
        assert "".join(letter for letter in one.text if letter not in "，。？、,.?").lower() == text.lower()
        assert "".join(letter for letter in one.text_as_spelt if letter not in "，。？、,.?") == text


def test_lines_share_batches_and_long_ones_do_not_hold_them_up() -> None:
    punctuate = make(16)
    punctuate.texts(["你好世界" * 200] + ["今天天气很好"] * 50)
    assert max(punctuate.network.sizes) > 8


def test_records_come_out_in_order_with_marks_on_tokens_and_sentences() -> None:
    tokens = tuple(Token(word, 100 * place, 100 * place + 80) for place, word in enumerate("今天天气很好你好世界"))
    record = Utterance("a", "a.wav", text="今天天气很好你好世界", tokens=tokens, speaker="s1", status="ok")
    (found,) = make().records([record])
    assert "".join(token.text + token.mark for token in found.tokens) == found.text
    assert [(token.text, token.start_ms, token.end_ms) for token in found.tokens] == [
        (token.text, token.start_ms, token.end_ms) for token in tokens
    ]
    assert "".join(sentence.text for sentence in found.sentences) == found.text
    assert found.sentences[0].start_ms == 0
    assert found.sentences[-1].end_ms == 980
    assert {sentence.speaker for sentence in found.sentences} == {"s1"}
    assert found.source == "a.wav"


def test_a_record_without_text_is_spelt_by_its_tokens() -> None:
    (found,) = make().records([Utterance("a", tokens=(Token("hello"), Token("你")), status="ok")])
    assert found.text.lower().replace(".", "").replace(",", "") == "hello你。"


def test_a_bad_record_costs_no_other() -> None:
    records = [
        Utterance("a", text="你好"),
        Utterance("b", "b.wav"),
        Utterance("c", status="error", error="c: broken"),
        Utterance("d", text=""),
        Utterance("e", "e.wav", status="no-speech"),
        Utterance("f", text="好"),
    ]
    found = list(make().records(records))
    assert [one.key for one in found] == list("abcdef")
    assert [one.status for one in found] == ["ok", "error", "error", "empty", "no-speech", "ok"]
    assert "b: has no text" in found[1].error
    assert found[2] == records[2]
    assert found[3].text == ""
    assert found[5].text == "好。"


def test_a_word_that_the_model_cannot_take_fails_its_own_record_only() -> None:
    model = LoadedModel(Path("m"), Config({"model": "Hash"}), HashNetwork(), None, CharTokenizer(["你", "好"]))
    found = list(
        Punctuate(model).records([Utterance("a", text="你好"), Utterance("b", text="坏"), Utterance("c", text="好")])
    )
    assert [one.status for one in found] == ["ok", "error", "ok"]
    assert "坏" in found[1].error


class Trickle(Iterator[Utterance]):
    """Records of which the next one is not there before the last has come out."""

    def __init__(self, records: list[Utterance]):
        self.records = iter(records)
        self.taken: list[str] = []
        self.finished: list[str] = []

    def __next__(self) -> Utterance:
        record = next(self.records)
        self.taken.append(record.key)
        return record

    def is_ready(self, seconds: float = 0.0) -> bool:
        return len(self.finished) == len(self.taken)


def test_a_record_comes_out_before_the_next_one_is_there() -> None:
    source = Trickle([Utterance(key, text=text) for key, text in (("a", "你好"), ("b", "你好世界" * 30), ("c", ""))])
    for record in make().records(source):
        assert source.taken[-1] == record.key
        source.finished.append(record.key)
    assert source.finished == ["a", "b", "c"]


def test_an_endless_input_is_read_a_bounded_number_ahead() -> None:
    taken = 0

    def endless() -> Iterator[Utterance]:
        nonlocal taken
        while True:
            taken += 1
            yield Utterance(str(taken), text="你好世界" * (2000 if taken == 1 else 1))

    assert next(make(4).records(endless())).key == "1"
    assert taken <= 4 * 4 * 4 + 1


def test_one_record_at_a_time_where_that_is_wanted() -> None:
    taken: list[str] = []

    def source() -> Iterator[Utterance]:
        for key in "abc":
            taken.append(key)
            yield Utterance(key, text="你好世界")

    for number, _ in enumerate(make().records(source(), num_ahead=1), 1):
        assert len(taken) == number


def test_capitals_can_be_left_alone() -> None:
    (found,) = make(capitalize=False).records([Utterance("a", text="hello world")])
    assert found.text.startswith("hello")


def test_words_of_one_chinese_word_share_one_mark_in_funasrs_array(monkeypatch) -> None:
    from asrtools.text.punctuation_words import Word

    punctuate = make()
    punctuate.split = lambda text: [Word("你好", 0, 2), Word("hello", 3, 8), Word("世界", 9, 11)]
    (found,) = punctuate.texts(["你好 hello 世界"])
    array = found.punc_array
    assert len(array) == 5
    assert array[0] == array[3] == 1
    assert [array[1], array[2], array[4]] == list(found.classes)


def test_a_dictionary_that_is_named_and_not_there_is_an_error() -> None:
    config = Config({"model": "Hash"}, missing={"jieba_usr_dict": Path("m/jieba_usr_dict")})
    with pytest.raises(ConfigError, match="m/jieba_usr_dict: configuration.json names it"):
        Punctuate(LoadedModel(Path("m"), config, HashNetwork(), None, CharTokenizer(WORDS)))


def test_a_model_that_gives_no_marks_is_named() -> None:
    with pytest.raises(ModelError, match="gives no marks"):
        Punctuate(LoadedModel(Path("m"), Config({"model": "X"}), object(), None, CharTokenizer(WORDS)))
    with pytest.raises(ConfigError, match="split_size is 0"):
        make(split_size=0)


def test_sentences_of_untimed_text_have_text_only() -> None:
    (found,) = make().records([Utterance("a", text="你好")])
    assert found.sentences[-1].start_ms is None
    assert Sentence("你好。") in found.sentences or len(found.sentences) == 2
