"""Commands are tested as a user runs them: the file in bin/, its output, its exit code."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Run:
    """`run("scp2jsonl", "wav.scp", "text")` in the test's own directory."""

    def call(name: str, *arguments: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, str(root / "bin" / name), *map(str, arguments)]
        return subprocess.run(argv, cwd=tmp_path, input=stdin or "", capture_output=True, text=True, timeout=120)

    return call


@pytest.fixture
def make_wav(tmp_path: Path) -> Callable[..., Path]:
    """A wav of noise in the test's directory."""

    def make(name: str, seconds: float = 0.5, rate: int = 16000, channels: int = 1) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(sum(name.encode()))
        samples = generator.integers(-8000, 8000, (round(seconds * rate), channels), dtype=np.int16)
        soundfile.write(path, samples, rate, format="WAV", subtype="PCM_16")
        return path

    return make
