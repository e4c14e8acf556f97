"""VadDataset: audio to whether somebody speaks, or which class is heard, frame by frame."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asrtools.errors import DataError
from asrtools.io.ark import read_matrix
from asrtools.io.rttm import read_rttm
from asrtools.io.segments import read_segments
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.tasks.network_input import step_ms
from asrtools.train.audio_dataset import AudioDataset, Sample
from asrtools.train.augment import generator_of
from asrtools.train.list_source import Lists

UNBOUNDED = 1_000_000_000
WINDOW_FRAMES = 1000

Spans = Sequence[tuple[int, int]]


@tables.register("dataset_classes", "VadDataset")
class VadDataset(AudioDataset):
    """speech [T, D] with is_speech [T] (1: somebody speaks), or with labels [T] (classes) where rows name some.

    Segments [[begin_ms, end_ms], ...] stand in a row's `value` or `segments`, in rttm or segments of a data directory,
    or in the files of `dataset_conf.rttm`; classes in `labels`, an ark of one value a frame. Recordings are cut into
    windows of `window` frames.
    """

    index_defaults = {
        "needs_text": False,
        "is_cut": False,
        "window": WINDOW_FRAMES,
        "max_source_length": UNBOUNDED,
        "max_token_length": UNBOUNDED,
    }

    def __init__(self, path: Lists, *, rttm: str | Sequence[str] | None = None, **keywords: Any):
        super().__init__(path, **keywords)
        self.turns = turns_of(path, rttm)

    def __getitem__(self, index: int) -> Sample:
        utterance = self.utterance(index)
        rng = generator_of(self.seed, self.epoch, f"{utterance.key} {utterance.start_ms}")
        loaded = self.loader(utterance, rng)
        feats = self.checked(loaded, utterance.key)
        labels = utterance.extra.get("labels")
        step = step_ms(self.frontend)
        if labels is not None:
            first = round(utterance.start_ms / step)
            return {"key": utterance.key, "speech": feats, "labels": classes_at(labels, first, len(feats))}
        spans = self._spans(utterance)
        width = getattr(self.frontend, "frame_length", step)
        heard = (len(feats) - 1) * step + width
        speed = loaded.seconds * 1000 / heard  # 1, but where the recording is played at another speed
        centres = utterance.start_ms + speed * (np.arange(len(feats)) * step + width / 2)
        return {"key": utterance.key, "speech": feats, "is_speech": speech_at(spans, centres)}

    def _spans(self, utterance: Utterance) -> Spans:
        given = utterance.extra.get("value", utterance.extra.get("segments"))
        if given is None and utterance.key in self.turns:
            return self.turns[utterance.key]
        if given is None and self.turns:
            return ()  # a recording without a line is silent
        try:
            return [(int(begin), int(end)) for begin, end in given]
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{utterance.key}: its segments are {str(given)[:40]}; should be [[begin_ms, end_ms], ...] in `value`"
            ) from error


def turns_of(path: Lists, rttm: str | Sequence[str] | None) -> Mapping[str, Spans]:
    """When somebody speaks in each recording."""
    turns: dict[str, list[tuple[int, int]]] = {}
    files = [rttm] if isinstance(rttm, str) else list(rttm or ())
    for folder in [path] if isinstance(path, str | Path) else path:
        if not files and (Path(folder) / "rttm").is_file():
            files.append(str(Path(folder) / "rttm"))
        elif (Path(folder) / "segments").is_file():
            for segment in read_segments(Path(folder) / "segments"):
                if segment.error:
                    raise DataError(segment.error)
                turns.setdefault(segment.recording, []).append((segment.start_ms, segment.end_ms))
    for file in files:
        for turn in read_rttm(file):
            turns.setdefault(turn.recording, []).append((turn.start_ms, turn.end_ms))
    return turns


def speech_at(spans: Spans, centres_ms: np.ndarray) -> np.ndarray:
    """int64: 1 where a moment lies in one of the spans."""
    found = np.zeros(len(centres_ms), dtype=np.int64)
    for begin, end in spans:
        found[(centres_ms >= begin) & (centres_ms < end)] = 1
    return found


def classes_at(source: str, first: int, num: int) -> np.ndarray:
    """The classes of `num` frames from `first` on; the last ones are repeated where an ark is some frames short."""
    column = read_matrix(source).reshape(-1).astype(np.int64)[first:]
    if not len(column):
        raise DataError(f"{source}: has no class for frame {first}; should have one for every frame")
    return np.pad(column[:num], (0, max(0, num - len(column))), mode="edge")
