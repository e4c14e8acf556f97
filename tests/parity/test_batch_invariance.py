"""Text and times of every family of recognisers are the same in a batch of any size and mixture of lengths."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrtools.record import Utterance
from asrtools.tasks import batching
from asrtools.tasks.batching import BatchLimits
from asrtools.tasks.recognition import open_recognition

NAMES = (
    "paraformer",
    "paraformer_conformer",
    "bicif_paraformer",
    "seaco_paraformer",
    "contextual_paraformer",
    "sensevoice_small",
    "sensevoice_ts",
    "conformer",
    "transformer",
    "branchformer",
    "e_branchformer",
    "transducer",
    "uniasr",
)
SLOW = ("conformer", "transformer", "branchformer", "e_branchformer", "transducer", "uniasr")  # they search


@pytest.mark.parametrize("name", NAMES)
def test_results_do_not_depend_on_the_batch(oracle: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_PADDING", 1000.0)  # so that lengths are mixed
    recognition = open_recognition(oracle / name, device="cpu", num_threads=1)
    samples, _ = soundfile.read(oracle / "wavs/vad_example.wav", dtype="float32")
    draw = np.random.default_rng(4)
    count, longest = (8, 1.5) if name in SLOW else (20, 6.0)
    crops = {}
    for index in range(count):
        size = int(16000 * draw.uniform(0.2, longest))
        start = int(draw.integers(0, len(samples) - size))
        crops[f"crop-{index}"] = samples[start : start + size]
    utterances = [Utterance(key) for key in crops]
    results = []
    for size in (1, 8, 64):
        transcribe = recognition.transcriber(limits=BatchLimits(size, 1e9), held=crops)
        results.append([done.best[0] for done in transcribe(utterances)])
    for batch in results[1:]:
        for alone, together in zip(results[0], batch, strict=True):
            assert (together.tokens, together.spans, together.tags) == (alone.tokens, alone.spans, alone.tags)
            if alone.confidences is not None:
                np.testing.assert_allclose(together.confidences, alone.confidences, rtol=0, atol=1e-3)
    assert sum(len(one.tokens) for one in results[0]) > 3
