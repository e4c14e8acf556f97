"""AutoModel with every kind of input that the documents name, on a small model drawn at random."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from asrtools import AutoModel
from asrtools.errors import AsrError, ConfigError, DataError


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> AutoModel:
    return AutoModel(model=str(tiny_model), device="cpu", ncpu=1, disable_update=True)


@pytest.fixture
def samples() -> np.ndarray:
    return (np.random.default_rng(3).standard_normal(24000) * 3000).astype(np.int16)


@pytest.fixture
def wav(tmp_path: Path, samples: np.ndarray) -> Path:
    path = tmp_path / "asr_example.wav"
    soundfile.write(path, samples, 16000, subtype="PCM_16")
    return path


@pytest.fixture
def expected(model: AutoModel, wav: Path) -> dict:
    (result,) = model.generate(input=str(wav))
    assert result["key"] == "asr_example" and result["text"] and result["timestamp"]
    return result


def same(result: dict, expected: dict) -> None:
    assert {**result, "key": ""} == {**expected, "key": ""}


def test_a_path_is_keyed_by_its_stem(model: AutoModel, wav: Path, expected: dict) -> None:
    assert model.generate(input=wav) == [expected] == model(input=str(wav))
    assert model.generate(input=[str(wav)]) == [expected]
    assert model.generate(input=str(wav), key="mine")[0]["key"] == "mine"


@pytest.mark.parametrize(
    "make",
    [
        lambda samples, wav: samples,
        lambda samples, wav: samples.astype(np.float32) / 32768,
        lambda samples, wav: (samples / 32768).astype(np.float64),
        lambda samples, wav: torch.from_numpy(samples.astype(np.float32) / 32768),
        lambda samples, wav: torch.from_numpy(samples.astype(np.float32) / 32768).expand(2, -1),
        lambda samples, wav: np.stack([samples, samples], axis=1),
        lambda samples, wav: [samples],
        lambda samples, wav: (samples.astype(np.float32) / 32768).tolist(),
        lambda samples, wav: samples.tobytes(),
        lambda samples, wav: wav.read_bytes(),
        lambda samples, wav: bytearray(wav.read_bytes()),
    ],
)
def test_samples_and_bytes_give_what_the_file_gives(model: AutoModel, samples, wav: Path, expected, make) -> None:
    (result,) = model.generate(input=make(samples, wav))
    same(result, expected)
    assert result["key"].startswith("rand_key_")


def test_raw_pcm_at_another_rate(model: AutoModel, tmp_path: Path, samples: np.ndarray) -> None:
    (tmp_path / "a.pcm").write_bytes(samples[::2].tobytes())
    soundfile.write(tmp_path / "b.wav", samples[::2], 8000, subtype="PCM_16")
    (wanted,) = model.generate(input=str(tmp_path / "b.wav"))
    for given in (str(tmp_path / "a.pcm"), samples[::2], samples[::2].tobytes()):
        same(model.generate(input=given, fs=8000)[0], wanted)
        same(model.generate(input=given, audio_fs=8000)[0], wanted)


def test_lists_in_files(model: AutoModel, tmp_path: Path, wav: Path, expected: dict) -> None:
    (tmp_path / "wav.scp").write_text(f"a {wav}\nb\t{wav}\nc {tmp_path}/nowhere.wav\n")
    (tmp_path / "list.jsonl").write_text(json.dumps({"key": "d", "source": str(wav)}) + "\n")
    first, second, third = model.generate(input=str(tmp_path / "wav.scp"), output_dir=str(tmp_path / "out"))
    assert [first, second] == [{**expected, "key": "a"}, {**expected, "key": "b"}]
    assert third["key"] == "c" and third["text"] == "" and "no such file" in third["error"]
    assert (tmp_path / "out/1best_recog/text").read_text() == f"a {expected['text']}\nb {expected['text']}\n"
    assert model.generate(input=str(tmp_path / "list.jsonl")) == [{**expected, "key": "d"}]


def test_features_with_their_lengths(model: AutoModel, samples: np.ndarray, expected: dict) -> None:
    from asrtools.features.frontend import WavFrontend

    mel = WavFrontend()(samples)
    ready = model.kwargs["frontend"](samples)
    batch = torch.zeros(2, len(mel) + 9, mel.shape[1])
    batch[:, : len(mel)] = torch.from_numpy(mel)
    for result in model.generate(input=batch, input_len=torch.tensor([len(mel), len(mel)]), data_type="fbank"):
        same(result, expected)
    same(model.generate(input=torch.from_numpy(mel)[None], data_type="fbank")[0], expected)
    same(model.generate(input=ready, data_type="fbank")[0], expected)
    (wrong,) = model.generate(input=mel[:, :79], data_type="fbank")
    assert "79" in wrong["error"] and "80" in wrong["error"] and "560" in wrong["error"]


def test_one_result_for_each_input_whatever_it_is(model: AutoModel, tmp_path: Path, wav: Path, expected: dict) -> None:
    given = [
        str(wav),
        str(tmp_path / "no.wav"),
        b"",
        None,
        np.zeros(640, np.float32),
        np.zeros(0, np.float32),
        str(wav),
    ]
    results = model.generate(input=given)
    assert len(results) == len(given)
    assert results[0] == results[6] == expected
    assert all(results[index]["error"] for index in (1, 2, 3, 5))
    assert results[4].get("error") is None and "text" in results[4]
    assert model.generate(input=[]) == []


def test_results_do_not_depend_on_the_batch(model: AutoModel) -> None:
    draw = np.random.default_rng(5)
    given = [draw.standard_normal(size).astype(np.float32) * 0.1 for size in draw.integers(2000, 40000, 12)]
    alone = [model.generate(input=one)[0] for one in given]
    for settings in ({"batch_size": 1}, {"batch_size": 64}, {"batch_size_s": 5}):
        for result, wanted in zip(model.generate(input=given, **settings), alone, strict=True):
            same(result, wanted)


def test_an_empty_cache_is_not_streaming(model: AutoModel, wav: Path, expected: dict) -> None:
    assert model.generate(input=str(wav), cache={}) == [expected]


def test_a_keyword_that_nothing_knows_names_the_near_one(model: AutoModel, wav: Path, tiny_model: Path) -> None:
    with pytest.raises(ConfigError, match="batch_size_s"):
        model.generate(input=str(wav), batch_size_sec=3)
    with pytest.raises(ConfigError, match="n_mels"):
        AutoModel(model=str(tiny_model), device="cpu", n_mel=80)


def test_values_of_the_configuration_can_be_given(tiny_model: Path, wav: Path, expected: dict) -> None:
    model = AutoModel(model=str(tiny_model), device="cpu", tail_threshold=0.0, frontend_conf={"dither": 0.0})
    assert model.model.predictor.tail.threshold == 0.0
    assert model.kwargs["frontend_conf"]["dither"] == 0.0


def test_what_documents_read_from_a_model(model: AutoModel, tiny_model: Path) -> None:
    assert model.model_path == str(tiny_model)
    assert isinstance(model.model, torch.nn.Module)
    assert model.kwargs["model"] == "BiCifParaformer" and model.kwargs["frontend"].fs == 16000


def test_a_gpu_that_is_not_there_is_no_obstacle(tiny_model: Path, wav: Path, expected: dict, capsys) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    model = AutoModel(model=str(tiny_model), device="cuda:0")
    assert "cuda:0" in capsys.readouterr().err
    assert model.generate(input=str(wav)) == [expected]
    assert AutoModel(model=str(tiny_model), ngpu=0).generate(input=str(wav)) == [expected]


def test_a_device_or_count_that_makes_no_sense_is_an_error(tiny_model: Path) -> None:
    with pytest.raises(ConfigError, match="device gpu is not known"):
        AutoModel(model=str(tiny_model), device="gpu")
    with pytest.raises(ConfigError, match="ncpu is 0"):
        AutoModel(model=str(tiny_model), device="cpu", ncpu=0)
    with pytest.raises(ConfigError, match="did you mean vad_model"):
        AutoModel(model=str(tiny_model), device="cpu", vad_modle="fsmn-vad")


def test_progress_is_told(model: AutoModel, wav: Path) -> None:
    told: list[tuple[int, int]] = []
    model.generate(input=[str(wav)] * 3, progress_callback=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("given", [3, {"a": 1}])
def test_what_is_no_input_is_an_error_of_that_input(model: AutoModel, given: object) -> None:
    (result,) = model.generate(input=given)
    assert type(given).__name__ in result["error"]


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AsrError, match="nowhere"):
        AutoModel(model=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="no model"):
        AutoModel()


def test_keys_must_be_as_many_as_inputs(model: AutoModel, samples: np.ndarray) -> None:
    with pytest.raises(DataError, match="key"):
        model.generate(input=[samples, samples], key=["one"])


def test_importing_the_package_is_cheap(run_python: Callable[[str], str]) -> None:
    assert run_python("import sys, asrtools; print('torch' in sys.modules)") == "False\n"


@pytest.fixture
def run_python() -> Callable[[str], str]:
    import subprocess
    import sys

    return lambda code: subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
