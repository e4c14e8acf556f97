"""Speaker verification: known speakers, names for the speakers of a recording, scores of trials."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asrtools.errors import DataError
from asrtools.io.scp import check_key, split_columns
from asrtools.io.text_file import StrPath, display_name, read_lines
from asrtools.record import Utterance
from asrtools.tasks.clustering import normalized

_LABELS = {"target": True, "nontarget": False, "1": True, "0": False, "imp": False, "imposter": False}
_WANTED = "`first second`, with target or nontarget after them, or 1 or 0 before or after"


@dataclass(frozen=True)
class Trial:
    first: str
    second: str
    is_target: bool | None = None  # None: not said
    error: str = ""  # a sentence; the other fields are then empty


def read_trials(path: StrPath) -> Iterator[Trial]:
    """Lines `first second [target|nontarget]` (Kaldi) or `1 first second` (VoxCeleb); a bad line has `error`."""
    name = display_name(path)
    for line in read_lines(path):
        columns = split_columns(line.text)
        label = None
        if len(columns) == 3:
            at = next((at for at in (2, 0) if columns[at] in _LABELS), None)
            label = None if at is None else _LABELS[columns.pop(at)]
        if line.error or len(columns) != 2:
            yield Trial(
                "", "", error=line.error or f"{name}:{line.number}: {line.text!r} is no trial; should be {_WANTED}"
            )
        else:
            yield Trial(columns[0], columns[1], label)


def score_trials(
    trials: Iterable[Trial], tested: Mapping[str, np.ndarray], enrolled: Mapping[str, np.ndarray]
) -> Iterator[tuple[Trial, float | str]]:
    """The cosine of each trial, or the sentence that says why there is none; `first` may be an enrolled speaker."""
    for trial in trials:
        first, second = enrolled.get(trial.first, tested.get(trial.first)), tested.get(trial.second)
        missing = trial.first if first is None else trial.second if second is None else ""
        if trial.error or first is None or second is None:
            yield trial, trial.error or f"{trial.first} {trial.second}: there is no embedding of {missing}"
        else:
            yield trial, cosine(first, second)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(normalized(one[None].astype(np.float64))[0] @ normalized(other[None].astype(np.float64))[0])


def enrolled_speakers(embedded: Iterable[tuple[Utterance, np.ndarray | None]]) -> dict[str, np.ndarray]:
    """Speakers by name (a record's speaker, else its key) with the mean direction of their recordings."""
    found: dict[str, list[np.ndarray]] = {}
    for utterance, vector in embedded:
        if vector is None:
            raise DataError(f"{utterance.error or utterance.key}; every known speaker should have a recording")
        name = utterance.speaker or utterance.key
        check_key(name, f"known speaker {name!r}")
        found.setdefault(name, []).append(vector)
    return {name: normalized(np.stack(vectors)).mean(axis=0) for name, vectors in found.items()}


def names_of(centres: np.ndarray, enrolled: Mapping[str, np.ndarray], threshold: float) -> list[str]:
    """A name for each speaker of a recording: that of the known speaker who is nearest, if near enough, else spkN."""
    names = [f"spk{index}" for index in range(len(centres))]
    if not enrolled or not len(centres):
        return names
    known: Sequence[str] = list(enrolled)
    cosines = normalized(centres.astype(np.float64)) @ normalized(np.stack([enrolled[name] for name in known])).T
    for index, row in enumerate(cosines):
        if row.max() >= threshold:
            names[index] = known[int(row.argmax())]
    return names
