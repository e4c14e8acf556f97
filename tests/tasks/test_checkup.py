"""doctor names the cause for each way to break a model directory, and all causes at once."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from asrtools.errors import AsrError
from asrtools.features.cmvn import Cmvn
from asrtools.hub import receipt
from asrtools.tasks import trial_run
from asrtools.tasks.checkup import examine

METAS = {
    "init_param": "model.pt",
    "config": "config.yaml",
    "tokenizer_conf": {"token_list": "tokens.json"},
    "frontend_conf": {"cmvn_file": "am.mvn"},
}


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A whole directory, as published ones are, to be broken."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "am.mvn").write_text(Cmvn(np.zeros(560), np.ones(560)).as_text())
    (folder / "configuration.json").write_text(json.dumps({"model": {"type": "funasr"}, "file_path_metas": METAS}))
    return folder


def problems(folder: Path) -> list[str]:
    return [finding.text for finding in examine(folder).findings if finding.kind == "problem"]


def the_problem(folder: Path) -> str:
    """The one cause; a directory with it does not load either."""
    found = problems(folder)
    assert len(found) == 1, found
    assert "\n" not in found[0]
    with pytest.raises(AsrError):
        trial_run.run(folder)
    return found[0]


def notes(folder: Path) -> list[str]:
    return [finding.text for finding in examine(folder).findings if finding.kind == "note"]


def change_config(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "config.yaml"
    values = yaml.safe_load(path.read_text())
    change(values)
    path.write_text(yaml.safe_dump(values, sort_keys=False))


def change_state(folder: Path, change: Callable[[dict], object]) -> None:
    state = torch.load(folder / "model.pt", weights_only=True)
    change(state)
    torch.save(state, folder / "model.pt")


def test_a_whole_directory_has_no_problem_and_runs(model: Path) -> None:
    checkup = examine(model)
    assert [finding.kind for finding in checkup.findings] == ["ok"]
    assert "parameters fit" in checkup.findings[0].text
    assert "tokens" in trial_run.run(model)


def test_an_empty_directory(tmp_path: Path) -> None:
    assert "no config.yaml" in the_problem(tmp_path)


def test_no_config_yaml(model: Path) -> None:
    (model / "config.yaml").unlink()
    assert "it has no config.yaml" in the_problem(model)


def test_config_yaml_that_is_not_yaml(model: Path) -> None:
    (model / "config.yaml").write_text("model: [Paraformer\nencoder: x\n")
    found = problems(model)
    assert found and all("config.yaml" in text for text in found)


def test_configuration_json_that_is_not_json(model: Path) -> None:
    (model / "configuration.json").write_text("{'file_path_metas': ")
    assert "configuration.json" in the_problem(model)


def test_no_parameters(model: Path) -> None:
    (model / "model.pt").unlink()
    assert "model.pt: configuration.json names it as init_param" in the_problem(model)


def test_no_parameters_and_no_configuration_json(model: Path) -> None:
    (model / "configuration.json").unlink()
    (model / "model.pt").unlink()
    assert "model.pt: is not there" in the_problem(model)


def test_an_export_stands_for_parameters_as_long_as_it_is_the_one_of_its_manifest(model: Path) -> None:
    (model / "model.pt").unlink()
    (model / "model.onnx").write_bytes(b"a graph")
    assert problems(model) == []
    assert "so model.onnx cannot be compared" in notes(model)[0]
    listed = {"file": "model.onnx", "sha256": hashlib.sha256(b"a graph").hexdigest()}
    (model / "export_manifest.json").write_text(json.dumps({"files": [listed]}))
    assert problems(model) == notes(model) == []
    (model / "model.onnx").write_bytes(b"another graph")
    assert "is not the file that export_manifest.json was written for; export the model again" in problems(model)[0]


def test_a_git_lfs_pointer_instead_of_weights(model: Path) -> None:
    (model / "model.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 880502012\n")
    assert "git-lfs pointer" in the_problem(model)


def test_weights_cut_short(model: Path) -> None:
    content = (model / "model.pt").read_bytes()
    (model / "model.pt").write_bytes(content[: len(content) // 2])
    assert "damaged" in the_problem(model)


def test_an_empty_file_of_weights(model: Path) -> None:
    (model / "model.pt").write_bytes(b"")
    assert "is empty (0 bytes)" in the_problem(model)


def test_no_token_list(model: Path) -> None:
    (model / "tokens.json").unlink()
    assert "tokens.json" in the_problem(model)


def test_a_token_list_that_is_not_json(model: Path) -> None:
    (model / "tokens.json").write_text("<blank>\n<s>\n")
    assert "tokens.json: is not JSON" in the_problem(model)


def test_a_token_list_with_a_token_twice(model: Path) -> None:
    tokens = json.loads((model / "tokens.json").read_text())
    (model / "tokens.json").write_text(json.dumps([*tokens[:-2], "a", tokens[-1]]))
    assert "'a' stands twice" in the_problem(model)


def test_a_token_list_of_another_model(model: Path) -> None:
    tokens = json.loads((model / "tokens.json").read_text())
    (model / "tokens.json").write_text(json.dumps([*tokens, "more"]))
    found = the_problem(model)
    assert f"tokens.json: has {len(tokens) + 1} tokens, {model / 'model.pt'} {len(tokens)}" in found
    assert "decoder.output_layer.weight" in found


def test_no_cmvn_file(model: Path) -> None:
    (model / "am.mvn").unlink()
    assert "am.mvn" in the_problem(model)


def test_a_cmvn_file_of_another_dimension(model: Path) -> None:
    (model / "am.mvn").write_text(Cmvn(np.zeros(400), np.ones(400)).as_text())
    found = the_problem(model)
    assert "am.mvn: made for 400 values" in found
    assert "560" in found


def test_a_cmvn_file_cut_short(model: Path) -> None:
    text = (model / "am.mvn").read_text()
    (model / "am.mvn").write_text(text[: len(text) // 2])
    assert "cut short" in the_problem(model)


def test_features_that_the_network_does_not_take(model: Path) -> None:
    (model / "am.mvn").write_text(Cmvn(np.zeros(400), np.ones(400)).as_text())
    change_config(model, lambda values: values["frontend_conf"].update(lfr_m=5))
    found = the_problem(model)
    assert "features have 400 values (n_mels x lfr_m)" in found
    assert "takes 560" in found


def test_a_model_class_that_is_misspelt(model: Path) -> None:
    change_config(model, lambda values: values.update(model="BiCifParafomer"))
    found = the_problem(model)
    assert "config.yaml:1" in found
    assert "did you mean BiCifParaformer" in found


def test_an_encoder_that_nobody_knows(model: Path) -> None:
    change_config(model, lambda values: values.update(encoder="SANMEncodr"))
    assert "did you mean SANMEncoder" in the_problem(model)


def test_a_key_that_the_encoder_does_not_know(model: Path) -> None:
    change_config(model, lambda values: values["encoder_conf"].update(atention_heads=2))
    found = the_problem(model)
    assert "config.yaml:" in found
    assert "did you mean attention_heads" in found


def test_a_value_of_the_wrong_kind(model: Path) -> None:
    change_config(model, lambda values: values["frontend_conf"].update(n_mels="eighty"))
    assert "frontend_conf.n_mels is 'eighty'" in problems(model)[0]


def test_a_network_of_another_size(model: Path) -> None:
    change_config(model, lambda values: values["encoder_conf"].update(num_blocks=3))
    found = the_problem(model)
    assert "parameters are missing" in found
    assert "encoder.encoders.0." in found


def test_parameters_of_another_shape(model: Path) -> None:
    change_state(model, lambda state: state.update({"encoder.after_norm.weight": torch.ones(15)}))
    assert "encoder.after_norm.weight is [15], should be [16]" in the_problem(model)


def test_a_renamed_parameter_is_shown_with_the_name_that_is_nearest(model: Path) -> None:
    change_state(
        model, lambda state: state.update({"encoder.after_nrm.weight": state.pop("encoder.after_norm.weight")})
    )
    assert "encoder.after_norm.weight (there is encoder.after_nrm.weight)" in the_problem(model)


def test_parameters_too_many(model: Path) -> None:
    change_state(model, lambda state: state.update({"ctc.ctc_lo.weight": torch.ones(2, 2)}))
    assert "1 are unexpected (ctc.ctc_lo.weight)" in the_problem(model)


def test_weights_that_are_no_numbers(model: Path) -> None:
    change_state(model, lambda state: state["encoder.after_norm.weight"].fill_(float("nan")))
    [found] = problems(model)
    assert "encoder.after_norm.weight holds values that are no numbers" in found


def test_a_file_that_is_no_checkpoint(model: Path) -> None:
    torch.save({"epoch": 3}, model / "model.pt")
    assert "holds no parameters" in the_problem(model)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(model: Path) -> None:
    (model / "tokens.json").chmod(0)
    assert any("tokens.json: cannot be read" in text for text in problems(model))


def test_a_file_that_is_not_as_it_was_fetched(model: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in model.iterdir()}
    receipt.write(model, "iic/tiny", "master", {**sizes, "seg_dict": 10})
    with open(model / "tokens.json", "a") as file:
        file.write("\n\n\n")
    found = problems(model)
    assert len(found) == 2
    assert any("tokens.json: has" in text and "the hub's has" in text for text in found)
    assert any("seg_dict: is missing" in text for text in found)


def test_a_published_file_that_is_not_there_is_a_note(model: Path) -> None:
    metas = json.loads((model / "configuration.json").read_text())
    (model / "configuration.json").write_text(
        json.dumps(
            {
                **metas,
                "model_name_in_hub": {"ms": "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch"},
            }
        )
    )
    assert problems(model) == []
    assert any("seg_dict: is not there, paraformer is published with it" in text for text in notes(model))


def test_a_key_without_meaning_is_a_note_with_the_near_one(model: Path) -> None:
    change_config(model, lambda values: values.update(decodr_conf={"num_blocks": 2}, whatever=1))
    assert problems(model) == []
    said = notes(model)
    assert any("decodr_conf means nothing here; is decoder_conf meant?" in text for text in said)
    assert any("whatever means nothing here" in text for text in said)


def test_all_causes_stand_in_one_list(model: Path) -> None:
    change_config(
        model,
        lambda values: (
            values["encoder_conf"].update(atention_heads=2),
            values["decoder_conf"].update(num_blcks=2),
            values["frontend_conf"].update(windw="hamming"),
        ),
    )
    (model / "am.mvn").write_text(Cmvn(np.zeros(400), np.ones(400)).as_text())
    tokens = json.loads((model / "tokens.json").read_text())
    (model / "tokens.json").write_text(json.dumps(tokens[:-1]))
    change_state(model, lambda state: state.pop("encoder.after_norm.bias"))
    found = problems(model)
    for cause in (
        "did you mean attention_heads",
        "did you mean num_blocks",
        "did you mean window",
        "made for 400 values",
        f"tokens.json: has {len(tokens) - 1} tokens",
        "encoder.after_norm.bias",
    ):
        assert sum(cause in text for text in found) == 1, (cause, found)
    assert len(found) == 6


@pytest.mark.parametrize(
    "name",
    [
        "bicif_paraformer",
        "campplus",
        "conformer",
        "contextual_paraformer",
        "ct_punc",
        "ct_punc_streaming",
        "fsmn_vad",
        "monotonic_aligner",
        "paraformer_streaming",
        "sensevoice_small",
        "transducer",
    ],
)
def test_the_directories_of_the_oracle_have_no_problem(oracle: Path, name: str) -> None:
    assert problems(oracle / name) == []
    assert trial_run.run(oracle / name)
