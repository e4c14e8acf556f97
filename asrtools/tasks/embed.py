"""Recordings to speaker embeddings: of the whole, or of the windows that speakers are told apart by."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from asrtools.build import LoadedModel
from asrtools.errors import DataError, ModelError
from asrtools.io.ark import holds_features
from asrtools.io.audio import load, probe
from asrtools.record import Utterance
from asrtools.tasks.open_model import embedder_of, open_model
from asrtools.tasks.speaker_windows import cut_windows, padded, window_size

LONGEST_S = 3600.0  # of a recording that is embedded as a whole
MOST_TOGETHER = 64  # recordings, and
SECONDS_TOGETHER = 300.0


class Embed(Protocol):
    """Features [T, D] of each to float32 [N, E]."""

    def __call__(self, feats: Sequence[np.ndarray], fills_batches: bool = False) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class SpeakerModel:
    """A network that embeds speakers, with its features."""

    embed: Embed
    frontend: Any
    directory: Path
    model: LoadedModel | None = None

    def features_of_windows(self, samples: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
        """First and past-the-last sample of each window of a segment, and its features.

        A frame depends on its own samples only, so the frames that windows share are computed once.
        """
        rate, frontend = self.frontend.fs, self.frontend
        shift = frontend.fbank.shift
        whole = padded(samples, rate)
        frames = frontend.fbank(whole)
        found = []
        for start, end in cut_windows(len(samples), rate):
            window = whole[start : start + window_size(rate)]
            if start % shift:
                feats = frontend(window)
            else:
                first = start // shift
                feats = frontend.from_fbank(frames[first : first + frontend.num_frames(len(window))])
            found.append((start, end, feats))
        return found


def open_speaker_model(
    directory: str | Path,
    overrides: Mapping[str, Any] | None = None,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    num_threads: int | None = None,
) -> SpeakerModel:
    """Load a model that embeds speakers; `overrides` with flat keys, as users give them."""
    return speaker_model_of(*open_model(directory, overrides, checkpoint, device, num_threads))


def speaker_model_of(model: LoadedModel, device: str) -> SpeakerModel:
    """A model that is loaded already."""
    if model.frontend is None:
        raise ModelError(f"{model.directory}: its config names no frontend; a model of speakers has one")
    return SpeakerModel(embedder_of(model.network, device), model.frontend, model.directory, model)


@dataclass(frozen=True)
class SampleReader:
    """Samples of a record at its span; `held`: recordings that are in memory already, by key."""

    channel: str = "mix"
    fs: int = 16000  # of raw pcm and arrays
    held: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, utterance: Utterance, rate: int) -> np.ndarray:
        samples = load(
            self._source(utterance),
            rate=rate,
            start_ms=utterance.start_ms,
            end_ms=utterance.end_ms,
            channel=self.channel if utterance.channel is None else str(utterance.channel),
            fs=self.fs,
            key=utterance.key,
        ).samples
        if not len(samples):
            raise DataError(f"{utterance.source or utterance.key}: it holds no samples; a recording is wanted")
        return samples

    def seconds(self, utterance: Utterance) -> float:
        """How long a record is, by its span or else by the header of its recording."""
        if utterance.end_ms is not None:
            return (utterance.end_ms - utterance.start_ms) / 1000
        about = probe(self._source(utterance), self.fs, utterance.key)
        return about.num_samples / about.rate - utterance.start_ms / 1000

    def _source(self, utterance: Utterance) -> Any:
        held = self.held.get(utterance.recording or utterance.key, self.held.get(utterance.key))
        if held is not None:
            return held
        if not utterance.source:
            raise DataError(f"{utterance.key}: has no source; a recording is wanted")
        if holds_features(utterance.source):
            raise DataError(
                f"{utterance.source}: holds features; speakers are told by features of another kind, give audio"
            )
        return utterance.source


def embed_utterances(
    model: SpeakerModel, utterances: Iterable[Utterance], reader: SampleReader | None = None
) -> Iterator[tuple[Utterance, np.ndarray | None]]:
    """Each record with its status, and the embedding float32 [E] of all its audio; in order."""
    reader = reader or SampleReader()
    waiting: list[tuple[Utterance, np.ndarray | None]] = []
    seconds = 0.0
    for utterance in utterances:
        waiting.append(_features_of(model, utterance, reader))
        feats = waiting[-1][1]
        seconds += 0.0 if feats is None else len(feats) / 100
        if len(waiting) >= MOST_TOGETHER or seconds >= SECONDS_TOGETHER:
            yield from _embedded(model, waiting)
            waiting, seconds = [], 0.0
    yield from _embedded(model, waiting)


def embed_samples(model: SpeakerModel, recordings: Sequence[np.ndarray]) -> np.ndarray:
    """Recordings [N] at the model's rate to their embeddings, float32 [len(recordings), E]."""
    return model.embed([model.frontend(samples) for samples in recordings])


def _features_of(
    model: SpeakerModel, utterance: Utterance, reader: SampleReader
) -> tuple[Utterance, np.ndarray | None]:
    if utterance.status == "error":
        return utterance, None
    try:
        samples = reader(utterance, model.frontend.fs)
        seconds = len(samples) / model.frontend.fs
        if seconds > LONGEST_S:
            raise DataError(
                f"{utterance.key}: lasts {seconds:.0f} s; {LONGEST_S:.0f} s at most have an embedding, so give segments"
            )
        feats = model.frontend(samples)
    except DataError as error:
        return replace(utterance, status="error", error=str(error)), None
    return replace(utterance, status="ok"), feats


def _embedded(
    model: SpeakerModel, waiting: Sequence[tuple[Utterance, np.ndarray | None]]
) -> Iterator[tuple[Utterance, np.ndarray | None]]:
    """What is too much for the memory together goes in halves."""
    try:
        vectors = iter(model.embed([feats for _, feats in waiting if feats is not None]))
    except MemoryError:
        if len(waiting) > 1:
            middle = len(waiting) // 2
            yield from _embedded(model, waiting[:middle])
            yield from _embedded(model, waiting[middle:])
            return
        cause = "there is not enough memory for all of it at once; give segments"
        yield replace(waiting[0][0], status="error", error=cause), None
        return
    for utterance, feats in waiting:
        yield utterance, None if feats is None else next(vectors)
