"""The pipeline of older documents."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrtools import AutoModel
from asrtools.errors import ConfigError
from asrtools.pipelines import Tasks, pipeline


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).standard_normal(16000) * 0.1, 16000)
    return path


@pytest.fixture
def recognise(tiny_model: Path):
    return pipeline(task=Tasks.auto_speech_recognition, model=str(tiny_model), ngpu=0)


def test_one_recording_is_a_dict_with_its_text(recognise, tiny_model: Path, wav: Path) -> None:
    (wanted,) = AutoModel(model=str(tiny_model), device="cpu").generate(input=str(wav))
    assert recognise(audio_in=str(wav)) == {"text": wanted["text"], "time_stamp": wanted["timestamp"]}
    samples, _ = soundfile.read(wav, dtype="int16")
    assert recognise(audio_in=samples.tobytes(), audio_fs=16000)["text"] == wanted["text"]


def test_a_list_is_a_list_of_keys_and_values(recognise, tmp_path: Path, wav: Path) -> None:
    (tmp_path / "wav.scp").write_text(f"one {wav}\ntwo {wav}\n")
    results = recognise(audio_in=str(tmp_path / "wav.scp"), output_dir=str(tmp_path / "out"))
    assert [result["key"] for result in results] == ["one", "two"]
    assert results[0]["value"] == results[0]["text_postprocessed"]
    assert (tmp_path / "out/1best_recog/text").is_file()


def test_what_it_does_not_know_is_an_error(recognise, wav: Path) -> None:
    with pytest.raises(ConfigError, match="auto-speech-recognition"):
        pipeline(task="speech", model="x")
    with pytest.raises(ConfigError, match="audio_in"):
        recognise()
    with pytest.raises(ConfigError, match="decoding_modle"):
        recognise(audio_in=str(wav), param_dict={"decoding_modle": "fast"})


def test_a_stream_is_remembered_in_the_dict_of_parameters(oracle: Path) -> None:
    recognise = pipeline(Tasks.auto_speech_recognition, model=str(oracle / "paraformer_streaming"), ngpu=0)
    samples, _ = soundfile.read(oracle / "wavs/odd.wav")
    parameters = {"cache": {}, "is_final": False, "chunk_size": [0, 8, 4]}
    texts = []
    for start in range(0, len(samples), 7680):
        parameters["is_final"] = start + 7680 >= len(samples)
        texts.append(recognise(audio_in=samples[start : start + 7680], param_dict=parameters)["text"])
    whole = AutoModel(model=str(oracle / "paraformer_streaming"), device="cpu").generate(
        input=str(oracle / "wavs/odd.wav"), chunk_size=[0, 8, 4]
    )
    assert "".join(texts) == whole[0]["text"]
