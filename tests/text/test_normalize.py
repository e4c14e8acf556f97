"""Each step of normalisation does what its help says; profiles and changes to them."""

import pytest

from asrtools.errors import ConfigError
from asrtools.text.normalize import PROFILES, STEPS, normalizer, parse_norm


def norm(text: str, how: str) -> str:
    return " ".join(normalizer(parse_norm(how))(text).split())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_example_in_the_help_is_what_happens(step) -> None:
    assert norm(step.example[0], f"none,+{step.name}") == step.example[1]


def test_none_changes_nothing() -> None:
    text = "<|zh|>Ｈｅｌｌｏ，  world@@ !</s>"
    assert normalizer(parse_norm("none"))(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<|zh|><|NEUTRAL|><|Speech|><|woitn|>今天好", "今天好"),
        ("<s> 今 天 <unk> 好 </s>", "今 天 好"),
        ("st@@ ate of the ar@@ t", "state of the art"),
        ("▁he llo ▁wor ld", "hello world"),
        ("ＡＢＣ１２３。", "abc123"),
        ("It’s  Fine — don't!", "it's fine don't"),
        ("'quoted' words", "quoted words"),
        ("3.5 1,234 a.b 50%", "3.5 1234 a b 50%"),
        ("好😊的🎼", "好 的"),
        ("cafe\u0301 ﻿x\u200by", "caf\u00e9 xy"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("「こんにちは」、世界！", "こんにちは 世界"),
    ],
)
def test_basic_leaves_what_was_said(text: str, expected: str) -> None:
    assert norm(text, "basic") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("呃今天啊去那边儿", "今天去那边"),
        ("我女儿的儿童节", "我女儿的儿童节"),
        ("It's ok", "IT S OK"),
        ("涨了３.5%", "涨了百分之三点五"),
    ],
)
def test_speechio_is_what_its_evaluation_does(text: str, expected: str) -> None:
    assert norm(text, "speechio") == expected


def test_steps_are_switched_one_by_one() -> None:
    assert norm("OK，好", "basic,-case") == "OK 好"
    assert norm("OK，好", "basic,-case,-punctuation") == "OK,好"
    assert norm("那边儿", "basic,+erhua") == "那边"
    assert parse_norm("speechio, -upper ,+case") == (
        "tags",
        "markers",
        "bpe",
        "width",
        "case",
        *PROFILES["speechio"][5:],
    )


def test_plain_text_takes_the_quick_way_to_the_same_result() -> None:
    for text in ("今天天气", "OK then", "a1 好"):
        slow = text
        for step in STEPS:
            if step.name in PROFILES["basic"]:
                slow = step.apply(slow)
        assert normalizer(parse_norm("basic"))(text) == slow


def test_normalising_twice_changes_nothing_more() -> None:
    for profile in ("basic", "speechio"):
        once = norm("<|en|>1999年，It's 12.5% 呃 那边儿 B2C!", profile)
        assert norm(once, profile) == once


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("simple", "'simple' is no profile; should be one of none, basic, speechio, wetext"),
        ("basic,case", "'case' is no change; should be +STEP or -STEP"),
        ("basic,+fillres", "there is no step 'fillres'; did you mean fillers?"),
        ("basic,+upper", "has both case and upper"),
    ],
)
def test_a_wrong_norm_says_what_would_be_right(how: str, words: str) -> None:
    with pytest.raises(ConfigError, match="--norm") as caught:
        parse_norm(how)
    assert words in str(caught.value)
