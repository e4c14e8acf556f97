"""Mean and variance normalisation: `am.mvn` (a Kaldi nnet1 text file), `cmvn.json`, and the statistics behind them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asrtools.errors import DataError

VARIANCE_FLOOR = 1e-8  # far below any real log-mel variance (about 1), above what is left of a constant after rounding


@dataclass(frozen=True, eq=False)
class Cmvn:
    """`(x + shift) * scale` for each dimension; kept as read (float64), applied in float32."""

    shift: np.ndarray  # [D], minus the mean
    scale: np.ndarray  # [D], one over the standard deviation
    source: str = ""
    _shift32: np.ndarray = field(init=False, repr=False)
    _scale32: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.shift.ndim != 1 or self.shift.shape != self.scale.shape:
            raise DataError(f"{self.source or 'cmvn'}: shift {self.shift.shape} and scale {self.scale.shape} differ")
        object.__setattr__(self, "_shift32", self.shift.astype(np.float32))
        object.__setattr__(self, "_scale32", self.scale.astype(np.float32))

    @property
    def dim(self) -> int:
        return len(self.shift)

    def __call__(self, feats: np.ndarray) -> np.ndarray:
        """Normalised float32 copy of [T, D]."""
        self.check_dim(feats.shape[-1])
        feats = feats + self._shift32
        feats *= self._scale32
        return feats

    def as_text(self) -> str:
        """The content of am.mvn; every number in the shortest form that reads back as the same."""
        size = f"{self.dim} {self.dim}"
        shift, scale = (" ".join(_shortest(value) for value in values) for values in (self.shift, self.scale))
        return (
            f"<Nnet>\n<Splice> {size}\n[ 0 ]\n"
            f"<AddShift> {size}\n<LearnRateCoef> 0 [ {shift} ]\n"
            f"<Rescale> {size}\n<LearnRateCoef> 0 [ {scale} ]\n"
            "</Nnet>\n"
        )

    def check_dim(self, dim: int) -> None:
        """Raise a DataError unless features of `dim` values can be normalised."""
        if dim != self.dim:
            raise DataError(f"{self.source or 'cmvn'}: made for {self.dim} values a frame, but the features have {dim}")


class ExactSum:
    """A sum of float64 vectors that does not depend on their order, to the bit.

    Each is rounded to a multiple of 2^-30 and added as an integer of two parts, `low` of 61 bits and `high`. Float64
    sums of the same numbers differ in their last digits from one order to another.
    """

    UNIT = 2.0**-30
    BITS = 61
    LIMIT = 2.0**31  # of one addend

    def __init__(self, size: int = 0):
        self.low = np.zeros(size, dtype=np.int64)
        self.high = np.zeros(size, dtype=np.int64)

    def add(self, values: np.ndarray) -> None:
        self._add(np.rint(values / self.UNIT).astype(np.int64), 0)

    def merge(self, other: "ExactSum") -> None:
        self._add(other.low, other.high)

    def _add(self, low: np.ndarray, high: np.ndarray | int) -> None:
        low = self.low + low
        carry = (low + (1 << (self.BITS - 1))) >> self.BITS  # so that small sums, also below 0, are in `low` alone
        self.low, self.high = low - (carry << self.BITS), self.high + high + carry

    def value(self) -> np.ndarray:
        """float64 [D]."""
        return self.high * (2.0**self.BITS * self.UNIT) + self.low * self.UNIT


class CmvnStats:
    """Sums over frames; the same to the bit for any order of the utterances and any division into parts."""

    def __init__(self) -> None:
        self.total_frames = 0
        self._sums = ExactSum()  # of x
        self._squares = ExactSum()  # of x * x

    @property
    def mean_stats(self) -> np.ndarray:
        """float64 [D], the sum of x."""
        return self._sums.value()

    @property
    def var_stats(self) -> np.ndarray:
        """float64 [D], the sum of x * x."""
        return self._squares.value()

    def add(self, feats: np.ndarray) -> None:
        """Count the frames [T, D] of one utterance."""
        if feats.ndim != 2:
            raise DataError(f"features have the shape {feats.shape}; [T, D] is expected")
        if not len(feats):
            return
        feats = feats.astype(np.float64)
        sums, squares = feats.sum(axis=0), np.square(feats).sum(axis=0)
        if not (squares < ExactSum.LIMIT).all():
            worst = int(np.argmin(squares < ExactSum.LIMIT))
            raise DataError(f"features hold nan, infinite or huge values in dimension {worst}")
        self._start(len(sums))
        self.total_frames += len(feats)
        self._sums.add(sums)
        self._squares.add(squares)

    def merge(self, other: "CmvnStats") -> None:
        """Count what another object has counted."""
        if other.total_frames:
            self._start(len(other._sums.low))
            self.total_frames += other.total_frames
            self._sums.merge(other._sums)
            self._squares.merge(other._squares)

    def _start(self, dim: int) -> None:
        if not self.total_frames:
            self._sums, self._squares = ExactSum(dim), ExactSum(dim)
        elif dim != len(self._sums.low):
            raise DataError(f"features of {dim} values a frame after features of {len(self._sums.low)}")

    @property
    def mean(self) -> np.ndarray:
        """float64 [D]."""
        if not self.total_frames:
            raise DataError("no mean and variance of 0 frames; were all inputs empty or unreadable?")
        return self.mean_stats / self.total_frames

    @property
    def var(self) -> np.ndarray:
        """float64 [D], of the population, never below 0."""
        return np.maximum(self.var_stats / self.total_frames - np.square(self.mean), 0.0)

    def cmvn(self) -> Cmvn:
        """What am.mvn holds: minus the mean, one over the standard deviation (of a constant: the floor's, not inf)."""
        return Cmvn(-self.mean, 1.0 / np.sqrt(np.maximum(self.var, VARIANCE_FLOOR)))

    def as_json(self) -> dict[str, Any]:
        """The published content of cmvn.json."""
        return {
            "mean_stats": self.mean_stats.tolist(),
            "var_stats": self.var_stats.tolist(),
            "total_frames": self.total_frames,
        }


def read_cmvn(path: str | Path) -> Cmvn:
    """Read am.mvn; whatever is wrong with it is a DataError that names the file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not a text file; am.mvn in Kaldi's nnet1 text format is expected") from error
    values: dict[str, np.ndarray] = {}
    closed = False
    words = iter(text.split())
    for word in words:
        if word in ("<AddShift>", "<Rescale>"):
            values[word] = _read_vector(words, word, path)
        closed = closed or word == "</Nnet>"
    for name in ("<AddShift>", "<Rescale>"):
        if name not in values:
            raise DataError(f"{path}: has no {name}; am.mvn in Kaldi's nnet1 text format is expected")
    if not closed:
        raise DataError(f"{path}: ends without </Nnet>; it was cut short")
    shift, scale = values["<AddShift>"], values["<Rescale>"]
    if len(shift) != len(scale):
        raise DataError(f"{path}: <AddShift> has {len(shift)} values and <Rescale> {len(scale)}; they must agree")
    return Cmvn(shift, scale, str(path))


def _read_vector(words: Iterator[str], name: str, path: str | Path) -> np.ndarray:
    """The values of `name D D <LearnRateCoef> 0 [ ... ]`."""
    head = [next(words, "") for _ in range(5)]
    if not (head[0].isdigit() and head[1].isdigit() and head[2] == "<LearnRateCoef>" and head[4] == "["):
        found = " ".join(head).strip()[:60]
        raise DataError(f"{path}: {name} is followed by {found!r}; 'D D <LearnRateCoef> 0 [ values ]' is expected")
    values = []
    for word in words:
        if word == "]":
            break
        try:
            values.append(float(word))
        except ValueError as error:
            raise DataError(f"{path}: value {len(values) + 1} of {name} is {word[:30]!r}, not a number") from error
        if not math.isfinite(values[-1]):
            raise DataError(f"{path}: value {len(values)} of {name} is {word}; finite numbers are expected")
    else:
        raise DataError(f"{path}: ends after {len(values)} of {head[1]} values of {name}; it was cut short")
    if len(values) != int(head[1]):
        raise DataError(f"{path}: {name} announces {head[1]} values and has {len(values)}")
    return np.array(values)


def _shortest(value: np.floating) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
