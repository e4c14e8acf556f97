"""Exported ParaformerStreaming beside the network it was made from, with torch and without."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from asrtools import build
from asrtools.errors import ConfigError
from asrtools.export import package
from asrtools.models.protocols import ChunkOptions, Decoded
from asrtools.tasks.recognition import Recognition, open_recognition
from asrtools.tasks.stream import RecognitionStream, WholeStreams, chunk_options, joined
from asrtools.text.surface import auto_model_text

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

NAME = "paraformer_streaming"
SETTINGS = [(0, 10, 5, 0, 0), (5, 10, 5, 0, 1), (0, 8, 4, 0, 3), (3, 5, 0, 0, 2)]
BLOCKED = """
import json, sys
sys.modules["torch"] = None
import soundfile
from asrtools import AutoModel
model = AutoModel(model=sys.argv[1])
samples, _ = soundfile.read(sys.argv[2], dtype="float32")
cache, texts = {}, []
for begin in range(0, len(samples), 4800):
    packet = samples[begin : begin + 4800]
    found = model.generate(input=packet, cache=cache, is_final=begin + 4800 >= len(samples), chunk_size=[5, 10, 5])
    texts.append(found[0]["text"])
print(json.dumps(texts))
from click.testing import CliRunner
from asrtools.commands.decode import decode
result = CliRunner().invoke(decode, ["--streaming", "--model", sys.argv[1], sys.argv[2]])
print(json.dumps([result.exit_code, result.stdout, result.stderr]))
"""


@pytest.fixture(scope="module")
def wavs(oracle: Path) -> dict[str, np.ndarray]:
    return {name: soundfile.read(oracle / "wavs" / f"{name}.wav", dtype="float32")[0] for name in ("odd", "aishell")}


@pytest.fixture(scope="module")
def exported(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    torch.set_num_threads(1)
    made: dict[tuple[str, str], Path] = {}

    def export(kind: str = "onnx", precision: str = "fp32") -> Path:
        if (kind, precision) not in made:
            place = tmp_path_factory.mktemp(f"{kind}-{precision}")
            package.export_model(build.load_model(oracle / NAME, is_packed=False), place, kind, precision)
            made[kind, precision] = place
        return made[kind, precision]

    return export


@pytest.fixture(scope="module")
def original(oracle: Path) -> Recognition:
    return open_recognition(oracle / NAME, device="cpu", num_threads=1)


def hear(recognition: Recognition, samples: np.ndarray, options: ChunkOptions) -> Decoded:
    return RecognitionStream(recognition.stream_network, recognition.model.frontend, options).accept(samples, True)


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_it_hears_what_the_network_hears(kind: str, exported, original: Recognition, wavs: dict) -> None:
    recognition = open_recognition(exported(kind), device="cpu", num_threads=1)
    for setting in SETTINGS:
        mine, wanted = (hear(one, wavs["odd"], ChunkOptions(*setting)) for one in (recognition, original))
        assert len(mine.ids) > 3 and (mine.ids, mine.frames) == (wanted.ids, wanted.frames)
        assert np.allclose(mine.log_probs, wanted.log_probs, atol=1e-4)


def test_chunks_without_look_back_give_the_texts_of_the_oracle(exported, oracle: Path) -> None:
    recognition = open_recognition(exported(), num_threads=1)
    num_checked = 0
    for case, wanted in json.loads((oracle / NAME / "expected.json").read_text())["results"].items():
        name, *rest = case.split("|")
        if rest[-1] != "0,0" or "filepath" in case:
            continue
        options = chunk_options([int(one) for one in rest[-2].split(",")], 0, 0)
        samples, _ = soundfile.read(oracle / "wavs" / f"{name}.wav", dtype="float32")
        stream = RecognitionStream(recognition.stream_network, recognition.model.frontend, options)
        size, texts = options.size * 960, []
        for begin in range(0, size * len(wanted), size):
            decoded = stream.accept(samples[begin : begin + size], begin + size >= size * len(wanted))
            tokens = recognition.model.tokenizer.ids2tokens(decoded.ids)
            texts.append(auto_model_text(recognition.model.name, tokens).text)
        assert texts == wanted, case
        num_checked += 1
    assert num_checked == 9


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_streams_side_by_side_are_streams_alone(precision: str, exported, wavs: dict) -> None:
    recognition = open_recognition(exported(precision=precision), num_threads=3)
    chosen, options = random.Random(1), recognition.model.network.usual_chunks
    recordings = [wavs["odd"][4000 * index :][: 9000 + 6001 * index] for index in range(4)]
    together = WholeStreams(recognition.stream_network, recognition.model.frontend, options)(
        [one[:, None] for one in recordings], None
    )
    assert sum(bool(one.ids) for (one,) in together) > 2
    for samples, (whole,) in zip(recordings, together, strict=True):
        stream, parts, begin = RecognitionStream(recognition.stream_network, recognition.model.frontend, options), [], 0
        while begin < len(samples):
            end = begin + chosen.choice([1, 700, 9600])
            parts.append(stream.accept(samples[begin:end], is_final=end >= len(samples)))
            begin = end
        found = joined(parts)
        assert (found.ids, found.log_probs, found.frames) == (whole.ids, whole.log_probs, whole.frames)


def test_without_torch_it_says_the_same(exported, oracle: Path, original: Recognition, wavs: dict) -> None:
    from click.testing import CliRunner

    from asrtools import AutoModel
    from asrtools.commands.decode import decode

    wav = str(oracle / "wavs" / "aishell.wav")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, "-c", BLOCKED, str(exported()), wav]
    done = subprocess.run(argv, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    texts, (code, stdout, stderr) = (json.loads(line) for line in done.stdout.splitlines())
    model, cache, samples = AutoModel(model=str(oracle / NAME), device="cpu"), {}, wavs["aishell"]
    for begin in range(0, len(samples), 4800):
        is_final = begin + 4800 >= len(samples)
        found = model.generate(samples[begin : begin + 4800], cache=cache, is_final=is_final, chunk_size=[5, 10, 5])
        assert found[0]["text"] == texts.pop(0)
    assert code == 0, stderr
    same = ["--streaming", "--chunk", "5,10,5", "--look-back", "0,1", "--device", "cpu", "--model", str(oracle / NAME)]
    wanted = CliRunner().invoke(decode, [*same, wav])
    assert _untimed(stdout) == _untimed(wanted.stdout) and "final" in stdout


def _untimed(stdout: str) -> list[dict]:
    lines = [json.loads(line) for line in stdout.splitlines()]
    for line in lines:
        line.pop("latency_ms", None)
    return lines


def test_a_look_back_of_its_encoder_is_refused_with_a_cure(exported, oracle: Path) -> None:
    from click.testing import CliRunner

    from asrtools.commands.decode import decode

    wav = str(oracle / "wavs" / "odd.wav")
    result = CliRunner().invoke(decode, ["--streaming", "--look-back", "4,1", "--model", str(exported()), wav])
    assert isinstance(result.exception, ConfigError) and not result.stdout
    assert "--look-back 0,1 --chunk 5,10,5" in str(result.exception)
