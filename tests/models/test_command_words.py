"""Paraformer-tiny of command words: a conformer encoder, and a decoder whose embedding is its output layer."""

import shutil
from pathlib import Path

import pytest
import torch

from asrtools.auto import AutoModel
from asrtools.build import load_model
from asrtools.checkpoint import read_state


@pytest.fixture(scope="module")
def tiny(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The oracle's Paraformer of that form, with the embedding shared."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    shutil.copytree(oracle / "paraformer_conformer", folder, ignore=shutil.ignore_patterns("model.pt", "*.npz"))
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("model_conf:\n", "model_conf:\n  share_embedding: true\n"))
    state = read_state(oracle / "paraformer_conformer/model.pt")
    torch.save(
        {name: value for name, value in state.items() if not name.startswith("decoder.embed")}, folder / "model.pt"
    )
    return folder


def test_it_has_no_embedding_of_its_own_and_recognises_as_before(tiny: Path, oracle: Path) -> None:
    """The embedding serves training only."""
    names = load_model(tiny).network.state_dict().keys()
    whole = load_model(oracle / "paraformer_conformer").network.state_dict().keys()
    assert set(whole) - set(names) == {name for name in whole if name.startswith("decoder.embed")}
    assert set(whole) - set(names)
    wav = str(oracle / "wavs/odd.wav")
    (ours,) = AutoModel(str(tiny), device="cpu", ncpu=1).generate(wav)
    (theirs,) = AutoModel(str(oracle / "paraformer_conformer"), device="cpu", ncpu=1).generate(wav)
    assert ours["text"] == theirs["text"] != ""


def test_the_sampler_takes_targets_from_the_output_layer(tiny: Path) -> None:
    network = load_model(tiny).network.train()
    ids = torch.tensor([[3, 4, 5]])
    assert torch.equal(network.embed_tokens(ids)[0], network.decoder.output_layer.weight[ids[0]])
    loss, _, _ = network(torch.randn(1, 80, 80), torch.tensor([80]), ids, torch.tensor([3]))
    loss.backward()
    assert network.decoder.output_layer.weight.grad.norm() > 0
