import json
from pathlib import Path

import pytest

from asrtools.text.rich_tags import is_tag, rich_transcription_postprocess, tags_of


@pytest.mark.parametrize("name", ["sensevoice_small", "sensevoice_ts"])
def test_texts_of_the_oracle_become_the_strings_it_stores(oracle: Path, name: str) -> None:
    expected = json.loads((oracle / name / "expected.json").read_text())
    cases = dict(expected["rich_examples"])
    for case, wanted in expected["rich_transcription_postprocess"].items():
        if case in expected["results"]:
            cases[expected["results"][case][0]["text"]] = wanted
    assert len(cases) > 10
    for text, wanted in cases.items():
        assert rich_transcription_postprocess(text) == wanted


def test_the_documented_import_path_leads_to_it() -> None:
    from asrtools.utils import postprocess_utils

    assert postprocess_utils.rich_transcription_postprocess is rich_transcription_postprocess


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<|en|><|NEUTRAL|><|Speech|><|withitn|>Yes. The. End.", "Yes. The. End."),  # no word is deleted
        ("<|en|><|NEUTRAL|>today.<|en|><|NEUTRAL|>Ask", "today. Ask"),
        ("<|zh|><|NEUTRAL|>你好。<|zh|><|NEUTRAL|>世界", "你好。世界"),
        ("<|zh|><|HAPPY|>你好<|zh|><|HAPPY|>世界", "你好世界😊"),
        ("<|en|><|BGM|>one<|en|><|BGM|>two", "🎼one two"),
        ("<|nospeech|><|Event_UNK|>", "❓"),
        ("<|en|><|mystery|>kept", "<|mystery|>kept"),
        ("no tags", "no tags"),
        ("", ""),
    ],
)
def test_segments_are_joined_without_losing_a_word(text: str, shown: str) -> None:
    assert rich_transcription_postprocess(text) == shown


def test_tags_go_into_the_record_by_kind() -> None:
    tokens = ["<|yue|>", "<|HAPPY|>", "<|Laughter|>", "<|withitn|>", "好", "<|SAD|>", "<|mystery|>"]
    assert tags_of(tokens) == {"language": "yue", "emotion": "HAPPY", "event": "Laughter", "itn": "withitn"}
    assert [is_tag(token) for token in tokens] == [True, True, True, True, False, True, False]
    assert tags_of(["好"]) == {}
