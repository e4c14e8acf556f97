"""The checkpoints of a run: `checkpoint/last.pt` to go on from exactly, and the parameters at each save by name.

checkpoint/last.pt        model, optimiser, scheduler, scaler, EMA, random states of every rank, epoch and step
model.pt.ep2              parameters at the end of the second epoch
model.pt.ep2.5000         after 5000 batches of the epoch after it
model.pt.best             the best of those that are kept
model.pt.avg10            the mean of the best ten
model.pt                  the same, under the name that a model directory has
"""

import random
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asrtools.checkpoint import read_file, save_atomically
from asrtools.errors import ModelError
from asrtools.train.average import average

LAST = Path("checkpoint") / "last.pt"
NAME = re.compile(r"model\.pt\.ep\d+(\.\d+)?")
LESS_IS_BETTER = {"loss": True, "cer": True, "acc": False}


@dataclass
class Progress:
    """How far a run has come; all of it is in last.pt."""

    epoch: int = 0  # complete ones
    step: int = 0  # batches of the epoch that is under way
    total_step: int = 0  # batches
    updates: int = 0  # steps of the optimiser
    num_skipped: int = 0  # of them, for a gradient that was not finite
    scores: dict[str, dict[str, float]] = field(default_factory=dict)  # by checkpoint: loss, acc, cer
    since_best: int = 0  # validations
    is_done: bool = False


def checkpoint_name(epoch: int, step: int) -> str:
    return f"model.pt.ep{epoch}" + (f".{step}" if step else "")


@dataclass(frozen=True)
class CheckpointDir:
    directory: Path
    criterion: str  # acc, loss or cer
    num_kept: int
    num_averaged: int

    @property
    def last(self) -> Path:
        return self.directory / LAST

    def save_last(self, state: Mapping[str, Any]) -> None:
        self.last.parent.mkdir(parents=True, exist_ok=True)
        save_atomically(state, self.last)

    def save_parameters(self, name: str, parameters: Mapping[str, Tensor]) -> None:
        save_atomically({"state_dict": dict(parameters)}, self.directory / name)

    def load_last(self) -> dict[str, Any]:
        state = read_file(self.last)
        if "progress" not in state or "network" not in state:
            raise ModelError(f"{self.last}: is not what train keeps there; ++train_conf.resume=false begins anew")
        return state

    def ranked(self, scores: Mapping[str, Mapping[str, float]], criterion: str | None = None) -> list[str]:
        """Names of checkpoints, the best first; of those that are equal the later one is better."""
        return ranked(scores, criterion or self.criterion)

    def prune(self, scores: Mapping[str, Mapping[str, float]]) -> list[str]:
        """Delete what is not among the best, for which a newer one has come; their names."""
        dropped = [name for name in self.ranked(scores)[self.num_kept :] if (self.directory / name).is_file()]
        for name in dropped:
            (self.directory / name).unlink()
        return dropped

    def finish(self, scores: Mapping[str, Mapping[str, float]]) -> list[str]:
        """Write model.pt.best, model.pt.avgN and model.pt; the names that were averaged."""
        kept = [name for name in self.ranked(scores) if (self.directory / name).is_file()]
        if not kept:
            return []
        copy_atomically(self.directory / kept[0], self.directory / "model.pt.best")
        chosen = kept[: max(1, self.num_averaged)]
        mean = {"state_dict": average([self.directory / name for name in chosen])}
        if self.num_averaged > 1:
            save_atomically(mean, self.directory / f"model.pt.avg{self.num_averaged}")
        save_atomically(mean, self.directory / "model.pt")
        return chosen

    def clear(self) -> int:
        """Take away the checkpoints of a run that is begun anew; how many there were."""
        there = [path for path in self.directory.glob("model.pt.*") if NAME.fullmatch(path.name)]
        there += [path for path in (self.last, self.directory / "model.pt.best") if path.is_file()]
        for path in there:
            path.unlink()
        return len(there)


def ranked(scores: Mapping[str, Mapping[str, float]], criterion: str) -> list[str]:
    """Checkpoints that have a score of this kind (of loss, where none has), the best first."""
    if not any(criterion in score for score in scores.values()):
        criterion = "loss"
    sign = 1 if LESS_IS_BETTER[criterion] else -1
    names = [
        (name, score[criterion], place) for place, (name, score) in enumerate(scores.items()) if criterion in score
    ]
    return [name for name, value, place in sorted(names, key=lambda item: (_last_if_nan(sign * item[1]), -item[2]))]


def _last_if_nan(value: float) -> float:
    return value if value == value else float("inf")


def copy_atomically(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    except OSError as error:
        raise ModelError(f"{target}: cannot be written ({error.strerror}); is there room on the disk?") from error
    finally:
        temporary.unlink(missing_ok=True)


def random_state(device: str) -> dict[str, Any]:
    """The states of all generators that training draws from, of this process."""
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    state: dict[str, Any] = {
        "python": [version, list(numbers), gauss],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
    }
    if device.startswith("cuda"):
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: Mapping[str, Any], device: str) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and device.startswith("cuda"):
        torch.cuda.set_rng_state(state["cuda"], device)


def seed_everything(seeds: Sequence[int]) -> None:
    seed = int(np.random.SeedSequence(list(seeds)).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
