import json
from pathlib import Path

import pytest
import torch

from asrtools.tasks.punctuate import Punctuate, Punctuated
from asrtools.tasks.sentence_info import classes_of_words, joined, sentence_info
from asrtools.text.marks import MarkSet
from asrtools.text.punctuation_words import split_words

MARKS = MarkSet(("<unk>", "_", "，", "。", "？", "、"))


def test_texts_of_segments_meet_with_a_blank_except_between_chinese_characters() -> None:
    assert joined([" 你 好", "", "世 界 ", "ok", " then", "好"]) == "你 好世 界 ok then 好"
    assert joined([]) == ""


def test_a_stretch_ends_at_every_mark_and_has_the_times_of_its_words() -> None:
    spans = [(0, 9), (10, 19), (20, 29), (30, 39)]
    assert sentence_info(["hi", "你", "好", "ok"], spans, [1, 2, 1, 3], with_raw_text=True) == [
        {"text": " hi 你，", "start": 0, "end": 19, "timestamp": [[0, 9], [10, 19]], "raw_text": "hi你"},
        {"text": "好 ok。", "start": 20, "end": 39, "timestamp": [[20, 29], [30, 39]], "raw_text": "好ok"},
    ]


def test_english_gets_english_marks_and_no_blank_before_it() -> None:
    assert sentence_info(["hello", "world"], [(0, 9), (10, 19)], [1, 5], True, is_english=True) == [
        {"text": "hello world,", "start": 0, "end": 19, "timestamp": [[0, 9], [10, 19]], "raw_text": "hello world"}
    ]


def test_what_follows_the_last_mark_is_kept() -> None:
    found = sentence_info(["你", "好"], [(0, 9), (10, 19)], [3, 1])
    assert [one["text"] for one in found] == ["你。", "好"]
    assert sentence_info([], [], []) == []


def test_marks_find_words_that_are_counted_otherwise() -> None:
    text = "你好 gpt4 世界"
    punctuated = Punctuated(text, split_words(text), [1, 2, 1, 1, 3], MARKS)
    assert classes_of_words(punctuated, ["你", "好", "gpt4", "世", "界"]) == [1, 2, 1, 1, 3]
    assert classes_of_words(punctuated, ["你好", "gp", "t4", "世界"]) == [2, 1, 1, 3]


@pytest.mark.parametrize("case", ["vad_punc_fixed_senttime_raw", "vad_punc_spk_fixed"])
def test_a_recordings_text_and_sentences_are_funasrs(oracle: Path, case: str) -> None:
    from asrtools.build import load_model

    torch.set_num_threads(1)
    results = json.loads((oracle / "pipeline/expected.json").read_text())["results"]
    segments = [segment["text"] for segment in results["vad_spk_vadsegment"][0]["sentence_info"]]
    wanted = results[case][0]
    text = joined(segments)
    (found,) = Punctuate(load_model(oracle / "ct_punc")).texts([text])
    assert found.funasr_text == wanted["text"]
    has_raw_text = "raw_text" in wanted["sentence_info"][0]
    info = sentence_info(text.split(), wanted["timestamp"], found.punc_array, has_raw_text)
    assert info == [{name: value for name, value in one.items() if name != "spk"} for one in wanted["sentence_info"]]
    # with a word for each time the words stay with their times, which FunASR's do not
    words = [word for segment in segments for word in segment.split()]
    ours = sentence_info(words, wanted["timestamp"], classes_of_words(found, words))
    assert sum(len(split_words(one["text"].strip("，。？、"))) for one in ours) == len(words)
    assert [(one["start"], one["end"]) for one in ours] == [(one["start"], one["end"]) for one in info]
