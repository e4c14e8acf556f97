"""Which checkpoints of a run are averaged: the best, the last, or those that are named."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from asrtools.checkpoint import read_file, save_atomically
from asrtools.errors import DataError, ModelError
from asrtools.train.average import average
from asrtools.train.checkpoint_dir import LAST, NAME, ranked


def best_of(directory: Path, num: int, criterion: str) -> list[Path]:
    """The best `num` of those that a run kept, by what it noted of them."""
    scores: Mapping[str, Mapping[str, float]] = read_file(directory / LAST).get("progress", {}).get("scores", {})
    if not any(criterion in score for score in scores.values()):
        known = sorted({name for score in scores.values() for name in score}) or ["nothing"]
        raise ModelError(f"{directory}: its run noted no {criterion} of its checkpoints; there is {', '.join(known)}")
    names = [name for name in ranked(scores, criterion) if (directory / name).is_file()]
    return _enough([directory / name for name in names], num, directory)


def last_of(directory: Path, num: int) -> list[Path]:
    """The last `num`, by epoch and step."""
    there = sorted((path for path in directory.glob("model.pt.ep*") if NAME.fullmatch(path.name)), key=_place)
    return _enough(there[::-1], num, directory)


def _enough(found: Sequence[Path], num: int, directory: Path) -> list[Path]:
    if len(found) < num:
        raise DataError(f"{directory}: has {len(found)} checkpoints to choose from, and {num} are to be averaged")
    return list(found[:num])


def _place(path: Path) -> tuple[int, int]:
    """After `ep2` come `ep2.5000`, which is of the third epoch, and `ep3`."""
    numbers = [int(number) for number in re.findall(r"\d+", path.name)]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0


def write_average(paths: Sequence[Path], output: Path) -> None:
    for path in paths:
        if not path.is_file():
            raise ModelError(f"{path}: is not there; every checkpoint that is named is wanted")
    save_atomically({"state_dict": average(paths)}, output)
