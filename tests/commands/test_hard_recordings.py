"""decode with voice activity, punctuation and speakers on what is no plain speech: a line with its status for each."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

RATE = 16000
MINUTES = 70


def chords(seconds: float) -> np.ndarray:
    """Music without speech: three voices, a chord a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    roots = np.array([220.0, 293.66, 329.63, 196.0])[time.astype(int) % 4]
    waves = sum(np.sin(2 * np.pi * roots * ratio * time) for ratio in (1, 1.2599, 1.4983))
    return (0.1 * np.exp(-2 * (time % 1)) * waves).astype(np.float32)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 0.02, round(seconds * RATE)).astype(np.float32)


@pytest.fixture
def decode(root: Path, oracle: Path, shared: Path, tmp_path: Path):
    def call(*arguments: object, name: str = "bicif_paraformer") -> "subprocess.CompletedProcess[str]":
        model = oracle / name if isinstance(name, str) else name
        companions = ["--vad-model", shared / "models/fsmn-vad", "--punc-model", oracle / "ct_punc"]
        companions += ["--spk-model", oracle / "campplus", "--device", "cpu", "--ncpu", 1]
        argv = [sys.executable, root / "bin/decode", "--model", model, *companions, *arguments]
        return subprocess.run(list(map(str, argv)), cwd=tmp_path, capture_output=True, text=True, timeout=500)

    return call


@pytest.fixture
def hard(oracle: Path, tmp_path: Path) -> list[str]:
    """wav.scp: speech, and between it what has none; the keys in its order."""
    speech, _ = soundfile.read(oracle / "wavs/aishell.wav", dtype="float32")
    sounds = {
        "speech-1": speech,
        "chords": chords(20),
        "silence": np.zeros(10 * RATE, np.float32),
        "noise": noise(10),
        "tiny": speech[: 40 * RATE // 1000],
        "nothing": np.zeros(0, np.float32),
        "speech-2": speech,
        "both": np.concatenate([np.zeros(3 * RATE, np.float32), speech, noise(4), chords(5)]),
    }
    for name, samples in sounds.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype="PCM_16")
    keys = [*sounds, "missing", "speech-3"]
    sources = {"speech-3": "speech-1.wav", "missing": "missing.wav"}
    (tmp_path / "wav.scp").write_text("".join(f"{key} {sources.get(key, f'{key}.wav')}\n" for key in keys))
    return keys


def test_every_input_has_one_line_with_its_status_and_the_rest_is_untouched(decode, hard: list[str]) -> None:
    done = decode("--jsonl", "--output-dir", "out", "wav.scp")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["key"] for record in records] == hard, done.stderr
    by_key = {record["key"]: record for record in records}
    statuses = {key: record["status"] for key, record in by_key.items()}
    assert statuses["silence"] == statuses["noise"] == statuses["tiny"] == "no-speech"
    assert statuses["chords"] in ("no-speech", "empty", "ok")
    assert statuses["missing"] == "error" and "missing.wav: no such file" in done.stderr
    assert statuses["nothing"] in ("error", "no-speech")
    assert statuses["both"] == "ok"
    texts = {by_key[key]["text"] for key in hard if key.startswith("speech-")}
    assert len(texts) == 1 and len(texts.pop()) > 3
    alone = decode("--jsonl", "speech-1.wav")
    assert json.loads(alone.stdout)["text"] == by_key["speech-1"]["text"]
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("decode: ")
    assert "Traceback" not in done.stderr


def test_segments_that_yield_no_text_are_lines_too(decode, hard: list[str], oracle: Path, tmp_path: Path) -> None:
    """A recogniser that hears only blanks."""
    deaf = tmp_path / "deaf"
    deaf.mkdir()
    for path in (oracle / "sensevoice_small").iterdir():
        if path.name != "model.pt" and path.is_file():
            (deaf / path.name).symlink_to(path)
    parameters = torch.load(oracle / "sensevoice_small/model.pt", map_location="cpu", weights_only=True)
    inner = parameters.get("state_dict", parameters)
    inner["ctc.ctc_lo.bias"][0] += 1000.0
    torch.save(parameters, deaf / "model.pt")
    done = decode("--jsonl", "wav.scp", name=deaf)
    records = {record["key"]: record for record in map(json.loads, done.stdout.splitlines())}
    assert list(records) == hard, done.stderr
    assert records["speech-1"]["status"] == records["both"]["status"] == "empty"
    assert records["speech-1"]["text"] == "" and records["silence"]["status"] == "no-speech"


def without_a_pause(path: Path, source: Path) -> None:
    speech, _ = soundfile.read(source, dtype="float32")
    loud = speech[RATE // 2 : -RATE // 2]
    count = -(-MINUTES * 60 * RATE // len(loud))
    with soundfile.SoundFile(path, "w", RATE, 1, subtype="PCM_16") as file:
        for _ in range(count):
            file.write(loud)


def test_seventy_minutes_without_a_pause_are_cut_all_the_same(
    root: Path, shared: Path, oracle: Path, tmp_path: Path
) -> None:
    without_a_pause(tmp_path / "long.wav", oracle / "wavs/aishell.wav")
    argv = [root / "bin/vad-segment", "--model", shared / "models/fsmn-vad", "--ncpu", "1", tmp_path / "long.wav"]
    done = subprocess.run([sys.executable, *map(str, argv)], capture_output=True, text=True, timeout=300)
    spans = [tuple(map(float, line.split()[2:4])) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(spans) >= MINUTES, done.stderr
    assert all(0 < end - begin <= 60.1 for begin, end in spans)
    assert all(end <= begin + 0.001 for (_, end), (begin, _) in zip(spans, spans[1:], strict=False))
    assert sum(end - begin for begin, end in spans) > 0.9 * MINUTES * 60


@pytest.mark.slow
def test_seventy_minutes_without_a_pause_have_one_line(decode, hard: list[str], oracle: Path, tmp_path: Path) -> None:
    without_a_pause(tmp_path / "both.wav", oracle / "wavs/aishell.wav")
    done = decode("--jsonl", "wav.scp")
    records = {record["key"]: record for record in map(json.loads, done.stdout.splitlines())}
    assert list(records) == hard, done.stderr
    assert records["both"]["status"] == "ok" and records["both"]["tokens"][-1]["end_ms"] > 0.9 * MINUTES * 60_000
    assert records["speech-1"]["text"] == records["speech-3"]["text"]
