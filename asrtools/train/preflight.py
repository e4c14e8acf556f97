"""The data report before the first step: what there is, what is left out, and what will not train well."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from asrtools.errors import DataError
from asrtools.io.ark import holds_features
from asrtools.io.audio import load
from asrtools.io.text_file import atomic_write
from asrtools.record import Utterance
from asrtools.train.data import TrainingData
from asrtools.train.padding import padding_of

QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
MOST_TEXTS = 20_000  # that are cut into units
MOST_CLIPS = 200  # that are listened to
SILENCE = 10 ** (-60 / 20)  # of full scale; the loudest sample of a clip that is taken for silent
NAMED = 5


@dataclass(frozen=True)
class Lengths:
    """Quantiles 0, 5, 50, 95 and 100 %."""

    quantiles: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: np.ndarray) -> "Lengths":
        return cls(tuple(float(one) for one in np.quantile(values, QUANTILES)) if len(values) else ())


@dataclass(frozen=True)
class ListReport:
    num_rows: int
    hours: float
    frames: Lengths  # of 10 ms
    tokens: Lengths  # as the list counts them
    dropped: Mapping[str, int]
    num_texts: int = 0  # that were looked at
    num_units: int = 0
    num_unknown: int = 0  # units that are not in the vocabulary
    unknown: Mapping[str, int] = field(default_factory=dict)  # the commonest
    num_too_long: int = 0  # texts with more units than the encoder gives frames
    too_long: tuple[str, ...] = ()
    num_clips: int = 0  # that were listened to
    num_silent: int = 0
    silent: tuple[str, ...] = ()
    num_unreadable: int = 0
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preflight:
    train: ListReport
    valid: ListReport | None = None
    num_shared_keys: int = 0  # of train and valid
    num_shared_sources: int = 0
    num_steps: int = 0  # of an epoch
    padding: float = 0.0  # part of what the first epoch computes
    largest_batch: int = 0  # frames of 10 ms, padding included

    def __str__(self) -> str:
        lines = [*_told("training list", self.train)]
        if self.valid is not None:
            lines += _told("validation list", self.valid)
            lines.append(f"both lists have {self.num_shared_keys} keys and {self.num_shared_sources} sources in common")
        lines.append(
            f"epoch: {self.num_steps} steps, {100 * self.padding:.1f} % of the frames are padding, the largest batch "
            f"has {self.largest_batch} frames"
        )
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        with atomic_write(path) as out:
            out.write(json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n")


def preflight(
    train: TrainingData,
    valid: TrainingData | None = None,
    network: nn.Module | None = None,
    most_texts: int = MOST_TEXTS,
    most_clips: int = MOST_CLIPS,
) -> Preflight:
    """Look at both lists; of long ones at rows evenly spread. `network` says how many frames its encoder gives."""
    plan = [request.indices for request in train.plan(0)]
    padding = padding_of(plan, _column(train, "source_lens"))
    shared = [0, 0]
    if valid is not None:
        for place, name in enumerate(("key_hashes", "source_hashes")):
            both = np.intersect1d(_column(train, name), _column(valid, name))
            shared[place] = int((both != 0).sum())
    return Preflight(
        _report(train, network, most_texts, most_clips),
        None if valid is None else _report(valid, network, most_texts, most_clips),
        *shared,
        len(plan),
        padding.waste,
        padding.largest,
    )


def _report(data: TrainingData, network: nn.Module | None, most_texts: int, most_clips: int) -> ListReport:
    frames, tokens = _column(data, "source_lens"), _column(data, "target_lens")
    is_audio = getattr(data.dataset, "frontend", None) is not None
    texts = _Texts(data.dataset, network if is_audio else None)
    for index, utterance in _spread(data.dataset, most_texts):
        texts.look_at(utterance, int(frames[index]))
    clips = _Clips()
    if is_audio:
        for _, utterance in _spread(data.dataset, most_clips):
            clips.listen_to(utterance)
    return ListReport(
        len(data.dataset),
        round(float(frames.sum()) / 360_000, 4) if is_audio else 0.0,
        Lengths.of(frames),
        Lengths.of(tokens),
        dict(data.dropped),
        texts.num,
        texts.num_units,
        sum(texts.unknown.values()),
        dict(texts.unknown.most_common(NAMED)),
        len(texts.too_long),
        tuple(texts.too_long[:NAMED]),
        clips.num,
        len(clips.silent),
        tuple(clips.silent[:NAMED]),
        len(clips.unreadable),
        tuple(clips.unreadable[:NAMED]),
    )


def _column(data: TrainingData, name: str) -> np.ndarray:
    """Numbers by row, of the data set or of its index; none where it is one from outside."""
    for holder in (data.dataset, getattr(data.dataset, "index", None)):
        if hasattr(holder, name):
            return getattr(holder, name)
    return np.zeros(len(data.dataset) if name.endswith("lens") else 0, dtype=np.int64)


def _spread(dataset: Any, most: int) -> Iterator[tuple[int, Utterance]]:
    """Up to so many rows, evenly spread."""
    num = len(dataset)
    if not hasattr(dataset, "utterance") or not num:
        return
    for index in dict.fromkeys(np.linspace(0, num - 1, min(num, most)).astype(int).tolist()):
        try:
            yield index, dataset.utterance(index)
        except DataError:
            continue  # is named when its batch is wanted


class _Texts:
    """What the vocabulary makes of the texts."""

    def __init__(self, dataset: Any, network: nn.Module | None):
        self.dataset, self.network = dataset, network
        tokenizer = getattr(dataset, "tokenizer", None)
        # what seg_dict does not know comes as the unknown token itself
        self.vocabulary = frozenset(getattr(tokenizer, "token_list", ())) - {getattr(tokenizer, "unk_symbol", None)}
        self.num = self.num_units = 0
        self.unknown: Counter[str] = Counter()
        self.too_long: list[str] = []

    def look_at(self, utterance: Utterance, num_frames: int) -> None:
        if not self.vocabulary or not utterance.target or not hasattr(self.dataset, "units"):
            return
        units = self.dataset.units(utterance)
        self.num += 1
        self.num_units += len(units)
        self.unknown.update(unit for unit in units if unit not in self.vocabulary)
        if self.network is not None and num_frames and needed(units) > self.frames(num_frames):
            self.too_long.append(utterance.key)

    def frames(self, num_frames: int) -> int:
        """What the encoder makes of so many frames of 10 ms."""
        frontend = self.dataset.frontend
        rows = num_frames
        if hasattr(frontend, "num_frames"):
            rows = frontend.num_frames(num_frames * frontend.fs // 100)
        embed = getattr(getattr(self.network, "encoder", None), "embed", None)
        if hasattr(embed, "output_lens"):
            return int(embed.output_lens(torch.tensor([rows]))[0])
        return rows // int(getattr(getattr(self.network, "encoder", None), "subsampling", 1))


def needed(units: list[str]) -> int:
    """Frames that CTC wants: one a unit, and a blank between two that are the same."""
    return len(units) + sum(one == other for one, other in zip(units, units[1:], strict=False))


class _Clips:
    """What is heard in the recordings."""

    def __init__(self) -> None:
        self.num = 0
        self.silent: list[str] = []
        self.unreadable: list[str] = []

    def listen_to(self, utterance: Utterance) -> None:
        if not utterance.source or holds_features(utterance.source):
            return
        self.num += 1
        try:
            audio = load(utterance.source, start_ms=utterance.start_ms, end_ms=utterance.end_ms, key=utterance.key)
        except DataError as error:
            self.unreadable.append(f"{utterance.key}: {error}")
            return
        if not len(audio.samples) or float(np.abs(audio.samples).max()) < SILENCE:
            self.silent.append(utterance.key)


def _told(name: str, report: ListReport) -> list[str]:
    num = report.num_rows
    lines = [f"{name}: {num} rows" + (f", {report.hours:.3g} h" if report.hours else "")]
    if report.hours and report.frames.quantiles:
        lines[0] += ", " + _range([value / 100 for value in report.frames.quantiles], "s")
    if any(report.tokens.quantiles):
        lines[0] += ", " + _range(report.tokens.quantiles, "tokens")
    lines += [f"{name}: {count} rows left out: {reason}" for reason, count in report.dropped.items()]
    if report.num_unknown:
        part = f"{100 * report.num_unknown / max(1, report.num_units):.2f} %"
        named = ", ".join(f"{unit} ({count})" for unit, count in report.unknown.items())
        counts = f"{report.num_unknown} of {report.num_units} units ({part})"
        lines.append(f"{name}: {counts} are not in the vocabulary: {named}")
    if report.num_too_long:
        named = ", ".join(report.too_long)
        lines.append(f"{name}: {report.num_too_long} of {report.num_texts} texts are longer than their audio: {named}")
    if report.num_silent:
        named = ", ".join(report.silent)
        lines.append(f"{name}: {report.num_silent} of {report.num_clips} clips listened to are silent: {named}")
    lines += [f"{name}: cannot be read: {one}" for one in report.unreadable]
    return lines


def _range(values: Any, unit: str) -> str:
    low, few, middle, many, high = values
    return f"{low:.4g} to {high:.4g} {unit} (median {middle:.4g}, 90 % from {few:.4g} to {many:.4g})"
