"""Voice activity against stored outputs of FunASR on the published weights: probabilities, segments, events."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asrtools.io.audio import load
from asrtools.record import Utterance
from asrtools.tasks.segment import Segmenter, open_segmenter
from asrtools.tasks.vad_states import VadEvent

NAMES = ("vad_example", "aishell", "librispeech", "mid", "long", "vad_crop12", "odd", "short500ms", "tiny40ms")
CONFIG, FUNASR = {"profile": "config"}, {"profile": "funasr-1.4"}


@pytest.fixture(scope="module")
def segmenter(oracle: Path) -> Segmenter:
    torch.set_num_threads(1)
    return open_segmenter(oracle / "fsmn_vad", device="cpu", num_threads=1)


@pytest.fixture(scope="module")
def expected(oracle: Path) -> dict[str, Any]:
    return json.loads((oracle / "fsmn_vad/expected.json").read_text())


def segments_of(segmenter: Segmenter, path: Path) -> list[list[int]]:
    parts = segmenter.cut(Utterance(path.stem, str(path)))
    return [[part.start_ms, part.end_ms] for part in parts if not part.status]


def as_funasr(events: list[VadEvent]) -> list[list[int]]:
    return [[-1 if time is None else time for time in event] for event in events]


def test_the_probability_of_silence_is_funasrs(oracle: Path, segmenter: Segmenter) -> None:
    samples = load(str(oracle / "wavs/vad_example.wav"), 16000).samples
    silence, _ = segmenter.score(segmenter.model.frontend(samples))
    stored = np.load(oracle / "fsmn_vad/expected.npz")["vad_example/sil_posterior"]
    assert np.abs(silence - stored).max() < 1e-5


def test_all_outputs_of_the_network_are_funasrs(oracle: Path, segmenter: Segmenter) -> None:
    samples = load(str(oracle / "wavs/vad_crop12.wav"), 16000).samples
    with torch.inference_mode():
        scores, _ = segmenter.model.network(torch.from_numpy(segmenter.model.frontend(samples))[None])
    stored = np.load(oracle / "fsmn_vad/expected.npz")["vad_crop12/scores.0.0"]
    assert np.abs(scores.numpy() - stored).max() < 1e-5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("entry", "how"), [("offline", FUNASR), ("offline_fixed800", CONFIG)])
def test_segments_of_a_recording_are_funasrs(
    oracle: Path, segmenter: Segmenter, expected: dict[str, Any], entry: str, how: dict[str, Any], name: str
) -> None:
    found = segments_of(replace(segmenter, **how), oracle / f"wavs/{name}.wav")
    assert found == expected[entry][name][0]["value"]


@pytest.mark.parametrize("chunk_ms", [60, 200, 1000])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("entry", "how"), [("stream", FUNASR), ("stream_fixed800", CONFIG)])
def test_events_of_a_stream_are_funasrs(
    oracle: Path,
    segmenter: Segmenter,
    expected: dict[str, Any],
    entry: str,
    how: dict[str, Any],
    name: str,
    chunk_ms: int,
) -> None:
    samples = load(str(oracle / f"wavs/{name}.wav"), 16000).samples
    packets = np.split(samples, range(chunk_ms * 16, len(samples), chunk_ms * 16))
    stream = replace(segmenter, **how).start(chunk_ms)
    events = [stream.accept(packet, index == len(packets) - 1) for index, packet in enumerate(packets)]
    found = [[index, as_funasr(decided)] for index, decided in enumerate(events) if decided]
    assert found == expected[entry][f"{name}|{chunk_ms}"]


@pytest.mark.parametrize(
    ("entry", "overrides", "how"),
    [
        ("max_end_silence_time=300", {"max_end_silence_time": 300}, CONFIG),
        ("max_end_silence_time=2000", {"max_end_silence_time": 2000}, CONFIG),
        ("dynamic_false", {}, CONFIG),
        ("chunk_size=5000", {}, {"profile": "funasr-1.4", "chunk_ms": 5000}),
        ("init_max_single_segment_5000", {"max_single_segment_time": 5000}, FUNASR),
        ("init_thres0.9", {"speech_noise_thres": 0.9}, FUNASR),
    ],
)
def test_variants_of_the_options_are_funasrs(
    oracle: Path, expected: dict[str, Any], entry: str, overrides: dict[str, Any], how: dict[str, Any]
) -> None:
    segmenter = open_segmenter(oracle / "fsmn_vad", overrides, "cpu", 1, **how)
    assert segments_of(segmenter, oracle / "wavs/vad_example.wav") == expected["variants"][entry][0]["value"]


def test_packets_of_any_size_give_the_probabilities_of_the_whole(segmenter: Segmenter) -> None:
    feats = np.random.default_rng(0).standard_normal((200, 400)).astype(np.float32)
    whole, _ = segmenter.score(feats)
    state, parts = None, []
    for piece in np.split(feats, [1, 2, 9, 41, 74, 150]):
        part, state = segmenter.score(piece, state)
        parts.append(part)
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-5


def test_the_network_hears_parameters_that_changed_after_it_was_used(segmenter: Segmenter) -> None:
    feats = torch.zeros(1, 30, 400)
    network = segmenter.model.network
    before, _ = network.silence(feats)
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict({name: tensor * 0 for name, tensor in kept.items()})
    after, _ = network.silence(feats)
    network.load_state_dict(kept)
    assert np.abs(after - 1 / 248).max() < 1e-6 < np.abs(before - after).max()
