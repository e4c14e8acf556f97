"""AutoModel's results against those of FunASR, from the file to the dict."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asrtools import AutoModel

NAMES = (
    "paraformer",
    "bicif_paraformer",
    "seaco_paraformer",
    "contextual_paraformer",
    "sensevoice_small",
    "sensevoice_ts",
    "transducer",
    "paraformer_streaming",
)
SENSE_VOICE = {
    "auto_woitn": {},
    "ts": {"output_timestamp": True},
    "zh_itn": {"language": "zn", "use_itn": True},
    "en_textnorm": {"language": "en", "text_norm": "woitn"},
}


def calls(oracle: Path, name: str, stored: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Case, what FunASR gave, and the keywords it was given."""
    cases = list(stored["results"].items())
    cases += [(f"{case}|times", results) for case, results in stored.get("with_output_timestamp", {}).items()]
    for case, results in cases:
        wav, *settings = case.split("|")
        keywords: dict[str, Any] = {"input": str(oracle / "wavs" / f"{wav}.wav")}
        for setting in settings:
            if setting in SENSE_VOICE:
                keywords |= SENSE_VOICE[setting]
            elif setting == "times":
                keywords["output_timestamp"] = True
            elif setting == "file":
                keywords["hotword"] = str(oracle / "seaco_paraformer" / "hotwords.txt")
            elif setting.startswith("hw"):
                keywords["hotword"] = stored["hotwords"][int(setting[2:])]
            elif setting.startswith("clas"):
                keywords["clas_scale"] = float(setting[4:])
            elif setting.startswith("beam"):
                keywords["beam_size"] = int(setting[4:])
            elif "," in setting and name == "paraformer_streaming":
                numbers = [int(one) for one in setting.split(",")]
                look_back = dict(zip(("encoder_chunk_look_back", "decoder_chunk_look_back"), numbers, strict=False))
                keywords |= {"chunk_size": numbers} if len(numbers) == 3 else look_back
        yield case, results, keywords


@pytest.mark.parametrize("name", NAMES)
def test_results_are_those_of_funasr(oracle: Path, name: str) -> None:
    model = AutoModel(model=str(oracle / name), device="cpu", ncpu=1)
    stored = json.loads((oracle / name / "expected.json").read_text())
    num_checked = 0
    for case, results, keywords in calls(oracle, name, stored):
        is_crash_or_bogus = isinstance(results, str) or case == "short500ms|ts" and name == "sensevoice_small"
        if is_crash_or_bogus or (name == "paraformer_streaming" and "filepath" not in case):
            continue
        (wanted,) = results
        assert model.generate(**keywords) == [wanted], case
        num_checked += 1
    assert num_checked > 2


def test_packets_of_a_stream_are_remembered_in_the_cache(oracle: Path) -> None:
    import soundfile

    model = AutoModel(model=str(oracle / "paraformer_streaming"), device="cpu", ncpu=1)
    wanted = json.loads((oracle / "paraformer_streaming/expected.json").read_text())["results"]["odd|0,10,5|4,1"]
    samples, _ = soundfile.read(oracle / "wavs/odd.wav")
    settings = {"chunk_size": [0, 10, 5], "encoder_chunk_look_back": 4, "decoder_chunk_look_back": 1}
    caches: list[dict] = [{}, {}]
    for _ in range(2):  # two sessions side by side, then both again in the caches they left
        texts: list[list[str]] = [[], []]
        for index in range(len(wanted)):
            packet = samples[index * 9600 : (index + 1) * 9600]
            for cache, found in zip(caches, texts, strict=True):
                is_final = index == len(wanted) - 1
                (result,) = model.generate(input=packet, cache=cache, is_final=is_final, **settings)
                found.append(result["text"])
        assert texts == [wanted, wanted]


def test_punctuation(oracle: Path) -> None:
    model = AutoModel(model=str(oracle / "ct_punc"), device="cpu", ncpu=1)
    stored = json.loads((oracle / "ct_punc/expected.json").read_text())["results"]
    cases = [case for case in stored if isinstance(case["out"], dict)]
    assert len(cases) > 3
    for case, result in zip(cases, model.generate(input=[case["in"] for case in cases]), strict=True):
        assert result["text"] == case["out"]["text"] and list(result["punc_array"]) == case["out"]["punc_array"]
        (alone,) = model.generate(input=case["in"])
        assert alone["text"] == result["text"]


def test_alignment(oracle: Path, tmp_path: Path) -> None:
    model = AutoModel(model=str(oracle / "monotonic_aligner"), device="cpu", ncpu=1)
    stored = json.loads((oracle / "monotonic_aligner/expected.json").read_text())["results"]
    num_checked = 0
    for number, case in enumerate(stored):
        wav = str(oracle / "wavs" / f"{case['wav']}.wav")
        (result,) = model.generate(input=(wav, case["text"]), data_type=("sound", "text"))
        (wanted,) = case["out_raw_string_input"] if isinstance(case["out_raw_string_input"], list) else [None]
        if wanted is not None:
            assert {**result, "key": ""} == {**wanted, "key": ""}
            num_checked += 1
        (tmp_path / "text.txt").write_text(f"utt{number} {case['text']}\n")
        (again,) = model.generate(input=(wav, str(tmp_path / "text.txt")), data_type=("sound", "text"))
        assert again == {**result, "key": f"utt{number}"}
    assert num_checked > 3


def test_output_dir_holds_the_files_that_funasr_writes(oracle: Path, tmp_path: Path) -> None:
    wav, text = oracle / "wavs/odd.wav", oracle / "monotonic_aligner/text/t2.txt"
    model = AutoModel(model=str(oracle / "monotonic_aligner"), device="cpu", ncpu=1)
    model.generate(input=(str(wav), str(text)), data_type=("sound", "text"), output_dir=str(tmp_path / "times"))
    assert (tmp_path / "times/tp_res/timestamp_str").read_text() == (
        "utt2 <sil> 0.000 0.130;hel@@ 0.130 0.330;lo 0.330 0.570;wor@@ 0.570 0.790;ld 0.790 0.970;我 0.970 1.210;"
        "<sil> 1.210 1.230;们 1.230 1.470;<sil> 1.470 1.550;的 1.550 1.790;<sil> 1.790 1.830;un@@ 1.830 2.070;"
        "able 2.070 2.340;\n"
    )
    spans = "[[130, 570], [570, 970], [970, 1210], [1230, 1470], [1550, 1790], [1830, 2340]]"
    assert (tmp_path / "times/tp_res/timestamp_list").read_text() == f"utt2 {spans}\n"
    model = AutoModel(model=str(oracle / "fsmn_vad"), device="cpu", ncpu=1)
    model.generate(input=[str(wav), "no.wav"], output_dir=str(tmp_path / "vad"))
    assert (tmp_path / "vad/1best_recog/text").read_text() == "odd [[280, 2340]]\n"
    assert json.loads((tmp_path / "vad/errors.jsonl").read_text())["key"] == "no"
