"""A generated second of sound through a model directory: what comes out, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asrtools import build
from asrtools.build import LoadedModel
from asrtools.runtime.files import exported_files
from asrtools.tasks.open_model import open_model

COST_SECONDS = 10  # of the utterance that costs are stated for; attention makes long ones dearer


def sound(rate: int, seconds: float = 1.0) -> np.ndarray:
    """Something between a vowel and noise, the same each time: float32 in [-1, 1)."""
    t = np.arange(round(rate * seconds)) / rate
    voice = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 12))
    loudness = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * t)  # four syllables a second
    noise = np.random.default_rng(0).standard_normal(len(t))
    return (0.1 * loudness * voice + 0.003 * noise).astype(np.float32)


def features(frontend: Any, seconds: float = 1.0) -> np.ndarray | None:
    """float32 [T, D] of the generated sound; None where a model takes text."""
    return None if frontend is None else frontend(sound(frontend.fs, seconds))


def run(directory: str | Path) -> str:
    """Load a model directory and run it on a second of sound; what it gave, in words. An export is only opened."""
    if (export := exported_files(directory)) is not None:
        open_model(directory)
        return f"{export.main.name} opens"
    from asrtools.models.trial import try_out

    model = build.load_model(directory)
    outcome = try_out(model.network, features(model.frontend))
    words = f"a second of generated sound: {outcome.words}"
    if outcome.ids is None or model.tokenizer is None:
        return words
    return f"{words}: {model.tokenizer.decode(outcome.ids)!r}"


@dataclass(frozen=True)
class Account:
    """What a model has and costs."""

    parameters: Mapping[str, int]  # values by part, largest first
    parameter_bytes: int
    flops_per_second: float | None  # of audio; None: takes text
    bytes_per_second: float | None


def account(model: LoadedModel) -> Account:
    from asrtools.models.trial import cost_of

    parts: dict[str, int] = {}
    num_bytes = 0
    for name, tensor in model.network.state_dict().items():
        part = name.partition(".")[0]
        parts[part] = parts.get(part, 0) + tensor.numel()
        num_bytes += tensor.numel() * tensor.element_size()
    ordered = dict(sorted(parts.items(), key=lambda item: -item[1]))
    if model.frontend is None:
        return Account(ordered, num_bytes, None, None)
    cost = cost_of(model.network, features(model.frontend, COST_SECONDS))
    return Account(ordered, num_bytes, cost.flops / COST_SECONDS, cost.peak_bytes / COST_SECONDS)
