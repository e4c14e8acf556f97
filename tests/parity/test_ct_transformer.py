"""Punctuation networks against stored outputs of FunASR: scores, losses and gradients, names of parameters."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from asrtools import config as configuration
from asrtools.build import build_network, load_model
from asrtools.checkpoint import build_empty

TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def logits_of(model, words: list[str], pause: int = 0) -> np.ndarray:
    ids = torch.tensor([model.tokenizer.tokens2ids(words)])
    with torch.inference_mode():
        return model.network.logits(ids, torch.tensor([len(words)]), torch.tensor([pause])).numpy()


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_scores_of_a_first_window_are_funasrs(oracle: Path, index: int) -> None:
    model = load_model(oracle / "ct_punc")
    words = json.loads((oracle / "ct_punc/expected.json").read_text())["split_words"][index]["out"]
    wanted = np.load(oracle / "ct_punc/expected.npz")[f"t{index}/logits.0.0"]
    assert np.abs(logits_of(model, words[:20]) - wanted).max() < TOLERANCE


def test_the_scores_of_a_streamed_chunk_are_funasrs(oracle: Path) -> None:
    model = load_model(oracle / "ct_punc_streaming")
    stored = np.load(oracle / "ct_punc_streaming/expected.npz")
    stream = json.loads((oracle / "ct_punc_streaming/expected.json").read_text())["streams"][0]
    first, second = list(stream[0]["in"]), list(stream[0]["in"] + stream[1]["in"])[:20]
    assert np.abs(logits_of(model, first) - stored["s0c0/logits.0.0"]).max() < TOLERANCE
    assert np.abs(logits_of(model, second, pause=len(first)) - stored["s0c1/logits.0.0"]).max() < TOLERANCE


@pytest.mark.parametrize("name", ["ct_punc", "ct_punc_streaming"])
def test_a_padded_batch_gives_what_each_window_gives_alone(oracle: Path, name: str) -> None:
    network = load_model(oracle / name).network
    generator = np.random.default_rng(0)
    windows = [generator.integers(0, 200, size).tolist() for size in (20, 1, 7, 20, 63, 2)]
    pauses = [0, 1, 3, 20, 30, 5]
    together = network.punctuate(windows, pauses)
    for window, pause, marks in zip(windows, pauses, together, strict=True):
        assert marks.tolist() == network.punctuate([window], [pause])[0].tolist()
    assert [len(marks) for marks in together] == [len(window) for window in windows]


def test_no_windows_and_empty_windows_give_no_marks(oracle: Path) -> None:
    network = load_model(oracle / "ct_punc").network
    assert network.punctuate([]) == []
    assert [len(marks) for marks in network.punctuate([[], [5], []])] == [0, 1, 0]


@pytest.mark.parametrize("case", ["base", "punc_weight_0.5_2_3_1.5_0.7"])
def test_the_training_loss_and_its_gradients_are_funasrs(oracle: Path, case: str) -> None:
    stored = json.loads((oracle / "ct_punc/train.json").read_text())["cases"][case]
    overrides = {}
    if case != "base":
        weights = [float(weight) for weight in case.removeprefix("punc_weight_").split("_")]
        overrides["model_conf.punc_weight"] = [1.0] * (6 - len(weights)) + weights
    network = load_model(oracle / "ct_punc", overrides).network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    batch = np.load(oracle / "ct_punc/train.npz")
    loss, stats, weight = network(
        **{name.removeprefix("batch/"): torch.from_numpy(batch[name]) for name in batch.files if "batch/" in name}
    )
    loss.backward()
    assert loss.item() == pytest.approx(stored["loss"], rel=1e-5)
    assert stats["loss"].item() == pytest.approx(stored["loss"], rel=1e-5)
    assert int(weight) == stored["weight"]
    for name, parameter in network.named_parameters():
        assert parameter.grad.norm().item() == pytest.approx(stored["grad_norm"][name], rel=1e-4), name


def test_the_loss_of_evaluation_is_that_of_training_and_counts_no_padding_as_right(oracle: Path) -> None:
    network = load_model(oracle / "ct_punc").network
    batch = np.load(oracle / "ct_punc/train.npz")
    arguments = {name.removeprefix("batch/"): torch.from_numpy(batch[name]) for name in batch.files}
    arguments = {name: value for name, value in arguments.items() if "/" not in name}
    stored = json.loads((oracle / "ct_punc/train.json").read_text())["cases"]
    with torch.no_grad():
        loss, stats, _ = network(**arguments)
    assert loss.item() == pytest.approx(stored["base"]["loss"], rel=1e-5)
    # FunASR's F1 is the share of all places of the batch, the padded ones too, of which none is right
    share = stored["eval"]["loss"] * arguments["text"].numel() / int(arguments["text_lengths"].sum())
    assert stats["acc"].item() == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize(("name", "vocab_size"), [("ct-punc", 272727), ("ct-punc-realtime", 272727)])
def test_parameters_of_the_published_size_have_the_published_names(oracle: Path, name: str, vocab_size: int) -> None:
    config = configuration.load(oracle / "keys" / name / "config.yaml")
    network = build_empty(lambda: build_network(config, None, vocab_size))
    found = {name: ",".join(map(str, tensor.shape)) for name, tensor in network.state_dict().items()}
    lines = (oracle / "keys" / name / "parameters.tsv").read_text().splitlines()
    assert found == {line.split("\t")[0]: line.split("\t")[1] for line in lines}
