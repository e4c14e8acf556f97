"""From lm_file to a search that listens to it."""

import math
from pathlib import Path

import pytest
import torch
import yaml

from asrtools.build import LoadedModel, load_model
from asrtools.errors import ConfigError, ModelError
from asrtools.layers.lm import SequentialRNNLM, TransformerLM
from asrtools.models.protocols import DecodeOptions
from asrtools.tasks.language_model import load_language_model, with_language_model

TOKENS = ("<blank>", "<s>", "</s>", "a", "b")


@pytest.fixture(scope="module")
def model(oracle: Path) -> LoadedModel:
    return load_model(oracle / "transformer")


def write_unigram(path: Path, log10: dict[str, float]) -> Path:
    lines = [
        "\\data\\",
        f"ngram 1={len(log10)}",
        "",
        "\\1-grams:",
        *(f"{v}\t{w}" for w, v in log10.items()),
        "",
        "\\end\\",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def write_neural(folder: Path, name: str, config: dict[str, object], prefix: str = "", file: str = "model.pt") -> Path:
    torch.manual_seed(0)
    network = {"TransformerLM": TransformerLM, "SequentialRNNLM": SequentialRNNLM}[name](len(TOKENS), **config)
    folder.mkdir()
    torch.save({prefix + key: value for key, value in network.state_dict().items()}, folder / file)
    text = yaml.safe_dump({"lm": name, "lm_conf": config})
    (folder / ("lm.yaml" if prefix else "config.yaml")).write_text(text)
    return folder


@pytest.mark.parametrize(("prefix", "file"), [("", "model.pt"), ("lm.", "lm.pb")])
def test_a_directory_with_a_neural_model_is_loaded(tmp_path: Path, prefix: str, file: str) -> None:
    configs = {"TransformerLM": {"att_unit": 8, "unit": 8, "layer": 1}, "SequentialRNNLM": {"unit": 8}}
    for name, config in configs.items():
        folder = write_neural(tmp_path / name, name, config, prefix, file)
        lm = load_language_model(str(folder), TOKENS, 1, 2)
        scores, _ = lm.step(torch.tensor([1]), lm.start())
        assert scores.shape == (1, len(TOKENS))
        assert math.isclose(scores.exp().sum().item(), 1.0, rel_tol=1e-5)


def test_a_model_of_another_vocabulary_is_an_error(tmp_path: Path) -> None:
    folder = write_neural(tmp_path / "lm", "SequentialRNNLM", {"unit": 8})
    with pytest.raises(ModelError, match="decoder"):
        load_language_model(str(folder), (*TOKENS, "c"), 1, 2)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "token_list": [*TOKENS[:-1], "z"]}))
    with pytest.raises(ConfigError, match="not the 5 of the recogniser"):
        load_language_model(str(folder), TOKENS, 1, 2)


def test_a_directory_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="configuration"):
        load_language_model(str(tmp_path), TOKENS, 1, 2)
    (tmp_path / "config.yaml").write_text("lm: SequentialRNNLM\n")
    with pytest.raises(ModelError, match="parameters"):
        load_language_model(str(tmp_path), TOKENS, 1, 2)
    (tmp_path / "config.yaml").write_text("lm: SequentialRNN\n")
    with pytest.raises(ConfigError, match="SequentialRNNLM"):
        load_language_model(str(tmp_path), TOKENS, 1, 2)


def test_a_weight_needs_a_file(model: LoadedModel) -> None:
    with pytest.raises(ConfigError, match="lm_file"):
        with_language_model(DecodeOptions(lm_weight=0.3), model)
    assert with_language_model(DecodeOptions(lm_file="absent"), model).lm is None  # no weight, not asked


def test_the_search_prefers_what_the_language_model_prefers(model: LoadedModel, tmp_path: Path) -> None:
    feats = torch.randn(1, 120, 80, generator=torch.Generator().manual_seed(0))
    lens = torch.tensor([120])

    def share_of_liked(weight: float, ctc_weight: float) -> float:
        options = DecodeOptions(lm_file=str(path), lm_weight=weight, ctc_weight=ctc_weight)
        ids = model.network.recognize(feats, lens, with_language_model(options, model))[0][0].ids
        return sum(one in liked for one in ids) / len(ids)

    tokens = model.tokenizer.ids2tokens(range(model.tokenizer.get_vocab_size()))
    liked = set(range(3, len(tokens), 2))
    words = {token: (-0.5 if index in liked else -6.0) for index, token in enumerate(tokens) if index > 2}
    path = write_unigram(tmp_path / "lm.arpa", {**words, "</s>": -0.5, "<s>": -99})
    for ctc_weight in (0.5, 1.0):
        assert share_of_liked(0.0, ctc_weight) < 0.9
        assert share_of_liked(3.0, ctc_weight) == 1.0


def test_a_file_is_read_once(model: LoadedModel, tmp_path: Path) -> None:
    path = write_unigram(tmp_path / "lm.arpa", {"<unk>": -1, "</s>": -1})
    options = DecodeOptions(lm_file=str(path), lm_weight=0.5)
    first = with_language_model(options, model)
    assert with_language_model(options, model).lm is first.lm
    assert with_language_model(first, model) is first
