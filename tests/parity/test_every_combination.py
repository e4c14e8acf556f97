"""Every recogniser behind voice activity detection, with and without punctuation: one result an input, well formed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asrtools import AutoModel

RECOGNIZERS = (
    "paraformer",
    "paraformer_conformer",
    "bicif_paraformer",
    "seaco_paraformer",
    "contextual_paraformer",
    "sensevoice_small",
    "sensevoice_ts",
    "conformer",
    "transformer",
    "branchformer",
    "e_branchformer",
    "transducer",
)


@pytest.fixture(scope="module")
def audio(oracle: Path) -> list[np.ndarray]:
    speech = soundfile.read(oracle / "wavs" / "odd.wav", dtype="float32")[0]
    twice = np.concatenate([speech, np.zeros(32000, np.float32), speech])
    return [speech, np.zeros(16000, np.float32), speech[:640], twice]


@pytest.mark.parametrize("punctuation", [None, "ct_punc"])
@pytest.mark.parametrize("recognizer", RECOGNIZERS)
def test_one_result_for_every_input(
    oracle: Path, audio: list[np.ndarray], recognizer: str, punctuation: str | None
) -> None:
    companions: dict[str, Any] = {"vad_model": str(oracle / "fsmn_vad")}
    if punctuation:
        companions["punc_model"] = str(oracle / punctuation)
    model = AutoModel(model=str(oracle / recognizer), device="cpu", ncpu=1, **companions)
    results = model.generate(input=audio, key=["a", "b", "c", "d"], beam_size=2, maxlenratio=-8)
    assert [result["key"] for result in results] == ["a", "b", "c", "d"]
    assert all(isinstance(result["text"], str) and "error" not in result for result in results)
    assert results[0]["text"] and results[3]["text"]
    assert not results[1]["text"]
    for result in results:
        times = result.get("timestamp", [])
        assert all(0 <= begin <= end for begin, end in times)
        assert times == sorted(times)
        for sentence in result.get("sentence_info", []):
            assert sentence["start"] <= sentence["end"]
