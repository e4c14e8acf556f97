"""Transducer against stored outputs of FunASR 1.4.16; its loss was stored with a textbook recursion."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asrtools.build import LoadedModel, load_model
from asrtools.models.protocols import Decoded, DecodeOptions, Recognizer

WAVS = ("aishell", "odd", "short500ms")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(oracle: Path) -> Path:
    return oracle / "transducer"


@pytest.fixture(scope="module")
def model(folder: Path) -> LoadedModel:
    return load_model(folder)


@pytest.fixture(scope="module")
def train(folder: Path) -> dict[str, np.ndarray]:
    return dict(np.load(folder / "train.npz"))


@pytest.fixture(scope="module")
def feats(train: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    lens = train["batch/speech_lengths"].flatten()
    rows = zip(WAVS, train["batch/speech"], lens, strict=True)
    return {wav: torch.from_numpy(row[:length]) for wav, row, length in rows}


def recognize(model: LoadedModel, feats: torch.Tensor, **options: Any) -> tuple[Decoded, ...]:
    return model.network.recognize(feats[None], torch.tensor([len(feats)]), DecodeOptions(**options))[0]


def test_encoder_gives_the_stored_frames(model: LoadedModel, feats: dict[str, torch.Tensor], folder: Path) -> None:
    arrays = np.load(folder / "expected.npz")
    for wav in ("odd", "short500ms"):
        with torch.inference_mode():
            encoded, lens = model.network.encode(feats[wav][None], torch.tensor([len(feats[wav])]))
        np.testing.assert_allclose(encoded.numpy(), arrays[f"{wav}/encoder.0.0"], rtol=0, atol=5e-6)
        assert lens.tolist() == arrays[f"{wav}/encoder.0.1"].tolist()


def test_search_finds_the_stored_texts(model: LoadedModel, feats: dict[str, torch.Tensor], folder: Path) -> None:
    for key, texts in json.loads((folder / "expected.json").read_text())["results"].items():
        wav, beam = key.split("|")
        found = recognize(model, feats[wav], beam_size=int(beam.removeprefix("beam")))
        assert [list(model.tokenizer.ids2tokens(one.ids)) for one in found] == [text["token"] for text in texts], key


def test_the_default_is_a_beam_of_two(model: LoadedModel, feats: dict[str, torch.Tensor]) -> None:
    assert recognize(model, feats["odd"])[0].ids == recognize(model, feats["odd"], beam_size=2)[0].ids
    assert len(recognize(model, feats["odd"], nbest=2)) == 2


@pytest.mark.parametrize("options", [{}, {"greedy": True}, {"beam_size": 3}])
def test_a_batch_gives_what_its_rows_give_alone(
    model: LoadedModel, feats: dict[str, torch.Tensor], options: dict[str, Any]
) -> None:
    rows = [*feats.values(), feats["odd"][:3]]
    lens = torch.tensor([len(row) for row in rows])
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=5.0)
    together = model.network.recognize(batch, lens, DecodeOptions(**options))
    for row, found in zip(rows, together, strict=True):
        alone = recognize(model, row, **options)
        assert [one.ids for one in found] == [one.ids for one in alone]
        assert found[0].score == pytest.approx(alone[0].score, abs=1e-3)
    assert together[-1][0].ids == ()  # too short for one frame


def test_it_is_a_recognizer(model: LoadedModel) -> None:
    assert isinstance(model.network, Recognizer)


def test_loss_of_each_utterance_is_the_stored_one(
    model: LoadedModel, train: dict[str, np.ndarray], folder: Path
) -> None:
    stored = json.loads((folder / "train.json").read_text())["each_utterance_alone"]

    def loss_of(rows: list[int]) -> float:
        names = ("speech", "speech_lengths", "text", "text_lengths")
        batch = {name: torch.from_numpy(train[f"batch/{name}"][rows]) for name in names}
        batch["speech"] = batch["speech"][:, : int(batch["speech_lengths"].max())]
        loss, stats, weight = model.network(**batch)
        assert stats["loss"].item() == pytest.approx(loss.item())
        assert int(weight) == len(rows)
        return loss.item()

    for row, (wav, about) in enumerate(stored.items()):
        assert wav == WAVS[row]
        assert loss_of([row]) == pytest.approx(about["loss"], rel=2e-6)
    assert loss_of([0, 1, 2]) == pytest.approx(sum(one["loss"] for one in stored.values()) / 3, rel=2e-6)
