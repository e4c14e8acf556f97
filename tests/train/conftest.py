"""What tests of training share: a corpus of tones, small sets of noise with texts, and configurations for both."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from asrtools import config
from asrtools.build import build_input, build_tokenizer
from asrtools.config import Config

sys.path.insert(0, str(Path(__file__).parent))  # for tone_corpus
from tone_corpus import make_corpus  # noqa: E402

DIGITS = "零一二三四五六七八九"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_corpus(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="session")
def noise_list(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 recordings of 0.5 to 2 s in a jsonl."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(3)
    rows = []
    for number in range(30):
        num_samples = int(rng.integers(8000, 32000))
        soundfile.write(folder / f"{number}.wav", 0.1 * rng.standard_normal(num_samples), 16000)
        text = "".join(DIGITS[place] for place in rng.integers(0, 10, 1 + number % 4))
        source = str(folder / f"{number}.wav")
        rows.append({"key": f"u{number:02}", "source": source, "source_len": num_samples // 160, "target": text})
    return _write(folder / "train.jsonl", rows)


def _write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def write_rows() -> Callable[[Path, list[dict]], Path]:
    return _write


@pytest.fixture
def rows(noise_list: Path) -> list[dict]:
    """The rows of `noise_list`, to change."""
    return [json.loads(line) for line in noise_list.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def tiny_config(tiny_model: Path) -> Callable[..., Config]:
    """The configuration of a tiny recogniser, with `section.key` values on top."""

    def make(overrides: dict | None = None) -> Config:
        return config.load(tiny_model, {"dataset_conf.num_workers": 0, **(overrides or {})})

    return make


@pytest.fixture
def opened() -> Callable:
    """`open_data` with the frontend and tokenizer that the configuration names."""
    from asrtools.train.data import open_data

    def make(read: Config, lists: object, **keywords: object):
        name = str(read.values["model"])
        parts = {"frontend": build_input(read), "tokenizer": build_tokenizer(read), "network_name": name}
        return open_data(read, lists, **{**parts, "seed": 1, **keywords})

    return make
