"""The documented trainer: its parameters, its data directory, and the model directory that comes out."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from asrtools.errors import ConfigError, DataError
from asrtools.trainers import Trainers, build_trainer

sys.path.insert(0, str(Path(__file__).parent / "train"))
from tone_corpus import make_corpus, run_in_process  # noqa: E402


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train and dev with wav.scp and text, and a model to begin with."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("data")
    paths = make_corpus(folder / "tones", num_train=8, num_valid=3)
    for name, part in (("train", "train"), ("valid", "dev")):
        rows = [json.loads(line) for line in Path(paths[f"{name}.jsonl"]).read_text().splitlines()]
        (folder / part).mkdir()
        (folder / part / "wav.scp").write_text("".join(f"{row['key']} {row['source']}\n" for row in rows))
        (folder / part / "text").write_text("".join(f"{row['key']} {row['target']}\n" for row in rows))
    options = ["--config", paths["config.yaml"], "--train", paths["train.jsonl"], "++train_conf.max_epoch=1"]
    assert run_in_process([*options, "--output-dir", str(folder / "model")]) == 0
    return folder


def test_a_model_is_tuned_on_a_data_directory_with_the_documented_arguments(data_dir: Path, tmp_path: Path) -> None:
    arguments = {
        "model": str(data_dir / "model"),
        "data_dir": str(data_dir),
        "dataset_type": "small",
        "work_dir": str(tmp_path / "exp"),
        "batch_bins": 200,
        "max_epoch": 1,
        "lr": 0.0005,
        "distributed": False,
    }
    build_trainer(Trainers.speech_asr_trainer, default_args=arguments).train()
    config = (tmp_path / "exp" / "config.yaml").read_text()
    assert "batch_size: 200" in config and "batch_type: length" in config and "lr: 0.0005" in config
    assert (tmp_path / "exp" / "model.pt").is_file()
    lines = (tmp_path / "exp" / "data" / "train.jsonl").read_text().splitlines()
    assert len(lines) == 8 and {"key", "source", "source_len", "target", "target_len"} <= json.loads(lines[0]).keys()


def test_validation_is_the_other_name_and_large_counts_milliseconds(data_dir: Path, tmp_path: Path) -> None:
    for part, name in (("train", "train"), ("dev", "validation")):
        shutil.copytree(data_dir / part, tmp_path / "data" / name)
    arguments = {
        "model": str(data_dir / "model"),
        "data_dir": str(tmp_path / "data"),
        "work_dir": str(tmp_path / "exp"),
    }
    trainer = build_trainer(default_args={**arguments, "dataset_type": "large", "batch_bins": 2000, "max_epoch": 1})
    assert trainer.overrides["dataset_conf.batch_size"] == 200
    trainer.train()
    assert (tmp_path / "exp" / "data" / "valid.jsonl").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "m", "data_dir": "d"}, "has no work_dir"),
        ({"model": "m", "data_dir": "d", "work_dir": "w", "batch_bin": 3}, "knows no 'batch_bin'"),
        ({"model": "m", "data_dir": "d", "work_dir": "w", "dataset_type": "huge"}, "dataset_type is 'huge'"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_trainer(default_args=arguments)


def test_a_data_directory_without_its_parts_says_which_are_wanted(data_dir: Path, tmp_path: Path) -> None:
    trainer = build_trainer(
        default_args={"model": data_dir / "model", "data_dir": tmp_path, "work_dir": tmp_path / "w"}
    )
    with pytest.raises(DataError, match="has no train with wav.scp and text"):
        trainer.train()
