"""The Paraformer family against FunASR's stored outputs: encoder, tokens, text, times; the same in any batch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from asrtools.build import LoadedModel, load_model
from asrtools.models.protocols import Chunk, ChunkOptions, Decoded, DecodeOptions
from asrtools.tasks.cif_times import token_spans
from asrtools.text.surface import auto_model_text

FAMILY = ("paraformer", "bicif_paraformer", "seaco_paraformer", "contextual_paraformer")
WAVS = ("aishell", "librispeech", "short500ms", "odd", "vad_crop12")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def models(oracle: Path) -> dict[str, LoadedModel]:
    return {name: load_model(oracle / name) for name in (*FAMILY, "paraformer_streaming", "paraformer_conformer")}


def samples(oracle: Path, name: str) -> np.ndarray:
    return soundfile.read(oracle / "wavs" / f"{name}.wav", dtype="float32")[0]


def expected(oracle: Path, name: str) -> dict[str, Any]:
    return json.loads((oracle / name / "expected.json").read_text(encoding="utf-8"))


def recognize(model: LoadedModel, waves: list[np.ndarray], options: DecodeOptions | None = None) -> list[Decoded]:
    feats = [torch.from_numpy(model.frontend(wave)) for wave in waves]
    lens = torch.tensor([len(one) for one in feats])
    padded = torch.nn.utils.rnn.pad_sequence(feats, batch_first=True)
    return [hypotheses[0] for hypotheses in model.network.recognize(padded, lens, options)]


def as_funasr(model: LoadedModel, decoded: Decoded, with_times: bool) -> dict[str, Any]:
    tokens = model.tokenizer.ids2tokens(decoded.ids)
    spans = token_spans(decoded.timing, len(tokens), 60.0) if with_times else None
    surface = auto_model_text(model.name, tokens, spans)
    times = [list(one) for one in surface.spans or ()]
    return {"text": surface.text, "timestamp": times} if with_times else {"text": surface.text}


@pytest.mark.parametrize("name", FAMILY)
def test_the_encoder_gives_what_funasr_s_gives(models: dict[str, LoadedModel], oracle: Path, name: str) -> None:
    with np.load(oracle / name / "expected.npz") as stored:
        arrays = {key: stored[key] for key in stored if key.endswith("/encoder.0.0") and not key.startswith("batch")}
    assert arrays
    for key, wanted in arrays.items():
        feats = torch.from_numpy(models[name].frontend(samples(oracle, key.split("/")[0].split("|")[0])))
        with torch.inference_mode():
            found = models[name].network.encode(feats[None], torch.tensor([len(feats)]))[0].numpy()
        # given the same features both agree to 2e-6; float32 transforms of near-silence differ by more
        assert np.quantile(np.abs(found - wanted), 0.99) < 1e-5
        assert np.abs(found - wanted).max() < 1e-4


def cases(oracle: Path, name: str) -> list[tuple[str, DecodeOptions, dict[str, Any]]]:
    """(recording, options, FunASR's result) of a directory's single-utterance results."""
    content = expected(oracle, name)
    found = []
    for key, results in content["results"].items():
        wav, *rest = key.split("|")
        if rest[:1] == ["file"]:
            continue  # the same hotwords, read from a file
        ids = content.get("hotword_ids", {}).get(rest[0]) if rest else None
        weight = 0.5 if rest[1:] == ["clas0.5"] else 1.0
        options = DecodeOptions(hotwords=tuple(map(tuple, ids or ())), hotword_weight=weight)
        found.append((wav, options, results[0]))
    return found


@pytest.mark.parametrize("name", FAMILY)
def test_text_and_times_are_funasr_s(models: dict[str, LoadedModel], oracle: Path, name: str) -> None:
    model = models[name]
    for wav, options, wanted in cases(oracle, name):
        decoded = recognize(model, [samples(oracle, wav)], options)[0]
        found = as_funasr(model, decoded, "timestamp" in wanted)
        assert found == {key: wanted[key] for key in found}, f"{name} {wav} {options.hotwords}"


def test_times_of_the_plain_model_are_funasr_s(models: dict[str, LoadedModel], oracle: Path) -> None:
    for wav, results in expected(oracle, "paraformer")["with_output_timestamp"].items():
        decoded = recognize(models["paraformer"], [samples(oracle, wav)])[0]
        found = as_funasr(models["paraformer"], decoded, True)
        assert found == {key: results[0][key] for key in found}, wav


def test_the_aishell_recipe_s_model_gives_funasr_s_text(models: dict[str, LoadedModel], oracle: Path) -> None:
    model = models["paraformer_conformer"]
    for wav, results in expected(oracle, "paraformer_conformer")["results"].items():
        decoded = recognize(model, [samples(oracle, wav)])[0]
        assert as_funasr(model, decoded, False)["text"] == results[0]["text"], wav


def test_a_search_with_ctc_gives_funasr_s_text_on_every_call(models: dict[str, LoadedModel], oracle: Path) -> None:
    model = models["paraformer_conformer"]
    content = expected(oracle, "paraformer_conformer")
    for key, results in content["beam_search"].items():
        wav, weight, beam = key.split("|")
        options = DecodeOptions(ctc_weight=float(weight.removeprefix("ctc")), beam_size=int(beam.removeprefix("beam")))
        wave = samples(oracle, wav)
        assert as_funasr(model, recognize(model, [wave], options)[0], False)["text"] == results[0]["text"]
        assert as_funasr(model, recognize(model, [wave])[0], False)["text"] == content["results"][wav][0]["text"]


@pytest.mark.parametrize("name", (*FAMILY, "paraformer_conformer"))
def test_a_batch_gives_each_utterance_what_it_gives_alone(
    models: dict[str, LoadedModel], oracle: Path, name: str
) -> None:
    model = models[name]
    hotwords = tuple(tuple(one) for one in ([[32, 33, 34], [40, 51], [1]] if "co" in name[:4] or "sea" in name else []))
    options = DecodeOptions(hotwords=hotwords)
    whole = [samples(oracle, wav) for wav in WAVS]
    rng = np.random.default_rng(0)
    waves = [*whole, *(one[: int(len(one) * rng.uniform(0.3, 1))] for one in whole for _ in range(3))]
    alone = [recognize(model, [wave], options)[0] for wave in waves]
    for size in (8, len(waves)):
        together = [one for i in range(0, len(waves), size) for one in recognize(model, waves[i : i + size], options)]
        assert [one.ids for one in together] == [one.ids for one in alone]
        for one, other in zip(together, alone, strict=True):
            spans = [token_spans(each.timing, len(each.ids), 60.0) for each in (one, other)]
            assert spans[0] == spans[1]
            assert np.abs(np.exp(one.log_probs) - np.exp(other.log_probs)).max(initial=0) < 1e-3


@pytest.mark.parametrize("name", FAMILY)
def test_nothing_to_hear_is_an_empty_result(models: dict[str, LoadedModel], name: str) -> None:
    results = recognize(models[name], [np.zeros(640, np.float32), np.zeros(16000, np.float32)])
    assert len(results) == 2
    assert all(isinstance(one, Decoded) for one in results)


def stream(model: LoadedModel, wave: np.ndarray, options: ChunkOptions) -> list[Decoded]:
    state, frontend = model.network.start(options), model.frontend.stream()
    hop = options.size * 960
    found = []
    for index in range(len(wave) // hop + 1):
        piece = wave[index * hop : (index + 1) * hop]
        is_final = (index + 1) * hop > len(wave)
        if is_final and len(piece) < 960:
            found += model.network.advance([Chunk(None, state, True)])
            continue
        feats = frontend.accept(piece)
        if is_final:
            feats = np.concatenate([feats, frontend.finish()])
        found += model.network.advance([Chunk(torch.from_numpy(feats), state, is_final)])
    return found


def test_a_stream_gives_chunk_by_chunk_what_funasr_gives(models: dict[str, LoadedModel], oracle: Path) -> None:
    model = models["paraformer_streaming"]
    checked = 0
    for key, results in expected(oracle, "paraformer_streaming")["results"].items():
        wav, *rest = key.split("|")
        if len(rest) != 2 or "," not in rest[0]:
            continue  # packets and files are cut into the same chunks
        sizes, looks = ([int(n) for n in one.split(",")] for one in rest)
        chunks = stream(model, samples(oracle, wav), ChunkOptions(*sizes, *looks))
        texts = [auto_model_text(model.name, model.tokenizer.ids2tokens(one.ids), None).text for one in chunks]
        if len(texts) > len(results):  # an empty last chunk came with the one before it
            texts[-2:] = ["".join(texts[-2:])]
        assert texts == results, key
        checked += 1
    assert checked


def test_two_streams_on_one_model_do_not_touch(models: dict[str, LoadedModel], oracle: Path) -> None:
    model = models["paraformer_streaming"]
    options = ChunkOptions(0, 10, 5, 4, 1)
    feats = [torch.from_numpy(model.frontend(samples(oracle, wav))) for wav in ("aishell", "odd")]

    def texts(interleaved: bool) -> list[list[tuple[int, ...]]]:
        states = [model.network.start(options) for _ in feats]
        found: list[list[tuple[int, ...]]] = [[] for _ in feats]
        steps = [(index, begin) for index, one in enumerate(feats) for begin in range(0, len(one) // 10 * 10, 10)]
        for index, begin in sorted(steps, key=lambda step: step[1]) if interleaved else steps:
            chunk = Chunk(feats[index][begin : begin + 10], states[index])
            found[index].append(model.network.advance([chunk])[0].ids)
        return found

    assert texts(interleaved=True) == texts(interleaved=False)
