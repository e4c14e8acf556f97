import json
from pathlib import Path

import numpy as np
import pytest

from asrtools.record import Token
from asrtools.text.surface import (
    auto_model_text,
    funasr_surface,
    reading_text,
    recog_text,
    sentencepiece_surface,
)
from asrtools.text.words import words_of

# (directory, stage whose arg-max are the tokens, where the text stands in expected.json)
WITH_LOG_PROBS = [
    ("paraformer", "decoder_logp", "results"),
    ("paraformer", "decoder_logp", "with_output_timestamp"),
    ("bicif_paraformer", "decoder_logp", "results"),
    ("contextual_paraformer", "decoder", "results"),
]
WITH_TOKENS = ["conformer", "transformer", "branchformer", "e_branchformer", "transducer"]


def model_of(directory: Path) -> str:
    lines = (directory / "config.yaml").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("model:"))


def decoded(directory: Path, stage: str, case: str) -> list[str]:
    tokens = json.loads((directory / "tokens.json").read_text())
    with np.load(directory / "expected.npz") as arrays:
        ids = arrays[f"{case}/{stage}.0.0"][0].argmax(axis=-1)
    return [tokens[index] for index in ids if index not in (0, 1, 2)]


@pytest.mark.parametrize(("name", "stage", "where"), WITH_LOG_PROBS)
def test_texts_of_the_oracle_from_the_arg_max_of_its_decoder(oracle: Path, name: str, stage: str, where: str) -> None:
    results = json.loads((oracle / name / "expected.json").read_text())[where]
    model, num_checked = model_of(oracle / name), 0
    with np.load(oracle / name / "expected.npz") as arrays:
        stored = set(arrays.files)
    for case, (result, *_) in results.items():
        if f"{case}/{stage}.0.0" not in stored:
            continue
        tokens = decoded(oracle / name, stage, case)
        # times only decide the form of the string here
        spans = [(10 * n, 10 * n + 10) for n in range(len(tokens))] if "timestamp" in result else None
        surface = auto_model_text(model, tokens, spans)
        assert surface.text == result["text"], case
        assert surface.spans is None or len(surface.spans) == len(result["timestamp"])
        words = words_of(tokens)
        assert (
            "".join(word.text for word in words).lower()
            == "".join(tokens).replace("@@", "").replace("<unk>", "").lower()
        )
        num_checked += 1
    assert num_checked > 0


@pytest.mark.parametrize("name", WITH_TOKENS)
def test_texts_of_the_oracle_from_the_tokens_it_stores(oracle: Path, name: str) -> None:
    results = json.loads((oracle / name / "expected.json").read_text())["results"]
    model, num_checked = model_of(oracle / name), 0
    for case, hypotheses in results.items():
        for result in hypotheses:
            if "token" in result:
                assert auto_model_text(model, result["token"]).text == result["text"], case
                num_checked += 1
            if "text_postprocessed" in result:
                assert funasr_surface(result["token"]).text == result["text_postprocessed"], case
                assert recog_text(model, result["token"]) == result["text"]
    assert num_checked > 0


def test_an_unknown_token_leaves_its_time_to_the_next_as_in_the_aligner_of_the_oracle() -> None:
    surface = funasr_surface(["我", "<unk>", "们"], [(450, 690), (970, 1210), (1500, 1740)])
    assert surface.text == "我 们"
    assert surface.spans == ((450, 690), (970, 1210))


def spans_of(count: int) -> list[tuple[int, int]]:
    return [(100 * n, 100 * n + 80) for n in range(count)]


@pytest.mark.parametrize(
    ("tokens", "plain", "spaced", "spans"),
    [
        (["你", "好"], "你好", "你 好", ((0, 80), (100, 180))),
        (["hel@@", "lo", "world"], "hello world", "hello world", ((0, 180), (200, 280))),
        (["我", "爱", "n", "b", "a"], "我爱NBA", "我 爱 NBA", ((0, 80), (100, 180), (200, 480))),
        (["看", "a@@", "ha", "了"], "看aha了", "看 aha 了", ((0, 80), (100, 280), (300, 380))),
        # an unfinished piece jumps over 信, and its time stays there
        (["ing", "n@@", "信", "ing"], "ing 信ning", "ing 信 ning", ((0, 80), (100, 180), (300, 380))),
        (["un@@"], "", "", ()),
        (["it's", "a", "b", "good"], "it's AB good", "it's AB good", ((0, 80), (100, 280), (300, 380))),
        (["第", "1", "个"], "第1个", "第 1 个", ((0, 80), (100, 180), (200, 280))),
        ([], "", "", ()),
        (["<s>", "你", "</s>"], "你", "你", ((0, 80),)),
    ],
)
def test_strings_as_funasr_makes_them(tokens: list[str], plain: str, spaced: str, spans: tuple) -> None:
    assert funasr_surface(tokens).text == plain
    surface = funasr_surface(tokens, spans_of(len(tokens)))
    assert (surface.text, surface.spans) == (spaced, spans)
    assert surface.words == tuple(spaced.split())


def test_fewer_times_than_tokens_are_fewer_times_and_no_crash() -> None:
    for tokens in (["你", "好", "a@@", "b", "c"], ["a", "b", "c"], ["你", "好", "们"]):
        for count in range(len(tokens) + 1):
            surface = funasr_surface(tokens, spans_of(count))
            assert surface.text == funasr_surface(tokens, spans_of(len(tokens))).text
            assert len(surface.spans) <= count


def test_families_that_write_bare_tokens_keep_the_pieces() -> None:
    tokens = ["un@@", "able", "的"]
    assert auto_model_text("Transducer", tokens).text == "un@@able的"
    assert auto_model_text("ContextualParaformer", tokens).text == "unable的"
    assert recog_text("ContextualParaformer", tokens) == "un@@able的"
    assert recog_text("Paraformer", tokens) == "unable的"
    assert recog_text("SeacoParaformer", tokens, spans_of(3)) == "unable 的"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["你", "好", "world", "hello", "们"], "你好world hello们"),
        (["안녕", "하세요"], "안녕 하세요"),
        (["こ", "れ", "は"], "これは"),
        ([], ""),
        (["", "a", "", "b"], "a b"),
    ],
)
def test_for_reading_chinese_is_unspaced_and_words_stand_apart(words: list[str], text: str) -> None:
    assert reading_text(Token(word) for word in words) == text


def test_for_reading_marks_follow_their_word() -> None:
    words = (
        Token("你"),
        Token("好", mark="，"),
        Token("hello", mark=","),
        Token("world", mark="."),
        Token("好", mark="。"),
    )
    assert reading_text(words) == "你好，hello, world.好。"


def test_words_of_sentencepieces_as_funasr_times_them() -> None:
    pieces = ["▁", "▁py", "thon", "好", "3", "a", "b", "▁so"]
    surface = sentencepiece_surface("python好3ab so", pieces, spans_of(8))
    assert surface.text == "python好3ab so"
    assert surface.words == ("python", "好", "3", "ab", "so")
    assert surface.spans == ((100, 280), (300, 380), (400, 480), (500, 680), (700, 780))
