"""Which models stand beside a recogniser, and whose an override is."""

from pathlib import Path

import pytest

from asrtools.errors import ConfigError
from asrtools.tasks.companion import assigned, names_of

BUNDLE = "iic/speech_paraformer-large-vad-punc_asr_nat-zh-cn-16k-common-vocab8404-pytorch"


def test_a_model_published_as_a_bundle_brings_its_companions() -> None:
    assert names_of(BUNDLE, {}) == {"vad": "fsmn-vad", "punc": "ct-punc-c"}
    assert names_of(BUNDLE, {"vad_model": "none", "spk_model": "cam++"}) == {"punc": "ct-punc-c", "spk": "cam++"}
    assert names_of("paraformer-zh", {}) == {}
    assert names_of("paraformer-zh", {"vad_model": "mine"}) == {"vad": "mine"}


def test_a_directory_brings_none(tmp_path: Path) -> None:
    assert names_of(tmp_path, {"punc_model": None}) == {}


def test_an_override_goes_to_the_model_that_knows_it(oracle: Path) -> None:
    asr, vad = oracle / "bicif_paraformer", oracle / "fsmn_vad"
    given = {"max_single_segment_time": 6000, "tail_threshold": 0.0, "vad_kwargs.speech_noise_thres": 0.7}
    own, theirs = assigned(given, asr, {"vad": vad})
    assert own == {"tail_threshold": 0.0}
    assert theirs == {"vad": {"max_single_segment_time": 6000, "speech_noise_thres": 0.7}}
    own, _ = assigned({"max_single_segment_time": 6000}, asr, {})
    assert own == {"max_single_segment_time": 6000}  # where loading says that nothing knows it
    with pytest.raises(ConfigError, match="punc_model"):
        assigned({"punc_kwargs": {"a": 1}}, asr, {"vad": vad})
