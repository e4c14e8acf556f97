import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from asrtools import AutoModel, build
from asrtools.commands.export import export
from asrtools.errors import ConfigError, ModelError
from asrtools.export import package
from asrtools.export.parity import Parity, agreement, check, difference

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

MODELS = {
    "paraformer": (["speech", "speech_lengths"], ["logits", "token_num"]),
    "bicif_paraformer": (["speech", "speech_lengths"], ["logits", "token_num", "us_alphas", "us_cif_peak"]),
    "sensevoice_small": (
        ["speech", "speech_lengths", "language", "textnorm"],
        ["ctc_logits", "encoder_out_lens"],
    ),
    "fsmn_vad": (
        ["speech", *(f"in_cache{index}" for index in range(4))],
        ["logits", *(f"out_cache{index}" for index in range(4))],
    ),
    "ct_punc": (["inputs", "text_lengths"], ["logits"]),
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", MODELS)
def test_an_export_has_the_published_names_and_gives_what_the_model_gives(
    name: str, shared: Path, tmp_path: Path
) -> None:
    source = shared / "oracle" / name
    recordings = [] if name == "ct_punc" else ["--verify", str(shared / "oracle" / "wavs" / "short500ms.wav")]
    result = CliRunner().invoke(export, ["--model", str(source), "--output-dir", str(tmp_path), *recordings])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    found = [one.name for one in session.get_inputs()], [one.name for one in session.get_outputs()]
    assert found == MODELS[name]
    manifest = json.loads((tmp_path / "export_manifest.json").read_text())
    (network,) = manifest["networks"]
    assert network["verified"]["token_agreement"] == 1.0
    assert network["verified"]["largest_difference"] < 1e-4
    assert {"model.onnx", "config.yaml"} <= {one["file"] for one in manifest["files"]}
    assert (tmp_path / "config.yaml").is_file()


def test_int8_has_its_own_file_and_says_how_far_it_agrees(shared: Path, tmp_path: Path) -> None:
    made = AutoModel(model=str(shared / "oracle" / "fsmn_vad"), device="cpu").export(quantize=True, output_dir=tmp_path)
    assert made == str(tmp_path)
    assert (tmp_path / "model_quant.onnx").is_file()
    assert not (tmp_path / "model.onnx").exists()
    manifest = json.loads((tmp_path / "export_manifest.json").read_text())
    assert manifest["precision"] == "int8"
    assert manifest["networks"][0]["verified"]["token_agreement"] > 0.9


def test_torchscript_gives_what_the_model_gives(shared: Path, tmp_path: Path) -> None:
    done = package.export_model(build.load_model(shared / "oracle" / "paraformer"), tmp_path, "torchscript")
    assert [path.name for path in done.files] == ["model.torchscript"]
    assert done.parity[0].agreement == 1.0


def test_a_model_that_cannot_be_exported_yet_is_named_in_one_sentence(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="class Conformer cannot be exported yet"):
        package.export_model(build.load_model(shared / "oracle" / "conformer"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_export_that_differs_leaves_nothing_behind(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = package.runs_onnx
    monkeypatch.setattr(package, "runs_onnx", lambda path: lambda inputs: [one + 1 for one in right(path)(inputs)])
    model = build.load_model(shared / "oracle" / "ct_punc")
    with pytest.raises(ModelError, match="differs from the model"):
        package.export_model(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_default_place_is_beside_the_model(shared: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    shutil.copytree(shared / "oracle" / "ct_punc", directory)
    before = (directory / "config.yaml").read_text()
    assert package.export_model(build.load_model(directory)).directory == directory
    assert (directory / "model.onnx").is_file()
    assert (directory / "config.yaml").read_text() == before


def test_precisions_and_formats_that_are_not_known_are_refused(shared: Path, tmp_path: Path) -> None:
    model = build.load_model(shared / "oracle" / "ct_punc")
    with pytest.raises(ConfigError, match="format is 'bladedisc'"):
        package.export_model(model, tmp_path, "bladedisc")
    with pytest.raises(ConfigError, match="torchscript is written in fp32 only"):
        package.export_model(model, tmp_path, "torchscript", "int8")


def test_another_shape_is_infinitely_far_away_and_its_tokens_disagree() -> None:
    one, other = np.eye(3)[None], np.eye(3)[None, :2]
    assert difference(one, other) == float("inf")
    assert agreement(one, other).tolist() == [[True, True, False]]


def test_the_tolerance_is_kept() -> None:
    with pytest.raises(ModelError, match="differs from the model"):
        check(Parity(1e-2, 1.0, 5, 1.0, 1.0, 1.0), "fp32", Path("model.onnx"))
    with pytest.raises(ModelError, match=r"80.00% of 5 places"):
        check(Parity(0.0, 0.8, 5, 1.0, 1.0, 1.0), "int8", Path("model_quant.onnx"))
    check(Parity(1e-6, 1.0, 5, 1.0, 1.0, 1.0), "fp32", Path("model.onnx"))
