"""A model that a hub serves decodes by its alias, and from then on without the hub."""

import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_server import HubServer

IDS = {"ms": "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch", "hf": "funasr/paraformer-zh"}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(root: Path, environment: dict[str, str], tmp_path: Path) -> Run:
    def call(name: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, str(root / "bin" / name), *map(str, arguments)]
        return subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    return call


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(range(256)) * 200)
    return path


@pytest.mark.parametrize("hub", ["ms", "hf"])
def test_a_served_model_decodes_by_its_alias(
    server: HubServer, run: Run, recording: Path, tiny_model: Path, environment: dict[str, str], hub: str
) -> None:
    if hub == "hf":
        pytest.importorskip("huggingface_hub")
    server.add(IDS[hub], tiny_model)
    expected = run("decode", "--model", tiny_model, recording)
    assert expected.returncode == 0, expected.stderr
    assert expected.stdout.startswith("a ")
    done = run("decode", "--hub", hub, "--model", "paraformer", recording)
    assert (done.returncode, done.stdout) == (0, expected.stdout), done.stderr
    server.requests.clear()
    hub = {"ms": "modelscope", "hf": "huggingface"}[hub]  # the documents have the whole names too
    again = run("decode", "--hub", hub, "--model", "paraformer", "--offline", recording)
    assert (again.returncode, again.stdout) == (0, expected.stdout), again.stderr
    assert server.requests == []


def test_doctor_and_info_take_the_same_names(server: HubServer, run: Run, tiny_model: Path) -> None:
    server.add(IDS["ms"], tiny_model)
    done = run("asrtools", "doctor", "paraformer")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a second of generated sound: " in done.stdout
    assert "BiCifParaformer" in run("asrtools", "info", "--offline", IDS["ms"]).stdout


def test_offline_without_the_model_is_one_sentence_with_the_cure(run: Run, recording: Path) -> None:
    done = run("decode", "--model", "paraformer", "--offline", recording)
    assert (done.returncode, done.stdout) == (1, "")
    assert "fetch it once without --offline" in done.stderr
    assert len(done.stderr.splitlines()) == 1
