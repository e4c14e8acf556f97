"""The table of models knows every name that the documents use."""

import re
from pathlib import Path

import pytest

from asrtools import zoo

PUBLISHED_ALIASES = {  # alias: (id on modelscope, id on huggingface)
    "paraformer": (
        "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch",
        "funasr/paraformer-zh",
    ),
    "paraformer-zh": (
        "iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch",
        "funasr/paraformer-zh",
    ),
    "paraformer-en": ("iic/speech_paraformer-large-vad-punc_asr_nat-en-16k-common-vocab10020", "funasr/paraformer-en"),
    "paraformer-en-spk": (
        "iic/speech_paraformer-large-vad-punc_asr_nat-en-16k-common-vocab10020",
        "funasr/paraformer-en",
    ),
    "paraformer-zh-streaming": (
        "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-online",
        "funasr/paraformer-zh-streaming",
    ),
    "fsmn-vad": ("iic/speech_fsmn_vad_zh-cn-16k-common-pytorch", "funasr/fsmn-vad"),
    "ct-punc": ("iic/punc_ct-transformer_cn-en-common-vocab471067-large", "funasr/ct-punc"),
    "ct-punc-c": (
        "iic/punc_ct-transformer_zh-cn-common-vocab272727-pytorch",
        "iic/punc_ct-transformer_zh-cn-common-vocab272727-pytorch",
    ),
    "fa-zh": ("iic/speech_timestamp_prediction-v1-16k-offline", "funasr/fa-zh"),
    "cam++": ("iic/speech_campplus_sv_zh-cn_16k-common", "funasr/campplus"),
    "Whisper-large-v2": (
        "iic/speech_whisper-large_asr_multilingual",
        "iic/speech_whisper-large_asr_multilingual",
    ),
    "Whisper-large-v3": ("iic/Whisper-large-v3", "iic/Whisper-large-v3"),
    "Whisper-large-v3-turbo": ("iic/Whisper-large-v3-turbo", "iic/Whisper-large-v3-turbo"),
    "Qwen-Audio": ("Qwen/Qwen-Audio", "Qwen/Qwen-Audio"),
    "emotion2vec_plus_large": ("iic/emotion2vec_plus_large", "emotion2vec/emotion2vec_plus_large"),
    "emotion2vec_plus_base": ("iic/emotion2vec_plus_base", "emotion2vec/emotion2vec_plus_base"),
    "emotion2vec_plus_seed": ("iic/emotion2vec_plus_seed", "emotion2vec/emotion2vec_plus_seed"),
}


@pytest.mark.parametrize("alias", PUBLISHED_ALIASES)
def test_a_published_alias_stands_for_its_published_ids(alias: str) -> None:
    entry = zoo.find(alias)
    assert entry is not None
    assert (entry.ms, entry.hf) == PUBLISHED_ALIASES[alias]


def test_every_model_id_of_the_documents_is_known(shared: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((shared / "documents").glob("*.txt")))
    ids = set(re.findall(r"\b(?:damo|iic|FunAudioLLM)/[\w.+-]+", text))
    ids |= set(re.findall(r"\bmodels/([\w.-]+/speech_[\w.+-]+)", text))
    assert len(ids) > 50
    assert [name for name in sorted(ids) if zoo.find(name) is None] == []


def test_every_alias_of_the_documents_is_known(shared: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((shared / "documents").glob("*.txt")))
    names = set(re.findall(r'(?:\+\+|\b)(?:vad_|punc_|spk_)?model="?([a-z]+[0-9+]*-[a-z0-9+-]+|cam\+\+)"?', text))
    assert {"paraformer-zh", "fsmn-vad", "ct-punc", "cam++"} <= names
    assert [name for name in sorted(names - {"your-org"}) if zoo.find(name) is None] == []


@pytest.mark.parametrize(
    "name",
    [
        "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch",
        "damo/speech_fsmn_vad_zh-cn-16k-common-pytorch",
        "speech_fsmn_vad_zh-cn-16k-common-pytorch",
        "funasr/fsmn-vad",
        "FSMN-VAD",
    ],
)
def test_a_model_is_found_by_each_of_its_names(name: str) -> None:
    assert zoo.find(name) is zoo.find("fsmn-vad") is not None


def test_no_name_stands_for_two_models() -> None:
    shared_on_huggingface = {"funasr/paraformer-zh"}  # two models on modelscope, one there
    seen: dict[str, str] = {}
    for entry in zoo.ENTRIES:
        for name in {entry.alias, entry.ms, entry.hf, *entry.also} - {"", *shared_on_huggingface}:
            assert seen.setdefault(name, entry.ms) == entry.ms, name


def test_a_bundle_names_its_companions_and_they_are_known() -> None:
    bundle = zoo.find("damo/speech_paraformer-large-vad-punc_asr_nat-zh-cn-16k-common-vocab8404-pytorch")
    assert bundle is not None
    assert dict(bundle.companions) == {"vad": "fsmn-vad", "punc": "ct-punc-c"}
    for entry in zoo.ENTRIES:
        head, is_recognition, _ = entry.ms.partition("_asr_")
        for role in ("vad", "punc", "spk") if is_recognition else ():
            assert (f"-{role}" in head) == (role in entry.companions), entry.ms
        assert all(zoo.find(alias) for alias in entry.companions.values())


def test_8k_models_say_so() -> None:
    for entry in zoo.ENTRIES:
        assert (entry.rate == 8000) == ("-8k-" in entry.ms), entry.ms


def test_near_names_are_offered() -> None:
    assert zoo.near("parafomer-zh")[0] == "paraformer-zh"
    assert zoo.near("fsmnvad") == ["fsmn-vad"]
    assert zoo.near("completely-different-thing") == []
