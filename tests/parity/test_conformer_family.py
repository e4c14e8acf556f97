"""Transformer, Conformer, Branchformer and EBranchformer against stored outputs of FunASR 1.4.16."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from asrtools import config as configuration
from asrtools.build import LoadedModel, build_network, load_model
from asrtools.checkpoint import build_empty
from asrtools.models.protocols import Decoded, DecodeOptions, Recognizer
from asrtools.models.transformer.model import Transformer
from asrtools.tasks.token_times import spans_of
from asrtools.text.surface import auto_model_text

NAMES = ("conformer", "transformer", "branchformer", "e_branchformer")
KEYS = (*NAMES, "aishell-conformer", "aishell-transformer", "aishell-branchformer", "aishell-e_branchformer")
WAVS = ("aishell", "odd", "short500ms")
VOCAB_SIZE, NUM_MELS = 4233, 80
# ctc0.0 was made with maxlenratio 0.3
MAX_LEN_RATIO = {"ctc0.0": 0.3}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@dataclass(frozen=True, eq=False)
class Stored:
    model: LoadedModel
    about: dict[str, Any]
    arrays: dict[str, np.ndarray]
    train: dict[str, np.ndarray]
    losses: dict[str, Any]
    feats: dict[str, torch.Tensor]

    def recognize(self, wav: str, **options: Any) -> tuple[Decoded, ...]:
        feats = self.feats[wav]
        return self.model.network.recognize(feats[None], torch.tensor([len(feats)]), DecodeOptions(**options))[0]

    def tokens(self, decoded: Decoded) -> list[str]:
        return list(self.model.tokenizer.ids2tokens(decoded.ids))


@pytest.fixture(scope="module", params=NAMES)
def stored(request: pytest.FixtureRequest, oracle: Path) -> Stored:
    folder = oracle / request.param
    model = load_model(folder, is_packed=False)
    train = np.load(folder / "train.npz")
    samples, _ = soundfile.read(oracle / "wavs" / "tiny40ms.wav", dtype="float32")
    feats = {"tiny40ms": torch.from_numpy(model.frontend(samples))}
    # FunASR's own features: frontends differ in the last digits, and some arg-max hangs on them
    for wav, row, length in zip(WAVS, train["batch/speech"], train["batch/speech_lengths"].flatten(), strict=True):
        feats[wav] = torch.from_numpy(row[:length])
    about = json.loads((folder / "expected.json").read_text())
    losses = json.loads((folder / "train.json").read_text())
    return Stored(model, about, np.load(folder / "expected.npz"), train, losses, feats)


def batch_of(feats: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    lens = torch.tensor([len(one) for one in feats])
    padded = torch.nn.utils.rnn.pad_sequence(feats, batch_first=True)
    is_frame = torch.arange(padded.shape[1]) < lens[:, None]
    return padded + 7.0 * ~is_frame[..., None], lens  # whatever lies in the padding


@pytest.mark.parametrize("name", KEYS)
def test_published_sizes_have_the_published_parameters(oracle: Path, name: str) -> None:
    config = configuration.load(oracle / "keys" / name)
    network = build_empty(lambda: build_network(config, NUM_MELS, VOCAB_SIZE))
    ours = {
        key: (",".join(map(str, tensor.shape)), str(tensor.dtype).removeprefix("torch."))
        for key, tensor in network.state_dict().items()
    }
    rows = [line.split("\t") for line in (oracle / "keys" / name / "parameters.tsv").read_text().splitlines()]
    assert ours == {key: (shape, dtype) for key, shape, dtype in rows}


def test_encoder_gives_the_stored_frames(stored: Stored) -> None:
    seen = 0
    for wav in WAVS:
        if f"{wav}/encoder.0.0" not in stored.arrays:
            continue
        feats = stored.feats[wav]
        with torch.inference_mode():
            encoded, encoded_lens, _ = stored.model.network.encode(feats[None], torch.tensor([len(feats)]))
        np.testing.assert_allclose(encoded.numpy(), stored.arrays[f"{wav}/encoder.0.0"], rtol=0, atol=5e-6)
        assert encoded_lens.tolist() == stored.arrays[f"{wav}/encoder.0.1"].tolist()
        seen += 1
    assert seen >= 2


def test_search_finds_the_stored_texts(stored: Stored) -> None:
    for key, texts in stored.about["results"].items():
        wav, ctc, beam = key.split("|")
        if ctc == "ctc1.0":
            continue  # see the next test
        found = stored.recognize(
            wav,
            beam_size=int(beam.removeprefix("beam")),
            ctc_weight=float(ctc.removeprefix("ctc")),
            max_len_ratio=MAX_LEN_RATIO.get(ctc, 0.0),
            nbest=len(texts),
        )
        assert [stored.tokens(one) for one in found] == [text["token"] for text in texts], key


def test_ctc_alone_searches_the_whole_vocabulary(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    """FunASR asks CTC about 15 arbitrary tokens there, for it lets an absent decoder choose them."""
    texts = stored.about["results"]["aishell|ctc1.0|beam10"]
    options = {"beam_size": 10, "ctc_weight": 1.0, "nbest": len(texts)}
    ours = stored.recognize("aishell", **options)
    settings = Transformer._settings

    def preselecting(self: Transformer, given: DecodeOptions) -> Any:
        return type(settings(self, given))(**{**vars(settings(self, given)), "preselects": True})

    monkeypatch.setattr(Transformer, "_settings", preselecting)
    theirs = stored.recognize("aishell", **options)
    assert [stored.tokens(one) for one in theirs] == [text["token"] for text in texts]
    assert ours[0].score > theirs[0].score + 1


def test_scores_of_the_best_are_the_stored_ones(stored: Stored) -> None:
    for wav, hypotheses in stored.about["nbest_hyps"].items():
        found = stored.recognize(wav, nbest=len(hypotheses))  # the default search
        for ours, (ids, score, _) in zip(found, hypotheses, strict=True):
            assert list(ours.ids) == [one for one in ids if one not in (0, 1, 2)], wav
            assert ours.score == pytest.approx(score, abs=1e-3), wav


def test_greedy_gives_the_stored_texts(stored: Stored) -> None:
    text = stored.about["batch2_is_ctc_greedy"][0]  # of the longer one of two; the other was changed by its padding
    # in float64: the two best of a frame may lie within the rounding of a processor's float32
    exact, feats = copy.deepcopy(stored.model.network).double(), stored.feats[text["key"]].double()
    found = exact.recognize(feats[None], torch.tensor([len(feats)]), DecodeOptions(greedy=True))[0]
    assert auto_model_text(stored.model.name, stored.tokens(found[0])).text == text["text"]


def test_a_batch_gives_what_its_rows_give_alone(stored: Stored) -> None:
    network = stored.model.network
    wavs = (*WAVS, "tiny40ms", "odd")
    feats, lens = batch_of([stored.feats[wav] for wav in wavs])
    with torch.inference_mode():
        encoded, encoded_lens, _ = network.encode(feats, lens)
    for options in ({"greedy": True}, {"nbest": 3}, {"beam_size": 3, "ctc_weight": 0.3}):
        together = network.recognize(feats, lens, DecodeOptions(**options))
        for wav, row, length, found in zip(wavs, encoded, encoded_lens.tolist(), together, strict=True):
            alone = stored.recognize(wav, **options)
            assert [one.ids for one in found] == [one.ids for one in alone], (wav, options)
            if wav != "tiny40ms":
                one = stored.feats[wav]
                with torch.inference_mode():
                    by_itself, _, _ = network.encode(one[None], torch.tensor([len(one)]))
                assert length == by_itself.shape[1]
                torch.testing.assert_close(row[:length], by_itself[0], rtol=0, atol=5e-6)


def test_an_utterance_too_short_for_one_frame_is_empty(stored: Stored) -> None:
    for frames in (1, 2, 6):
        feats = stored.feats["aishell"][:frames]
        for greedy in (False, True):
            (found,) = stored.model.network.recognize(feats[None], torch.tensor([frames]), DecodeOptions(greedy=greedy))
            assert [one.ids for one in found] == [()]


def test_settings_count_on_every_call(stored: Stored) -> None:
    first = stored.recognize("short500ms", beam_size=10, nbest=3)
    assert len(stored.recognize("short500ms", beam_size=2, nbest=1)) == 1
    assert stored.recognize("short500ms", max_len_ratio=-1)[0].ids != first[0].ids
    assert [one.ids for one in stored.recognize("short500ms", beam_size=10, nbest=3)] == [one.ids for one in first]


def test_every_token_has_its_time_within_the_recording(stored: Stored) -> None:
    for options in ({}, {"greedy": True}, {"nbest": 3}):
        for found in stored.recognize("aishell", **options):
            spans = spans_of(found, 10)
            assert len(spans) == len(found.ids)
            edges = [edge for span in spans for edge in span]
            assert edges == sorted(edges)
            assert edges[-1] <= 10 * len(stored.feats["aishell"]) + 40
    assert stored.recognize("aishell", timestamps=False)[0].timing is None


def test_it_is_a_recognizer(stored: Stored) -> None:
    assert isinstance(stored.model.network, Recognizer)


def loss_of(stored: Stored, rows: list[int], network: torch.nn.Module) -> tuple[torch.Tensor, dict[str, Any]]:
    batch = {
        name: torch.from_numpy(stored.train[f"batch/{name}"][rows])
        for name in ("speech", "speech_lengths", "text", "text_lengths")
    }
    batch["speech"] = batch["speech"][:, : int(batch["speech_lengths"].max())]
    loss, stats, weight = network(**batch)
    assert int(weight) == len(rows)
    return loss, stats


def test_loss_of_each_utterance_is_the_stored_one(stored: Stored) -> None:
    network = stored.model.network
    total = 0.0
    for row, (wav, about) in enumerate(stored.losses["each_utterance_alone"].items()):
        assert wav == stored.losses["wavs"][row]
        loss, stats = loss_of(stored, [row], network)
        assert loss.item() == pytest.approx(about["loss"], rel=2e-6)
        for name in ("loss_ctc", "loss_att", "acc"):
            assert float(stats[name]) == pytest.approx(about["stats"][name], rel=2e-6, abs=1e-6), (wav, name)
        total += about["loss"]
    loss, _ = loss_of(stored, [0, 1, 2], network)
    assert loss.item() == pytest.approx(total / 3, rel=2e-6)  # a batch is the mean of its utterances
