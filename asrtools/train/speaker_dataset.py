"""SpeakerDataset: stretches of speech of one length and who speaks in them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asrtools.errors import DataError
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.train.audio_dataset import AudioDataset, Sample
from asrtools.train.augment import FeatureLoader, generator_of
from asrtools.train.batch import lengths, padded

UNBOUNDED = 1_000_000_000
CROP_S = 3.0


@tables.register("dataset_classes", "SpeakerDataset")
class SpeakerDataset(AudioDataset):
    """speech [B, T, D] and the number of its speaker [B]; rows name one as `speaker`, directories in utt2spk.

    Each utterance is a stretch of `crop_s` seconds, another one in every epoch; shorter ones are repeated. `speakers`:
    all names in their order (a list, or a file with one a line); without it, those of this list, sorted.
    """

    index_defaults = {"needs_text": False, "max_source_length": UNBOUNDED, "max_token_length": UNBOUNDED}

    def __init__(
        self, path: Any, *, speakers: str | Sequence[str] | None = None, crop_s: float = CROP_S, **keywords: Any
    ):
        super().__init__(path, **keywords)
        self.crop_s = crop_s
        self.loader = FeatureLoader(self.frontend, (*self.loader.of_samples, self._cropped), self.loader.of_features)
        self.speakers = read_speakers(speakers) or self._found()
        self._numbers = {name: number for number, name in enumerate(self.speakers)}

    @property
    def source_lens(self) -> np.ndarray:
        return np.full(len(self.index), round(self.crop_s * 100))

    def __getitem__(self, index: int) -> Sample:
        utterance = self.utterance(index)
        name = speaker_of(utterance)
        if name not in self._numbers:
            raise DataError(f"{utterance.key}: its speaker is {name!r}, which is not one of the {len(self.speakers)}")
        rng = generator_of(self.seed, self.epoch if self.is_training else 0, utterance.key)
        return {"key": utterance.key, "speech": self.speech(utterance, rng), "speaker": self._numbers[name]}

    def collator(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        feats = [sample["speech"] for sample in samples]
        speakers = torch.tensor([sample["speaker"] for sample in samples], dtype=torch.int64)
        return {"speech": padded(feats, 0.0), "speech_lengths": lengths(feats), "speaker": speakers}

    def _cropped(self, samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        size = max(1, round(self.crop_s * self.frontend.fs))
        if len(samples) < size:
            return np.resize(samples, size)
        begin = int(rng.integers(len(samples) - size + 1)) if self.is_training else (len(samples) - size) // 2
        return samples[begin : begin + size]

    def _found(self) -> list[str]:
        names = sorted({speaker_of(self.utterance(index)) for index in range(len(self.index))} - {""})
        if not names:
            raise DataError("no row names a speaker; should have `speaker`, and a data directory utt2spk")
        return names


def speaker_of(utterance: Utterance) -> str:
    return utterance.speaker or str(utterance.extra.get("spk") or "")


def read_speakers(speakers: str | Sequence[str] | None) -> list[str]:
    if not isinstance(speakers, str):
        return list(speakers or ())
    try:
        return [line.strip() for line in Path(speakers).read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"{speakers}: cannot be read ({error}); should have the name of a speaker a line") from error
