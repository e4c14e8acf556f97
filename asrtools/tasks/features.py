"""Recordings to features and to their statistics, one utterance after another or in several processes."""

import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from asrtools.errors import DataError
from asrtools.features.cmvn import CmvnStats
from asrtools.io.ark import holds_features, read_matrix
from asrtools.io.audio import load
from asrtools.io.feature_writer import Entry, FeatureWriter, MatrixFormat, size_of
from asrtools.io.text_file import atomic_write, raise_if_disk
from asrtools.record import Utterance
from asrtools.tasks.ordered_map import ordered_map


class Frontend(Protocol):
    """What a registered frontend gives: features of samples at its rate, or of filter banks computed before."""

    fs: int

    def __call__(self, samples: np.ndarray) -> np.ndarray: ...  # [N] -> [T, D]

    def from_fbank(self, fbank: np.ndarray) -> np.ndarray: ...  # [T, n_mels] -> [T', D]


@dataclass(frozen=True)
class FeatureComputer:
    """An utterance to its features [T, D]; sent whole to worker processes."""

    frontend: Frontend
    channel: str = "mix"
    fs: int = 16000  # of raw pcm

    def __call__(self, utterance: Utterance) -> np.ndarray:
        if holds_features(utterance.source):
            return self.frontend.from_fbank(read_matrix(utterance.source))
        channel = self.channel if utterance.channel is None else str(utterance.channel)
        audio = load(
            utterance.source,
            rate=self.frontend.fs,
            start_ms=utterance.start_ms,
            end_ms=utterance.end_ms,
            channel=channel,
            fs=self.fs,
        )
        if not len(audio.samples):
            raise DataError(f"{utterance.source}: it holds no samples; a recording is wanted")
        features = self.frontend(audio.samples)
        # Whisper's published layout is [D, T]
        return features.T if getattr(self.frontend, "is_time_last", False) else features

    def attempt(self, utterance: Utterance) -> tuple[Utterance, np.ndarray | None]:
        """The utterance with its status, and its features if there are any."""
        if utterance.status == "error":
            return utterance, None
        try:
            return replace(utterance, status="ok"), self(utterance)
        except DataError as error:
            return replace(utterance, status="error", error=str(error)), None


def write_features(
    utterances: Iterable[Utterance], computer: FeatureComputer, writer: FeatureWriter, nj: int = 1
) -> Iterator[Utterance]:
    """The features of every utterance to the writer, in order; yields each utterance with what became of it.

    Worker processes put their encoded matrices into files that the kernel copies into the archive: through Python's own
    pipes two processes were hardly quicker than one.
    """
    if nj == 1:
        encode = _Encoder(computer, writer.format)
        for utterance in utterances:
            done, entry, encoded = encode(utterance)
            if entry is not None:
                writer.append([entry], encoded)
            yield done
        return
    with tempfile.TemporaryDirectory(prefix=".parts.", dir=writer.folder) as folder:
        spool = _Spooler(_Encoder(computer, writer.format), folder)
        for done, entries, path in ordered_map(spool, utterances, nj):
            with open(path, "rb") as encoded:
                writer.append(entries, encoded)
            os.unlink(path)
            yield from done


def compute_statistics(
    utterances: Iterable[Utterance], computer: FeatureComputer, nj: int = 1
) -> Iterator[tuple[list[Utterance], CmvnStats]]:
    """For every few utterances in order: what became of them, and the sums over their frames."""
    yield from ordered_map(_StatisticsOf(computer), utterances, nj)


def sample_by_key(utterances: Iterable[Utterance], part: float) -> Iterator[Utterance]:
    """About `part` of the utterances, the same ones for any order and number of jobs."""
    for utterance in utterances:
        if zlib.crc32(utterance.key.encode()) < part * 2**32:
            yield utterance


def write_statistics(stats: CmvnStats, json_file: Path) -> None:
    """The sums to `json_file`, and am.mvn beside it."""
    json_file.parent.mkdir(parents=True, exist_ok=True)
    cmvn = stats.cmvn()
    with atomic_write(json_file) as out:
        out.write(json.dumps(stats.as_json()) + "\n")
    with atomic_write(json_file.with_name("am.mvn")) as out:
        out.write(cmvn.as_text())


@dataclass(frozen=True)
class _Encoder:
    """An utterance to its entry of an archive; what cannot be one is an utterance with status error."""

    computer: FeatureComputer
    format: MatrixFormat

    def __call__(self, utterance: Utterance) -> tuple[Utterance, Entry | None, list[bytes | memoryview]]:
        done, features = self.computer.attempt(utterance)
        if features is None:
            return done, None, []
        try:
            encoded = self.format.encode(done.key, features)
        except DataError as error:
            return replace(done, status="error", error=str(error)), None, []
        return done, Entry(done.key, len(features), size_of(encoded)), encoded


@dataclass(frozen=True)
class _Spooler:
    """Some utterances to a file of their entries."""

    encoder: _Encoder
    folder: str

    def __call__(self, utterances: list[Utterance]) -> tuple[list[Utterance], list[Entry], str]:
        done, entries = [], []
        try:
            descriptor, path = tempfile.mkstemp(dir=self.folder)
            with open(descriptor, "wb") as out:
                for utterance in utterances:
                    result, entry, encoded = self.encoder(utterance)
                    done.append(result)
                    if entry is not None:
                        entries.append(entry)
                        out.writelines(encoded)
        except OSError as error:
            raise_if_disk(self.folder, error)
            raise
        return done, entries, path


@dataclass(frozen=True)
class _StatisticsOf:
    computer: FeatureComputer

    def __call__(self, utterances: list[Utterance]) -> tuple[list[Utterance], CmvnStats]:
        done, stats = [], CmvnStats()
        for utterance in utterances:
            result, features = self.computer.attempt(utterance)
            if features is not None:
                try:
                    stats.add(features)
                except DataError as error:  # not finite
                    result = replace(result, status="error", error=str(error))
            done.append(result)
        return done, stats
