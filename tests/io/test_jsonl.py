import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtools.errors import DataError
from asrtools.io.jsonl import from_line, read_jsonl, to_line
from asrtools.record import Hypothesis, Sentence, Token, Utterance

texts = st.text(max_size=8)  # any Unicode that UTF-8 can hold
maybe_text = st.none() | texts.filter(bool)
times = st.none() | st.integers(0, 10**7)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
tokens = st.lists(st.builds(Token, texts, times, times, numbers, texts, maybe_text), max_size=3).map(tuple)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
known = set(Utterance.__dataclass_fields__) - {"extra"}
utterances = st.builds(
    Utterance,
    key=texts.filter(bool),
    source=texts,
    source_len=times,
    start_ms=st.integers(0, 10**7),
    end_ms=times,
    channel=st.none() | st.integers(0, 7),
    recording=maybe_text,
    target=st.none() | texts,
    target_len=times,
    text=st.none() | texts,
    tokens=tokens,
    sentences=st.lists(st.builds(Sentence, texts, times, times, maybe_text), max_size=2).map(tuple),
    speaker=maybe_text,
    tags=st.dictionaries(texts, texts, max_size=3),
    nbest=st.lists(st.builds(Hypothesis, texts, numbers, tokens), max_size=2).map(tuple),
    status=st.sampled_from(["", "ok", "empty", "no-speech", "error"]),
    error=maybe_text,
    extra=st.dictionaries(texts.filter(lambda name: name not in known), values, max_size=3),
)

PUBLISHED = {
    "key": "BAC009S0764W0121",
    "source": "https://host/BAC009S0764W0121.wav",
    "source_len": 90,
    "target": "甚至出现交易几乎停滞的情况",
    "target_len": 13,
    "text_language": "<|zh|>",
    "emo_target": "<|NEUTRAL|>",
    "event_target": "<|Speech|>",
    "with_or_wo_itn": "<|woitn|>",
    "prompt": "<ASR>",
}


@given(utterances)
def test_records_survive_the_way_through_a_line(utterance):
    line = to_line(utterance)
    assert "\n" not in line
    assert from_line(line, "x") == utterance
    assert to_line(from_line(line, "x")) == line


def test_a_published_training_line_stays_the_same_object():
    line = json.dumps(PUBLISHED)
    utterance = from_line(line, "train.jsonl:1")
    assert (utterance.source_len, utterance.target, utterance.extra["prompt"]) == (90, PUBLISHED["target"], "<ASR>")
    assert json.loads(to_line(utterance)) == PUBLISHED
    assert list(json.loads(to_line(utterance))) == list(PUBLISHED)


def test_chinese_is_written_as_it_is_and_the_published_keys_come_first():
    utterance = Utterance("a", "a.wav", speaker="s", target="你好", target_len=2, source_len=90)
    assert to_line(utterance) == (
        '{"key": "a", "source": "a.wav", "source_len": 90, "target": "你好", "target_len": 2, "speaker": "s"}'
    )


def test_fields_without_a_value_are_not_written():
    assert to_line(Utterance("a")) == '{"key": "a"}'
    token = Token("你", 0, 120)
    assert json.loads(to_line(Utterance("a", tokens=(token,), nbest=(Hypothesis("你", -1.5),)))) == {
        "key": "a",
        "tokens": [{"text": "你", "start_ms": 0, "end_ms": 120}],
        "nbest": [{"text": "你", "score": -1.5}],
    }


def test_an_empty_reference_is_not_a_missing_one():
    assert to_line(Utterance("a", target="", text="")) == '{"key": "a", "target": "", "text": ""}'


def test_nulls_are_as_if_they_were_not_there():
    assert from_line('{"key": "a", "target": null, "tokens": null, "tags": null}', "x") == Utterance("a")


def test_unknown_keys_are_kept_with_all_that_is_in_them():
    line = '{"key": "a", "messages": [{"role": "user", "content": {"a": [1, null]}}], "tags": {"emotion": "HAPPY"}}'
    utterance = from_line(line, "x")
    assert utterance.tags == {"emotion": "HAPPY"}
    assert json.loads(to_line(utterance)) == json.loads(line)


def test_half_a_surrogate_pair_can_be_written():
    line = to_line(from_line('{"key": "a", "note": "\\ud83d"}', "x"))
    assert line.encode("utf-8") == b'{"key": "a", "note": "\\ud83d"}'


@pytest.mark.parametrize(
    ("line", "key", "error"),
    [
        ('{"key": "a"', "l:3", "l:3: is not JSON (Expecting ',' delimiter); should be one object on a line"),
        ('["a"]', "l:3", "l:3: is a list; should be a JSON object with `key` and `source`"),
        ("3", "l:3", "l:3: is a number; should be a JSON object with `key` and `source`"),
        ('{"source": "a.wav"}', "l:3", 'l:3: has no key; should have one, such as "key": "BAC009S0724W0121"'),
        ('{"key": ""}', "l:3", 'l:3: has no key; should have one, such as "key": "BAC009S0724W0121"'),
        ('{"key": 7}', "l:3", "l:3: key is 7; should be text"),
        ('{"key": "a", "source_len": "abc"}', "a", 'l:3: source_len is "abc"; should be a whole number'),
        ('{"key": "a", "source_len": 1.5}', "a", "l:3: source_len is 1.5; should be a whole number"),
        ('{"key": "a", "source_len": true}', "a", "l:3: source_len is true; should be a whole number"),
        ('{"key": "a", "start_ms": -5}', "a", "l:3: start_ms is -5; should be 0 or more"),
        ('{"key": "a", "source": ["a"]}', "a", 'l:3: source is ["a"]; should be text'),
        ('{"key": "a", "tokens": "你 好"}', "a", 'l:3: tokens is "你 好"; should be a list of objects'),
        ('{"key": "a", "tokens": ["你"]}', "a", 'l:3: tokens[0] is "你"; should be an object with `text`'),
        (
            '{"key": "a", "tokens": [{"start_ms": 0}]}',
            "a",
            "l:3: tokens[0] has no text; should be an object with `text`",
        ),
        (
            '{"key": "a", "sentences": [{"text": "x", "spk": 1}]}',
            "a",
            "l:3: sentences[0] has the key 'spk'; known are text, start_ms, end_ms, speaker",
        ),
        ('{"key": "a", "nbest": [{"text": "x", "score": "1"}]}', "a", 'l:3: nbest[0].score is "1"; should be a number'),
        ('{"key": "a", "tags": {"lang": 1}}', "a", "l:3: tags.lang is 1; should be text"),
        (
            '{"key": "a", "gain": NaN}',
            "l:3",
            "l:3: is not JSON (NaN is no number of JSON); should be one object on a line",
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_an_error_record(line, key, error):
    assert from_line(line, "l:3") == Utterance(key, status="error", error=error)


def test_a_list_nested_without_end_is_an_error_record():
    assert from_line("[" * 100000, "l:1").status == "error"


def test_one_bad_line_does_not_cost_the_rest(tmp_path):
    path = tmp_path / "list.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"key": "a"}\r\n\n{oops\n{"key": "\xff"}\n{"key": "b", "source_len": 430.0}\n')
    records = list(read_jsonl(path))
    assert [record.key for record in records] == ["a", "list.jsonl:3", "list.jsonl:4", "b"]
    assert [record.status for record in records] == ["", "error", "error", ""]
    assert "byte 0xff" in records[2].error
    assert records[3].source_len == 430


def test_what_json_cannot_hold_is_an_error_with_the_key():
    with pytest.raises(DataError, match="^a: cannot be written as JSON"):
        to_line(Utterance("a", tokens=(Token("x", confidence=math.nan),)))
    with pytest.raises(DataError, match="^a: cannot be written as JSON"):
        to_line(Utterance("a", extra={"x": object()}))
