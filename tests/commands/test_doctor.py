"""doctor and info as a user runs them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from click.testing import CliRunner

from asrtools.commands.info import info


def test_doctor_of_the_machine_names_what_there_is(run: Callable) -> None:
    done = run("asrtools", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"torch {torch.__version__}" in done.stdout
    assert "cpu:" in done.stdout and "TFLOP/s" in done.stdout
    for subject in ("Python 3.", "torchaudio", "ffmpeg", "Slurm", "modelscope_hub"):
        assert subject in done.stdout
    assert done.stderr == "doctor: no problems\n"


def test_doctor_of_a_whole_directory_runs_it(run: Callable, tiny_model: Path) -> None:
    done = run("asrtools", "doctor", tiny_model)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "parameters fit" in done.stdout
    assert "a second of generated sound: " in done.stdout


def test_doctor_of_a_broken_directory_exits_1_and_lists_every_cause(
    run: Callable, tiny_model: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model/tokens.json").unlink()
    (tmp_path / "model/model.pt").write_text("version https://git-lfs.github.com/spec/v1\n")
    done = run("asrtools", "doctor", "--json", "model")
    assert done.returncode == 1
    found = [one["text"] for one in json.loads(done.stdout)["model"] if one["kind"] == "problem"]
    assert len(found) == 2
    assert done.stderr == "doctor: 2 problems\n"


def test_doctor_of_a_name_that_is_nothing_is_one_sentence(run: Callable) -> None:
    done = run("asrtools", "doctor", "--offline", "parafomer-zh")
    assert done.returncode == 1
    assert "did you mean paraformer-zh" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_info_counts_parameters_by_part(run: Callable, tiny_model: Path) -> None:
    done = run("asrtools", "info", "--json", tiny_model)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    state = torch.load(tiny_model / "model.pt", weights_only=True)
    assert sum(facts["parameters"].values()) == sum(tensor.numel() for tensor in state.values())
    assert set(facts["parameters"]) == {name.partition(".")[0] for name in state}
    assert facts["class"] == "BiCifParaformer"
    assert (facts["rate_hz"], facts["features"], facts["vocabulary"]) == (16000, 560, 19)
    assert facts["bytes"] == 4 * sum(facts["parameters"].values())
    assert facts["flops_per_s"] > 2 * facts["parameters"]["encoder"]
    assert facts["bytes_per_s"] > 560 * 4 * 16  # the features alone


def test_info_knows_what_a_directory_was_fetched_as(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    bundle = "iic/speech_paraformer-large-vad-punc_asr_nat-zh-cn-16k-common-vocab8404-pytorch"
    (tmp_path / "model/.asrtools.json").write_text(json.dumps({"id": bundle, "revision": "master", "sizes": {}}))
    facts = json.loads(CliRunner().invoke(info, ["--json", str(tmp_path / "model")], catch_exceptions=False).stdout)
    assert facts["companions"] == {"vad": "fsmn-vad", "punc": "ct-punc-c"}
    assert facts["languages"] == "zh en"
    assert "FunASR Model License" in facts["license"]


def test_info_is_lines_to_read(tiny_model: Path) -> None:
    lines = CliRunner().invoke(info, [str(tiny_model)], catch_exceptions=False).stdout.splitlines()
    assert any("GFLOP for a second of audio" in line for line in lines)
    assert any(line.startswith("  encoder ") for line in lines)
