"""The audio that recognisers are timed on: 40 crops of 3 to 15 s of real speech, the same ones every time."""

from pathlib import Path

import numpy as np

from asrtools.io.audio import load, probe

RATE = 16000


def crops(speech: Path, count: int = 40) -> list[np.ndarray]:
    """float32 samples at 16 kHz; crops may overlap."""
    whole = []
    for path in sorted(speech.glob("*.wav")):
        if probe(str(path)).rate == RATE:
            whole.append(load(str(path), RATE).samples)
    rng = np.random.default_rng(1)
    seconds = np.linspace(3, 15, count)
    rng.shuffle(seconds)
    pieces = []
    for length in (int(s * RATE) for s in seconds):
        fitting = [one for one in whole if len(one) >= length]
        source = fitting[int(rng.integers(len(fitting)))]
        begin = int(rng.integers(len(source) - length + 1))
        pieces.append(source[begin : begin + length])
    return pieces
