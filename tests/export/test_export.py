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
from asrtools.io.audio import load

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

SPEECH = ["speech", "speech_lengths"]
TIMED = ["logits", "token_num", "us_alphas", "us_cif_peak"]
CTC = (SPEECH, ["ctc_logits", "encoder_out_lens"])
MODELS = {
    "paraformer": {"model": (SPEECH, ["logits", "token_num"])},
    "paraformer_conformer": {"model": (SPEECH, ["logits", "token_num"])},
    "bicif_paraformer": {"model": (SPEECH, TIMED)},
    "seaco_paraformer": {
        "model": ([*SPEECH, "bias_embed"], TIMED),
        "model_eb": (["hotword"], ["hw_embed"]),
    },
    "contextual_paraformer": {
        "model": ([*SPEECH, "bias_embed"], ["logits", "token_num"]),
        "model_eb": (["hotword"], ["hw_embed"]),
    },
    "paraformer_streaming": {
        "model": (SPEECH, ["enc", "enc_len", "alphas"]),
        "decoder": (
            ["enc", "enc_len", "acoustic_embeds", "acoustic_embeds_len", "in_cache_0", "in_cache_1"],
            ["logits", "sample_ids", "out_cache_0", "out_cache_1"],
        ),
    },
    "sensevoice_small": {"model": ([*SPEECH, "language", "textnorm"], CTC[1])},
    "conformer": {"model": CTC},
    "transformer": {"model": CTC},
    "branchformer": {"model": CTC},
    "e_branchformer": {"model": CTC},
    "fsmn_vad": {
        "model": (
            ["speech", *(f"in_cache{index}" for index in range(4))],
            ["logits", *(f"out_cache{index}" for index in range(4))],
        ),
    },
    "ct_punc": {"model": (["inputs", "text_lengths"], ["logits"])},
    "ct_punc_streaming": {"model": (["inputs", "text_lengths", "vad_masks", "sub_masks"], ["logits"])},
    "campplus": {"model": (["input"], ["output"])},
    "monotonic_aligner": {"model": ([*SPEECH, "token_num"], ["us_alphas", "encoder_out_lens"])},
}
TEXT_MODELS = ("ct_punc", "ct_punc_streaming")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", MODELS)
def test_an_export_has_the_published_names_and_gives_what_the_model_gives(
    name: str, shared: Path, tmp_path: Path
) -> None:
    source = shared / "oracle" / name
    recordings = [] if name in TEXT_MODELS else ["--verify", str(shared / "oracle" / "wavs" / "short500ms.wav")]
    result = CliRunner().invoke(export, ["--model", str(source), "--output-dir", str(tmp_path), *recordings])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path)
    manifest = json.loads((tmp_path / "export_manifest.json").read_text())
    assert [network["file"] for network in manifest["networks"]] == [f"{part}.onnx" for part in MODELS[name]]
    for (part, names), network in zip(MODELS[name].items(), manifest["networks"], strict=True):
        session = onnxruntime.InferenceSession(str(tmp_path / f"{part}.onnx"))
        assert ([one.name for one in session.get_inputs()], [one.name for one in session.get_outputs()]) == names
        assert network["verified"]["token_agreement"] == 1.0
        assert network["verified"]["largest_difference"] < 1e-4
        assert network["verified"]["token_error_rate"] in (0.0, None)
    assert {"model.onnx", "config.yaml"} <= {one["file"] for one in manifest["files"]}
    assert (tmp_path / "config.yaml").is_file()


@pytest.mark.parametrize("name", ["conformer", "paraformer_conformer", "transformer", "monotonic_aligner", "campplus"])
def test_recordings_of_all_lengths_go_through_one_file(name: str, shared: Path, tmp_path: Path) -> None:
    model = build.load_model(shared / "oracle" / name, is_packed=False)
    wavs = ("aishell", "odd", "short500ms", "tiny40ms")
    feats = [model.frontend(load(str(shared / "oracle" / "wavs" / f"{wav}.wav")).samples) for wav in wavs]
    done = package.export_model(model, tmp_path, feats=[one for one in feats if len(one)])
    assert done.parity[0].agreement == 1.0


@pytest.mark.parametrize("precision", ["int8", "fp16"])
@pytest.mark.parametrize("name", ["seaco_paraformer", "sensevoice_small", "ct_punc", "fsmn_vad"])
def test_lower_precisions_choose_as_the_model_does(name: str, precision: str, shared: Path, tmp_path: Path) -> None:
    model = build.load_model(shared / "oracle" / name, is_packed=False)
    done = package.export_model(model, tmp_path, precision=precision)
    assert all(path.stem.endswith({"int8": "_quant", "fp16": "_fp16"}[precision]) for path in done.files)
    assert min(one.agreement for one in done.parity) > 0.8
    full = package.export_model(model, tmp_path)
    if name != "fsmn_vad":  # whose layers are too small for it to show
        assert done.files[0].stat().st_size < full.files[0].stat().st_size


def test_sherpa_onnx_finds_what_it_looks_for(shared: Path, tmp_path: Path) -> None:
    for name, wanted in (
        ("paraformer", ("vocab_size", "lfr_window_size", "lfr_window_shift", "neg_mean", "inv_stddev")),
        ("sensevoice_small", ("normalize_samples", "with_itn", "without_itn", "lang_auto", "lang_yue", "neg_mean")),
        ("ct_punc", ("tokens", "vocab_size", "punctuations", "unk_symbol")),
    ):
        package.export_model(build.load_model(shared / "oracle" / name, is_packed=False), tmp_path / name)
        session = onnxruntime.InferenceSession(str(tmp_path / name / "model.onnx"))
        assert set(wanted) <= set(session.get_modelmeta().custom_metadata_map)
    lines = (tmp_path / "paraformer" / "tokens.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].split(" ")[1] == "0"
    assert len(lines) == build.load_model(shared / "oracle" / "paraformer").tokenizer.get_vocab_size()


def test_int8_has_its_own_file_and_says_how_far_it_agrees(shared: Path, tmp_path: Path) -> None:
    made = AutoModel(model=str(shared / "oracle" / "fsmn_vad"), device="cpu").export(quantize=True, output_dir=tmp_path)
    assert made == str(tmp_path)
    assert (tmp_path / "model_quant.onnx").is_file()
    assert not (tmp_path / "model.onnx").exists()
    manifest = json.loads((tmp_path / "export_manifest.json").read_text())
    assert manifest["precision"] == "int8"
    assert manifest["networks"][0]["verified"]["token_agreement"] > 0.9
    stored = onnx.load(str(tmp_path / "model_quant.onnx")).graph.initializer
    weights = [onnx.numpy_helper.to_array(one) for one in stored if one.data_type == onnx.TensorProto.INT8 and one.dims]
    assert any(one.ndim == 2 for one in weights)
    # two products of these and of 8-bit numbers fit 16 bits, in which processors without VNNI sum them
    assert max(abs(one.astype(int)).max() for one in weights) <= 64


def test_torchscript_gives_what_the_model_gives(shared: Path, tmp_path: Path) -> None:
    done = package.export_model(build.load_model(shared / "oracle" / "paraformer"), tmp_path, "torchscript")
    assert [path.name for path in done.files] == ["model.torchscript"]
    assert done.parity[0].agreement == 1.0


def test_a_model_that_cannot_be_exported_is_named_in_one_sentence(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="class Transducer cannot be exported"):
        package.export_model(build.load_model(shared / "oracle" / "transducer"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_export_that_differs_leaves_nothing_behind(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = package.runs
    monkeypatch.setattr(package, "runs", lambda *which: lambda inputs: [one + 1 for one in right(*which)(inputs)])
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


def test_what_training_left_beside_the_model_is_not_taken_along(shared: Path, tmp_path: Path) -> None:
    model = shutil.copytree(shared / "oracle/fsmn_vad", tmp_path / "model")
    left = ["model.pt.ep1", "model.pt.best", "log.txt", "log.jsonl", "preflight.json"]
    for name in left:
        (model / name).write_text("x", encoding="utf-8")
    package.export_model(build.load_model(model, is_packed=False), tmp_path / "out")
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert not found & {*left, "model.pt"}
    assert {"model.onnx", "config.yaml", "am.mvn"} <= found


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
        check(Parity(1e-2, 1.0, 5, 0, 5, 1.0, 1.0, 1.0), "fp32", Path("model.onnx"))
    with pytest.raises(ModelError, match=r"60.00% of 5 places"):
        check(Parity(0.0, 0.6, 5, 2, 5, 1.0, 1.0, 1.0), "int8", Path("model_quant.onnx"))
    check(Parity(1e-6, 1.0, 5, 0, 5, 1.0, 1.0, 1.0), "fp32", Path("model.onnx"))
