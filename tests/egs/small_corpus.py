"""Small corpora for the tests of recipes."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

EGS = Path(__file__).resolve().parents[2] / "egs"


def write_speech(path: Path, units: Iterable[int], rate: int = 16000, seed: int = 0) -> None:
    """Something to recognise: for every unit 0.2 s of two tones of its own, with noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(rate // 5) / rate
    sounds = [np.sin(2 * np.pi * (200 + 83 * n) * time) + np.sin(2 * np.pi * (1200 + 211 * n) * time) for n in units]
    samples = np.concatenate([np.zeros(rate // 10), *sounds, np.zeros(rate // 10)])
    samples = 0.2 * samples + 0.01 * rng.standard_normal(len(samples))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def read_table(path: Path) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines())


def modified(*folders: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()}
