"""CAM++ against stored outputs of FunASR: features, head, embeddings, cluster labels, parameter names."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from asrtools import config as configuration
from asrtools.build import LoadedModel, build_frontend, build_network, load_model
from asrtools.checkpoint import build_empty
from asrtools.errors import ConfigError, ModelError
from asrtools.features.speaker_frontend import SpeakerFrontend
from asrtools.models.campplus.model import CAMPPlus
from asrtools.models.embedding import EmbeddingRunner
from asrtools.record import Utterance
from asrtools.tasks.clustering import (
    ClusterOptions,
    cluster,
    in_order_of_appearance,
    laplacian,
    normalized,
    smallest_eigenpairs,
)
from asrtools.tasks.diarize import Diarizer, Recording
from asrtools.tasks.embed import SpeakerModel
from asrtools.tasks.speaker_turns import SpeakerTurn, turns_of
from asrtools.tasks.speaker_windows import padded

TOLERANCE = 1e-4  # of embeddings
# bands so quiet that float32 spectra differ in their rounding; against float64 ours is as near as FunASR's
QUIET_TOLERANCE = 1e-3


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(oracle: Path) -> LoadedModel:
    return load_model(oracle / "campplus")


@pytest.fixture(scope="module")
def stored(oracle: Path) -> dict[str, np.ndarray]:
    return dict(np.load(oracle / "campplus/expected.npz"))


@pytest.fixture(scope="module")
def expected(oracle: Path) -> dict:
    return json.loads((oracle / "campplus/expected.json").read_text())


def samples_of(oracle: Path, name: str) -> np.ndarray:
    return soundfile.read(oracle / f"wavs/{name}.wav", dtype="float32")[0]


def embedding_of(model: LoadedModel, samples: np.ndarray) -> np.ndarray:
    feats = model.frontend(samples)
    return model.network.embed(torch.from_numpy(feats)[None], torch.tensor([len(feats)]))[0]


def test_the_features_are_funasrs_and_not_those_its_config_names(oracle: Path, model, stored) -> None:
    assert isinstance(model.frontend, SpeakerFrontend)
    feats = model.frontend(samples_of(oracle, "odd"))
    assert feats.shape == stored["odd/feat"][0].shape
    assert np.abs(feats - stored["odd/feat"][0]).max() < QUIET_TOLERANCE
    assert np.abs(feats.mean(axis=0)).max() < 1e-5


def test_the_head_gives_funasrs_channels(oracle: Path, model, stored) -> None:
    feats = torch.from_numpy(model.frontend(samples_of(oracle, "short500ms")))[None]
    with torch.inference_mode():
        published = model.network.head(feats.transpose(1, 2)).numpy()
        folded = model.network.folded().head(feats).unflatten(-1, (-1, 32)).permute(0, 3, 2, 1).flatten(1, 2).numpy()
    wanted = stored["short500ms/head.0.0"]
    assert np.abs(published - wanted).max() < QUIET_TOLERANCE
    assert np.abs(folded - wanted).max() < QUIET_TOLERANCE


@pytest.mark.parametrize("name", ["aishell", "librispeech", "odd", "short500ms", "vad_crop12"])
def test_embeddings_are_funasrs(oracle: Path, model, stored, name: str) -> None:
    assert np.abs(embedding_of(model, samples_of(oracle, name)) - stored[f"{name}/emb"][0]).max() < TOLERANCE


def test_the_longest_of_funasrs_padded_batch_agrees(oracle: Path, model, stored) -> None:
    # its shorter one does not: there the padding counts as silence, and here a row is what it is alone
    alone = embedding_of(model, samples_of(oracle, "aishell"))
    assert np.abs(alone - stored["batch_aishell_odd/emb"][0]).max() < TOLERANCE


@pytest.mark.parametrize("case", ["n8k2", "n30k3", "n120k4"])
def test_cluster_labels_are_funasrs_but_for_their_numbering(stored, expected, case: str) -> None:
    labels = cluster(stored[f"synth_{case}/emb"])
    assert labels.tolist() == in_order_of_appearance(np.array(expected["synth"][case])).tolist()


@pytest.mark.parametrize("case", ["n30k3", "n120k4"])
def test_eigenvalues_are_funasrs(stored, case: str) -> None:
    unit = normalized(stored[f"synth_{case}/emb"].astype(np.float64))
    values, vectors = smallest_eigenpairs(laplacian(unit), 10)
    assert np.abs(values - stored[f"synth_{case}/eig10"]).max() < 1e-4
    assert vectors.shape == (len(unit), 10)


def test_speakers_of_a_recording_are_funasrs(stored, expected) -> None:
    found = cluster(stored["chunks/emb"])
    assert found.tolist() == in_order_of_appearance(np.array(expected["labels_seed0"])).tolist()
    asked = cluster(stored["chunks/emb"], ClusterOptions(num_speakers=3))
    assert asked.tolist() == in_order_of_appearance(np.array(expected["labels_oracle3_seed0"])).tolist()


def test_the_published_size_has_the_published_parameters(oracle: Path) -> None:
    config = configuration.load(oracle / "keys/campplus/config.yaml")
    network = build_empty(lambda: build_network(config))
    wanted = {}
    for line in (oracle / "keys/campplus/parameters.tsv").read_text().splitlines():
        name, shape, kind = line.split("\t")
        wanted[name] = ([int(n) for n in shape.split(",") if n], f"torch.{kind}")
    assert {name: (list(t.shape), str(t.dtype)) for name, t in network.state_dict().items()} == wanted
    assert build_frontend(config).output_size() == 80


def shaken(seed: int = 0, **sizes) -> CAMPPlus:
    """A small network whose batch norms do something, with scales of both signs and of 0."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network = CAMPPlus(**{"embedding_size": 16, "growth_rate": 8, "init_channels": 32, **sizes}).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.3, 2, generator=generator)
            if module.affine:
                module.weight.data.normal_(0.5, 0.7, generator=generator)
                module.weight.data[::7] = 0
                module.bias.data.normal_(0, 0.5, generator=generator)
    return network


@pytest.mark.parametrize("num_frames", [1, 2, 3, 9, 148, 199, 200, 201, 650, 1301])
def test_folding_changes_nothing(num_frames: int) -> None:
    network = shaken()
    feats = torch.randn(2, num_frames, 80, generator=torch.Generator().manual_seed(num_frames))
    with torch.no_grad():
        wanted = network.double()(feats.double()).numpy()
    got = network.float().embed(feats, torch.tensor([num_frames] * 2))
    assert np.isfinite(got).all()
    assert np.abs(got - wanted).max() < 2e-5


def test_an_embedding_does_not_depend_on_its_batch() -> None:
    network = shaken()
    lens = [148, 30, 148, 1, 77, 148, 148, 148, 30]
    feats = torch.randn(len(lens), max(lens), 80, generator=torch.Generator().manual_seed(1))
    together = network.embed(feats, torch.tensor(lens))
    for row, length in enumerate(lens):
        alone = network.embed(feats[row : row + 1, :length], torch.tensor([length]))[0]
        assert np.abs(together[row] - alone).max() < 1e-5
    assert network.embed(feats[:0], torch.tensor([], dtype=torch.long)).shape == (0, 16)


def test_new_parameters_are_folded_anew() -> None:
    network, feats, lens = shaken(), torch.ones(1, 20, 80), torch.tensor([20])
    before = network.embed(feats, lens)
    network.load_state_dict(shaken(seed=1).state_dict())
    assert np.abs(network.embed(feats, lens) - before).max() > 0.1
    network.train()
    with torch.no_grad():
        network.xvector.dense.linear.weight.mul_(2)
    network.eval()
    with torch.no_grad():
        assert np.abs(network.embed(feats, lens) - network(feats).numpy()).max() < 1e-5


def test_it_trains() -> None:
    network = CAMPPlus(embedding_size=8, growth_rate=4, init_channels=16).train()
    network(torch.randn(2, 20, 80)).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_other_nonlinearities_and_frames_work_unfolded() -> None:
    network = shaken(config_str="batchnorm-prelu")
    feats = torch.randn(1, 12, 80, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert np.abs(network.embed(feats, torch.tensor([12])) - network(feats).numpy()).max() < 1e-6
        frames = shaken(output_level="frame")
        assert frames(feats).shape[:2] == (1, 6)
    with pytest.raises(ModelError, match="gives frames"):
        frames.embed(feats, torch.tensor([12]))


def test_other_depths_are_folded_as_they_are() -> None:
    network, feats = shaken(num_layers=[1, 3, 2]), torch.randn(1, 12, 80, generator=torch.Generator().manual_seed(2))
    assert [len(network.xvector.get_submodule(f"block{index}")) for index in (1, 2, 3)] == [1, 3, 2]
    with torch.no_grad():
        assert np.abs(network.embed(feats, torch.tensor([12])) - network(feats).numpy()).max() < 1e-5
    with pytest.raises(ConfigError, match="three numbers of 1 or more"):
        shaken(num_layers=[1, 0, 2])


def test_features_that_do_not_fit_are_named() -> None:
    network = shaken()
    with pytest.raises(ModelError, match="60 values a frame; this CAM\\+\\+ takes 80"):
        network.embed(torch.zeros(1, 5, 60), torch.tensor([5]))
    with pytest.raises(ModelError, match="at least one frame"):
        network.embed(torch.zeros(1, 5, 80), torch.tensor([0]))


def speech_of(oracle: Path) -> list[Utterance]:
    """The segments that FunASR's pipeline found in vad_example."""
    spans = json.loads((oracle / "fsmn_vad/expected.json").read_text())["offline_fixed800"]["vad_example"][0]["value"]
    source = str(oracle / "wavs/vad_example.wav")
    return [Utterance(f"s{start}", source, start_ms=start, end_ms=end, recording="vad_example") for start, end in spans]


def test_windows_their_embeddings_and_turns_are_funasrs(oracle: Path, model, stored, expected) -> None:
    samples = samples_of(oracle, "vad_example")
    speakers = SpeakerModel(EmbeddingRunner(model.network), model.frontend, model.directory)
    spans, feats = [], []
    for start_s, end_s, _ in expected["postprocess"]:  # the segments: all are one speaker's
        first = round(1000 * start_s)
        segment = samples[16 * first : 16 * round(1000 * end_s)]
        for start, end, window in speakers.features_of_windows(segment):
            spans.append((start / 16000 + first / 1000, end / 16000 + first / 1000))
            feats.append(window)
            # the products of more frames at a time may differ in the last bits
            assert np.abs(window - model.frontend(padded(segment[start:end]))).max() < 1e-5
    assert spans == [tuple(span) for span in expected["sv_chunk"]]
    vectors = speakers.embed(feats)
    # window 12 has a channel that hardly moves, and the square root in its deviation magnifies any rounding
    distances = np.abs(vectors - stored["chunks/emb"]).max(axis=1)
    assert np.delete(distances, 12).max() < TOLERANCE
    assert distances[12] < 10 * TOLERANCE
    wanted = [SpeakerTurn(round(1000 * a), round(1000 * b), int(speaker)) for a, b, speaker in expected["postprocess"]]
    assert turns_of(spans, cluster(vectors)) == wanted


@pytest.mark.parametrize(("case", "number"), [("vad_punc_spk_fixed", None), ("vad_punc_spk_fixed_spk2", 2)])
def test_speakers_of_sentences_are_funasrs(oracle: Path, model, case: str, number: int | None) -> None:
    results = json.loads((oracle / "pipeline/expected.json").read_text())["results"][case]
    sentences = results[0]["sentence_info"]
    speakers = SpeakerModel(EmbeddingRunner(model.network), model.frontend, model.directory)
    diarizer = Diarizer(speakers, ClusterOptions(num_speakers=number))
    (found,) = diarizer([Recording("vad_example", tuple(speech_of(oracle)))])
    assert [found.speaker_of(one["start"], one["end"]) for one in sentences] == [one["spk"] for one in sentences]


def test_windows_embed_to_the_same_bits_whatever_comes_with_them(model) -> None:
    generator = np.random.default_rng(0)
    feats = [generator.standard_normal((148, 80)).astype(np.float32) for _ in range(7)]
    feats.append(generator.standard_normal((30, 80)).astype(np.float32))
    runner = EmbeddingRunner(model.network)
    together = runner(feats, fills_batches=True)
    order = generator.permutation(len(feats))
    assert np.array_equal(runner([feats[i] for i in order], fills_batches=True), together[order])
    for one, vector in zip(feats, together, strict=True):
        assert np.array_equal(runner([one], fills_batches=True)[0], vector)
    assert runner([]).shape[0] == 0


def test_a_network_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="Linear gives no speaker embeddings"):
        EmbeddingRunner(nn.Linear(2, 2))


def test_cores_side_by_side_give_what_one_gives(model) -> None:
    generator = np.random.default_rng(0)
    feats = [generator.standard_normal((length, 80)).astype(np.float32) for length in (148, 30, 700, 148, 9) * 3]
    runner = EmbeddingRunner(model.network)
    alone = runner(feats, fills_batches=True)
    torch.set_num_threads(3)
    side_by_side = runner(feats, fills_batches=True)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(1)
    assert np.array_equal(alone, side_by_side)
    with pytest.raises(ModelError, match="at least one frame"):
        runner([np.zeros((0, 80), np.float32)])
