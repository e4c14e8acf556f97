"""Training losses of the Paraformer family against FunASR's: loss, what is reported, gradients, a few small steps."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from asrtools.build import load_model
from asrtools.config import Config
from asrtools.layers import cif, cif_upsampled
from asrtools.train.batch import Batch
from asrtools.train.checkpoint_dir import CheckpointDir
from asrtools.train.distributed import Place
from asrtools.train.log import Log, read_log
from asrtools.train.schedule import build_scheduler
from asrtools.train.settings import TrainSettings
from asrtools.train.trainer import Trainer

MODELS = ("paraformer", "bicif_paraformer", "seaco_paraformer", "contextual_paraformer")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def as_in_the_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its predictor sees what lies in the padding, and the weights that enter its firing are 1e-4 greater."""
    integrate = cif.integrate
    monkeypatch.setattr(cif, "integrate", lambda hidden, weights, num: integrate(hidden, weights * (1 + 1e-4), num))
    monkeypatch.setattr(cif, "without_padding", lambda hidden, mask: hidden)
    both_ways = cif_upsampled.CifPredictorV3._both_ways
    monkeypatch.setattr(
        cif_upsampled.CifPredictorV3,
        "_both_ways",
        lambda self, x, lens: both_ways(self, x, lens.new_full(lens.shape, x.shape[1])),
    )
    monkeypatch.setattr(cif_upsampled, "without_padding", lambda hidden, mask: hidden)


def trainable(directory: Path) -> nn.Module:
    network = load_model(directory).network
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.BatchNorm1d):
            module.eval()
    network.sampling_ratio = 0.0
    return network


def batch(directory: Path) -> dict[str, Tensor]:
    with np.load(directory / "train.npz") as stored:
        return {key.removeprefix("batch/"): torch.from_numpy(stored[key]) for key in stored if key.startswith("batch/")}


def case(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "train.json").read_text(encoding="utf-8"))["cases"]["cif_eps"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("as_in_the_oracle")
def test_loss_reports_and_gradients_are_funasr_s(oracle: Path, name: str) -> None:
    network, wanted = trainable(oracle / name), case(oracle / name)
    loss, stats, weight = network(**batch(oracle / name))
    loss.backward()
    assert loss.item() == pytest.approx(wanted["loss"], rel=1e-4)
    assert int(weight) == wanted["weight"]
    for key, value in wanted["stats"].items():
        if value is not None and key != "batch_size":
            assert float(stats[key]) == pytest.approx(value, rel=1e-4, abs=1e-6), key
    norms = {key: 0.0 if p.grad is None else p.grad.norm().item() for key, p in network.named_parameters()}
    total = sum(norm**2 for norm in norms.values()) ** 0.5
    assert total == pytest.approx(wanted["grad_norm_total"], rel=2e-4)
    for key, norm in wanted["grad_norm"].items():
        assert norms[key] == pytest.approx(norm or 0.0, rel=1e-3, abs=1e-4 * total), key


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("as_in_the_oracle")
def test_small_steps_follow_funasr_s_curve(oracle: Path, name: str) -> None:
    network, wanted = trainable(oracle / name), case(oracle / name)["sgd_small"]
    optimizer = torch.optim.SGD(network.parameters(), lr=wanted["lr"])
    inputs = batch(oracle / name)
    for expected in wanted["loss_after_step"][:6]:
        optimizer.zero_grad()
        network(**inputs)[0].backward()
        optimizer.step()
        with torch.no_grad():
            assert network(**inputs)[0].item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_a_padded_batch_costs_what_its_utterances_cost(oracle: Path, name: str) -> None:
    """Summed over tokens: padding changes nothing, and no last token is lost to rounding."""
    network, inputs = trainable(oracle / name), batch(oracle / name)
    whole = network(**inputs)[0].item() * float(network(**inputs)[2])
    alone = 0.0
    for row in range(len(inputs["speech"])):
        frames, tokens = int(inputs["speech_lengths"][row]), int(inputs["text_lengths"][row])
        one = {key: value[row : row + 1] for key, value in inputs.items() if "hotword" not in key}
        one |= {key: value for key, value in inputs.items() if "hotword" in key}
        one["speech"], one["text"] = one["speech"][:, :frames], one["text"][:, :tokens]
        if "seaco_label_pad" in one:
            one["seaco_label_pad"] = one["seaco_label_pad"][:, :tokens]
        loss, _, weight = network(**one)
        alone += loss.item() * float(weight)
    if "seaco" not in name:  # whose parts are divided by different counts
        assert whole == pytest.approx(alone, rel=1e-4)


def test_the_sampler_gives_right_tokens_where_the_first_pass_was_wrong(oracle: Path) -> None:
    network, inputs = trainable(oracle / "paraformer"), batch(oracle / "paraformer")
    network.sampling_ratio = 1.0
    encoded, lens = network.encode(inputs["speech"], inputs["speech_lengths"].flatten())
    text, text_lens = network.targets(inputs["text"], inputs["text_lengths"].flatten())
    embedded, _, _ = network.predictor.to_length(encoded, lens, text_lens)
    mixed, logits = network.sample(encoded, lens, text, text_lens, embedded)
    is_token = text != network.ignore_id
    assert not ((logits.argmax(-1) == text) & is_token).any()  # random weights: all are wrong, so all are given
    right = network.embed_tokens(text * is_token)
    assert torch.equal(mixed[is_token], right[is_token])
    assert not mixed[~is_token].any()


def test_a_decoder_with_positions_samples_embeddings_that_have_them(oracle: Path) -> None:
    name = "paraformer_conformer"
    network, inputs = trainable(oracle / name), batch(oracle / name)
    network.sampling_ratio = 1.0
    encoded, lens = network.encode(inputs["speech"], inputs["speech_lengths"].flatten())
    text, text_lens = network.targets(inputs["text"], inputs["text_lengths"].flatten())
    embedded, _, _ = network.predictor.to_length(encoded, lens, text_lens)
    mixed, logits = network.sample(encoded, lens, text, text_lens, embedded)
    is_token = text != network.ignore_id
    right = network.decoder.embed_at(text * is_token)
    is_given = (mixed == right).all(-1) & is_token
    num_wrong = ((logits.argmax(-1) != text) & is_token).sum(1)
    assert is_given.sum(1).tolist() == num_wrong.tolist()
    assert torch.equal(mixed[is_token & ~is_given], embedded[is_token & ~is_given])
    assert network(**inputs)[0].isfinite()


@pytest.mark.parametrize("index", range(3))
def test_the_loss_over_a_conformer_is_funasr_s_but_for_the_last_token_that_it_loses(
    oracle: Path, index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each utterance alone, for FunASR's conformer sees the padding; of two of them its CIF loses the last token."""
    directory = oracle / "paraformer_conformer"
    network, whole = trainable(directory), batch(directory)
    content = json.loads((directory / "train.json").read_text(encoding="utf-8"))
    name = content["wavs"][index]
    wanted = content["each_utterance_alone"][name]
    to_length = network.predictor.to_length

    def without_last(*args: Any) -> tuple[Tensor, ...]:
        tokens, *rest = to_length(*args)
        return (tokens.index_fill(1, torch.tensor([tokens.shape[1] - 1]), 0.0), *rest)

    if name != "aishell":
        monkeypatch.setattr(network.predictor, "to_length", without_last)
    row = {key: value[index : index + 1] for key, value in whole.items()}
    row["speech"] = row["speech"][:, : int(row["speech_lengths"])]
    row["text"] = row["text"][:, : int(row["text_lengths"])]
    loss, stats, _ = network(**row)
    assert loss.item() == pytest.approx(wanted["loss"], rel=1e-5)
    for key in ("loss_ctc", "loss_att", "loss_pre"):
        assert float(stats[key]) == pytest.approx(wanted["stats"][key], rel=1e-5)


class OneBatch:
    """Training data of one batch, over and over."""

    def __init__(self, inputs: dict[str, Tensor], num: int):
        self.batch, self.num = Batch(("a", "b", "c"), inputs, 0, 0, 0), num

    def num_steps(self, number: int = 0) -> int:
        return self.num

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Batch]:
        return itertools.repeat(self.batch, self.num - first_step)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("as_in_the_oracle")
def test_the_loop_of_train_follows_funasr_s_curve(oracle: Path, tmp_path: Path, name: str) -> None:
    """The loss at a step is that after the step before it."""
    network, wanted = trainable(oracle / name), case(oracle / name)["sgd_small"]
    losses = wanted["loss_after_step"]
    settings = TrainSettings(max_epoch=1, grad_clip=0.0, log_interval=1)
    optimizer = torch.optim.SGD(network.parameters(), lr=wanted["lr"])
    log = Log(tmp_path, Place(), "cpu")
    checkpoints = CheckpointDir(tmp_path, "loss", 1, 1)
    trainer = Trainer(
        network, optimizer, build_scheduler(Config({}), optimizer), settings, Place(), "cpu", log, checkpoints
    )
    trainer.run(OneBatch(batch(oracle / name), len(losses) + 1), None)
    log.close()
    found = [line["loss"] for line in read_log(tmp_path / "log.jsonl") if line["kind"] == "train"]
    assert found[1:] == pytest.approx(losses, rel=1e-3)
