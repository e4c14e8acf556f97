"""SenseVoiceSmall against the stored results of the oracle, and against itself in batches."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from asrtools.build import LoadedModel, load_model
from asrtools.errors import ConfigError, DataError
from asrtools.models.protocols import Decoded, DecodeOptions
from asrtools.tasks.ctc_times import token_spans
from asrtools.text.surface import sentencepiece_surface

NAMES = ["sensevoice_small", "sensevoice_ts"]
FRAME_MS = 60
OPTIONS = {
    "auto_woitn": DecodeOptions(),
    "ts": DecodeOptions(),
    "zh_itn": DecodeOptions(language="zn", use_itn=True),  # as a document spells zh
    "en_textnorm": DecodeOptions(language="en"),
}


class Stored:
    def __init__(self, oracle: Path, name: str):
        self.model: LoadedModel = load_model(oracle / name)
        self.wavs = oracle / "wavs"
        self.expected: Mapping[str, Any] = json.loads((oracle / name / "expected.json").read_text())
        with np.load(oracle / name / "expected.npz") as arrays:
            self.arrays = dict(arrays)
        self.cases = [case for case in self.expected["results"] if case.split("|")[1] in OPTIONS]

    def feats(self, wav: str) -> torch.Tensor:
        samples, _ = soundfile.read(self.wavs / f"{wav}.wav", dtype="float32")
        return torch.from_numpy(self.model.frontend(samples))

    def recognize(self, case: str) -> Decoded:
        wav, setting = case.split("|")
        feats = self.feats(wav)
        ((decoded,),) = self.model.network.recognize(feats[None], torch.tensor([len(feats)]), OPTIONS[setting])
        return decoded

    def text(self, decoded: Decoded) -> str:
        return self.model.tokenizer.decode([*decoded.tags, *decoded.ids])


@pytest.fixture(scope="module", params=NAMES)
def stored(request: pytest.FixtureRequest, oracle: Path) -> Stored:
    torch.set_num_threads(1)
    return Stored(oracle, request.param)


def test_encoder_and_log_probabilities_from_the_features_of_the_oracle(oracle: Path, stored: Stored) -> None:
    num_checked = 0
    with np.load(oracle / "frontend" / "expected.npz") as arrays:  # our features differ from them by up to 3e-5
        frontend = dict(arrays)
    assert (oracle / "frontend" / "am.mvn").read_bytes() == (stored.model.directory / "am.mvn").read_bytes()
    for case in stored.cases:
        if f"{case}/encoder" not in stored.arrays:
            continue
        wav, setting = case.split("|")
        feats, options = torch.from_numpy(frontend[f"lfr76_cmvn/{wav}"]), OPTIONS[setting]
        network = stored.model.network
        rows = [{"auto_woitn": 0, "zh_itn": 3, "en_textnorm": 4}[setting], 14 if options.use_itn else 15]
        language, itn = (torch.tensor([row]) for row in rows)
        with torch.inference_mode():
            encoded, lens = network.encode(feats[None], torch.tensor([len(feats)]), language, itn)
            log_probs = network.ctc(encoded)[0].numpy()
        assert lens.tolist() == [len(feats) + 4]
        np.testing.assert_allclose(encoded[0].numpy(), stored.arrays[f"{case}/encoder"], rtol=0, atol=1e-5)
        np.testing.assert_array_equal(log_probs.argmax(-1), stored.arrays[f"{case}/ctc_argmax"])
        np.testing.assert_allclose(log_probs.max(-1), stored.arrays[f"{case}/ctc_max"], rtol=0, atol=1e-4)
        np.testing.assert_allclose(log_probs[:8], stored.arrays[f"{case}/ctc_logp_first8"], rtol=1e-6, atol=1e-4)
        num_checked += 1
    assert num_checked > 3


def test_texts(stored: Stored) -> None:
    num_checked = 0
    for case in stored.cases:
        results = stored.expected["results"][case]
        if not isinstance(results, str):  # that is how a crash is stored
            assert stored.text(stored.recognize(case)) == results[0]["text"], case
            num_checked += 1
    assert num_checked > 10


def test_times_of_tokens(oracle: Path) -> None:
    stored = Stored(oracle, "sensevoice_ts")
    num_checked = 0
    for case in stored.cases:
        (wanted,) = stored.expected["results"][case]
        if "timestamp" not in wanted:
            continue
        decoded = stored.recognize(case)
        skipped = 4 - len(decoded.tags)  # FunASR takes the first four tokens to be the tags
        spans = token_spans(decoded.timing, decoded.ids, FRAME_MS, skipped)
        pieces = stored.model.tokenizer.ids2tokens(decoded.ids[skipped:])
        surface = sentencepiece_surface(stored.text(decoded), pieces, spans)
        assert [list(span) for span in surface.spans] == wanted["timestamp"], case
        assert list(surface.words) == wanted["words"]
        num_checked += 1
    assert num_checked > 3


def test_every_token_has_a_time_where_funasr_crashes(oracle: Path) -> None:
    stored = Stored(oracle, "sensevoice_small")
    crashed = [case for case in stored.cases if isinstance(stored.expected["results"][case], str)]
    assert crashed
    for case in crashed:
        decoded = stored.recognize(case)
        spans = token_spans(decoded.timing, decoded.ids, FRAME_MS)
        assert len(spans) == len(decoded.ids) > 0
        times = [time for span in spans for time in span]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= len(stored.feats(case.split("|")[0])) * FRAME_MS
        for (start, end), token in zip(spans, decoded.ids, strict=True):  # the frames in which it is the likeliest
            frames = stored.arrays.get(f"{case.split('|')[0]}|auto_woitn/ctc_argmax")[4:]
            assert set(frames[round((start + 30) / 60) : round((end + 30) / 60)].tolist()) <= {token, *frames[:1]}


def test_a_batch_gives_what_its_utterances_give_alone(stored: Stored) -> None:
    wavs = ["aishell", "short500ms", "odd", "librispeech", "short500ms"]
    feats = [stored.feats(wav) for wav in wavs]
    lens = torch.tensor([len(one) for one in feats])
    batch = torch.nn.utils.rnn.pad_sequence(feats, batch_first=True)
    for padding in (batch, torch.nn.functional.pad(batch, (0, 0, 0, 17), value=3.0)):
        results = stored.model.network.recognize(padding, lens, DecodeOptions())
        for wav, (decoded,) in zip(wavs, results, strict=True):
            alone = stored.recognize(f"{wav}|auto_woitn")
            assert (decoded.ids, decoded.tags) == (alone.ids, alone.tags)
            np.testing.assert_allclose(decoded.log_probs, alone.log_probs, rtol=0, atol=1e-4)
            assert token_spans(decoded.timing, decoded.ids, FRAME_MS) == token_spans(alone.timing, alone.ids, FRAME_MS)


def test_published_sizes_have_the_published_parameters(oracle: Path) -> None:
    from asrtools.build import build_network
    from asrtools.checkpoint import build_empty
    from asrtools.config import load

    folder = oracle / "keys" / "sensevoice-small"
    with torch.device("meta"):
        network = build_empty(lambda: build_network(load(folder), 560, 25055))
    ours = {
        name: (",".join(str(size) for size in tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
    }
    lines = [line.split("\t") for line in (folder / "parameters.tsv").read_text().splitlines()]
    assert ours == {name: (shape, kind) for name, shape, kind in lines}


@pytest.mark.parametrize("name", NAMES)
def test_training_losses(oracle: Path, name: str) -> None:
    torch.set_num_threads(1)
    about = json.loads((oracle / name / "train.json").read_text())
    network = load_model(oracle / name).network
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with np.load(oracle / name / "train.npz") as arrays:
        batches = {
            kind: {key: torch.from_numpy(arrays[f"{kind}/{key}"]) for key in about["forward_args"]}
            for kind in ("batch", "infeasible")
        }
    for case, kind in (("base", "batch"), ("infeasible", "infeasible"), ("eval", "batch")):
        is_training = case != "eval"
        wanted = about["cases"][case]
        network.train(is_training)
        network.zero_grad()
        torch.manual_seed(0)
        loss, stats, weight = network(**batches[kind])
        assert loss.item() == pytest.approx(wanted["loss"], rel=1e-5), case
        for key, value in wanted["stats"].items():
            assert float(stats[key]) == pytest.approx(value, rel=1e-5), (case, key)
        assert int(weight) == wanted["weight"]
        if is_training:
            loss.backward()
            norms = {key: one.grad.norm().item() for key, one in network.named_parameters() if one.grad is not None}
            assert norms == pytest.approx(wanted["grad_norm"], rel=2e-3, abs=1e-3), case


def test_a_banned_emotion_is_not_written_and_a_small_vocabulary_is_no_crash(stored: Stored) -> None:
    network, feats = stored.model.network, stored.feats("aishell")
    lens = torch.tensor([len(feats)])
    ((plain,),) = network.recognize(feats[None], lens, DecodeOptions())
    assert plain.tags[1] == network.tag_ids["NEUTRAL"]  # found in the vocabulary, which is not the published one
    before = dict(network.tag_ids)
    try:
        network.set_tag_ids({"EMO_UNKNOWN": plain.tags[1]})
        ((banned,),) = network.recognize(feats[None], lens, DecodeOptions(ban_emo_unk=True))
        network.set_tag_ids({"EMO_UNKNOWN": 25009})  # as published
        ((same,),) = network.recognize(feats[None], lens, DecodeOptions(ban_emo_unk=True))
    finally:
        network.set_tag_ids(before)
    assert plain.tags[1] not in (*banned.tags, *banned.ids)
    assert same.tags == plain.tags


def test_the_unknown_emotion_can_be_banned(stored: Stored) -> None:
    index = stored.model.network.tag_ids["EMO_UNKNOWN"]
    assert stored.model.tokenizer.ids2tokens([index]) == ["<|EMO_UNKNOWN|>"]
    log_probs = torch.zeros(5, stored.model.network.vocab_size)
    log_probs[1, index] = 1.0
    assert index in stored.model.network.decoded(log_probs, None, False).tags
    assert index not in stored.model.network.decoded(log_probs, index, False).tags


@pytest.mark.parametrize("language", ["de", "<|zh|>"])
def test_a_language_it_does_not_know_is_named(stored: Stored, language: str) -> None:
    with pytest.raises(ConfigError, match=f"language is {re.escape(repr(language))}; SenseVoiceSmall knows auto, zh"):
        stored.model.network.recognize(torch.zeros(1, 3, 560), torch.tensor([3]), DecodeOptions(language=language))


def test_training_on_a_text_without_its_tags_is_a_named_error(stored: Stored) -> None:
    with pytest.raises(DataError, match="its fourth id is 7; it should be that of <.withitn.> or"):
        stored.model.network.told_itn(torch.tensor([7]))
