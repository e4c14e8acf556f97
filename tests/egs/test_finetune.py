"""The recipe egs/finetune with a small model in the place of a published one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_corpus import EGS, read_table, write_speech

SETS = {"train": 8, "validation": 3, "test": 3}
SHORT = "++dataset_conf.num_workers=0 ++train_conf.decode_dev=0"


@pytest.fixture(scope="module")
def published(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "paraformer"
    folder.mkdir()
    for name in ("config.yaml", "configuration.json", "model.pt", "am.mvn", "tokens.json"):
        shutil.copyfile(oracle / "paraformer" / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def data(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """wav.scp and text of each part, unsorted as users have them, and nothing else."""
    import json

    tokens = [token for token in json.loads((published / "tokens.json").read_text(encoding="utf-8")) if len(token) == 1]
    folder = tmp_path_factory.mktemp("data")
    for name, count in SETS.items():
        scp, text = [], []
        for number in reversed(range(count)):
            units = [(number + place) % 8 for place in range(4)]
            path = folder / "wav" / f"{name}{number}.wav"
            write_speech(path, units, seed=number)
            scp.append(f"{name}{number}\t{path}")
            text.append(f"{name}{number}\t{''.join(tokens[unit] for unit in units)}")
        (folder / name).mkdir()
        (folder / name / "wav.scp").write_text("\n".join(scp) + "\n")
        (folder / name / "text").write_text("\n".join(text) + "\n", encoding="utf-8")
    return folder


def test_one_command_gives_the_error_rate_before_and_after(recipe, published: Path, data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "data"
    shutil.copytree(data, broken)
    with open(broken / "train" / "wav.scp", "a") as scp:
        scp.write("lost /nowhere/lost.wav\n")
    with open(broken / "train" / "text", "a") as text:
        text.write("lost 一\n")
    done = recipe(
        "finetune", "--model", published, "--data_dir", broken, "--exp", tmp_path / "exp", "--nj", "1",
        "--max_epoch", "2", "--train_args", SHORT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost" in done.stderr and "left out" in done.stdout
    for name in ("before", "after"):
        scored = (tmp_path / "exp" / name / "1best_recog" / "text.cer").read_text(encoding="utf-8")
        assert "Scored 3 sentences" in scored
        assert re.search(rf"{name}: %WER [\d.]+ \[ \d+ / \d+,", done.stdout)
    model = tmp_path / "exp" / "model"
    assert {"config.yaml", "configuration.json", "model.pt", "tokens.json", "am.mvn"} <= set(os.listdir(model))
    assert (model / "model.pt").read_bytes() != (published / "model.pt").read_bytes()
    assert len(read_table(tmp_path / "exp" / "after" / "1best_recog" / "text")) == 3


def test_without_data_it_says_what_is_wanted(recipe, published: Path, tmp_path: Path) -> None:
    nothing = recipe("finetune", "--model", published)
    assert nothing.returncode == 2 and "--data_dir is missing" in nothing.stderr
    empty = recipe("finetune", "--model", published, "--data_dir", tmp_path)
    assert empty.returncode == 1 and "train/wav.scp is missing" in empty.stderr


def python(script: str, *options: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = f"{EGS.parent / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, str(EGS / "finetune" / script), *map(str, options)],
        capture_output=True, text=True, cwd=cwd, env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_the_documented_python_scripts_fine_tune_and_recognise(published: Path, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("asrtools.trainers")
    parameters = (
        "--model",
        published,
        "--data_dir",
        data,
        "--batch_bins",
        "1000",
        "--max_epoch",
        "1",
        "--lr",
        "0.0001",
    )
    done = python("finetune.py", *parameters, "--output_dir", "checkpoint", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "checkpoint" / "model.pt").is_file()
    done = python(
        "infer_after_finetune.py", "--output_dir", "checkpoint", "--data_dir", data, "--ngpu", "0",
        "--decoding_model_name", "model.pt.ep1", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    best = tmp_path / "checkpoint" / "decoding" / "1best_recog"
    assert set(read_table(best / "text")) == {"test0", "test1", "test2"}
    assert "Scored 3 sentences" in (best / "text.cer").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_documented_launcher_of_several_processes_runs_the_script(
    published: Path, data: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.launch", "--nproc_per_node", "2", EGS / "finetune" / "finetune.py"]
        + ["--model", published, "--data_dir", data, "--output_dir", tmp_path, "--max_epoch", "1"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model.pt").is_file()


def test_a_checkpoint_that_is_not_there_is_named(data: Path, tmp_path: Path) -> None:
    done = python(
        "infer_after_finetune.py", "--data_dir", data, "--decoding_model_name", "valid.cer_ctc.ave.pb", cwd=tmp_path
    )
    assert done.returncode == 1
    assert "checkpoint/valid.cer_ctc.ave.pb: no such checkpoint" in done.stderr
