"""Punctuated texts against stored results of FunASR: strings, arrays, words, streams."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from asrtools import AutoModel
from asrtools.build import load_model
from asrtools.tasks.punctuate import Punctuate
from asrtools.tasks.punctuate_stream import PunctuateStream
from asrtools.text.punctuation_words import split_words


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def expected(oracle: Path) -> dict:
    return json.loads((oracle / "ct_punc/expected.json").read_text())


def test_words_are_split_as_funasr_splits_them(expected: dict) -> None:
    for case in expected["split_words"]:
        assert [word.text for word in split_words(case["in"])] == case["out"]


@pytest.mark.parametrize("batch_size", [1, 64])
def test_strings_and_arrays_are_funasrs(oracle: Path, expected: dict, batch_size: int) -> None:
    cases = expected["results"]
    found = Punctuate(load_model(oracle / "ct_punc"), batch_size).texts([case["in"] for case in cases])
    for case, one in zip(cases, found, strict=True):
        assert one.funasr_text == case["out"]["text"]
        assert one.punc_array == case["out"]["punc_array"]


def test_windows_of_ten_words_give_funasrs_results_for_them(oracle: Path, expected: dict) -> None:
    cases = expected["split_size_10"]
    found = Punctuate(load_model(oracle / "ct_punc"), split_size=10).texts([case["in"] for case in cases])
    assert [one.funasr_text for one in found] == [case["out"]["text"] for case in cases]
    assert [one.punc_array for one in found] == [case["out"]["punc_array"] for case in cases]


def test_our_text_has_funasrs_marks_and_the_words_of_the_input(oracle: Path, expected: dict) -> None:
    texts = [case["in"] for case in expected["results"]]
    for text, one in zip(texts, Punctuate(load_model(oracle / "ct_punc")).texts(texts), strict=True):
        if not any(mark in text for mark in "，。？、,.?ïé한"):
            bare = "".join(letter for letter in one.text if letter not in "，。？、,.?")
            assert bare.lower() == text.lower()
            marks = [letter for letter in one.text if letter in "，。？、,.?"]
            assert len(marks) == sum(index != 1 for index in one.punc_array)


def test_streams_give_funasrs_strings_arrays_and_state(oracle: Path) -> None:
    streams = json.loads((oracle / "ct_punc_streaming/expected.json").read_text())["streams"]
    punctuate = PunctuateStream(load_model(oracle / "ct_punc_streaming"))
    states = [None] * len(streams)
    for number in range(max(map(len, streams))):  # side by side, so that no stream may touch another
        for which, stream in enumerate(streams):
            if number >= len(stream):
                continue
            piece = punctuate.push(stream[number]["in"], states[which])
            states[which] = piece.state
            assert piece.text == stream[number]["text"]
            assert list(piece.punc_array) == np.ravel(stream[number]["punc_array"]).tolist()
            assert list(piece.state.pre_words) == stream[number]["pre_text_after"]


def test_an_empty_piece_changes_nothing(oracle: Path) -> None:
    punctuate = PunctuateStream(load_model(oracle / "ct_punc_streaming"))
    first = punctuate.push("你好世界")
    assert punctuate.push(" ", first.state) == type(first)("", (), first.state)


def test_auto_model_gives_funasrs_dicts(oracle: Path, expected: dict) -> None:
    model = AutoModel(model=str(oracle / "ct_punc"), device="cpu", ncpu=1)
    for case in [*expected["results"][:5], {"in": "", "out": {"text": "", "punc_array": None}}]:
        (found,) = model.generate(input=case["in"], key=["k"])
        assert found == {"key": "k", **case["out"]}
    for case in expected["split_size_10"]:
        (found,) = model.generate(input=case["in"], split_size=10)
        assert (found["text"], found["punc_array"]) == (case["out"]["text"], case["out"]["punc_array"])


def test_auto_model_streams_text_with_funasrs_cache(oracle: Path) -> None:
    streams = json.loads((oracle / "ct_punc_streaming/expected.json").read_text())["streams"]
    model = AutoModel(model=str(oracle / "ct_punc_streaming"), device="cpu", ncpu=1)
    for stream in streams:
        cache: dict = {}
        for piece in stream:
            (found,) = model.generate(input=piece["in"], cache=cache)
            assert (found["text"], found["punc_array"]) == (piece["text"], piece["punc_array"])
            assert cache == {"pre_text": piece["pre_text_after"]}
    (alone,) = model.generate(input=streams[0][0]["in"])
    assert alone["text"] == streams[0][0]["text"]
