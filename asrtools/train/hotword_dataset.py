"""AudioDatasetHotword: hotwords drawn from the texts of a batch, for models that listen for them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from asrtools.register import tables
from asrtools.train.audio_dataset import AudioDataset, Sample
from asrtools.train.augment import generator_of
from asrtools.train.batch import lengths, padded

# The published rules: how long a hotword is, how often an utterance has one, and how often a long one has two.
MIN_LENGTH, MAX_LENGTH = 2, 8
SAMPLE_RATE, DOUBLE_RATE = 0.75, 0.1
NO_HOTWORD = 1  # the token (sos) that is a list's last hotword and stands for none

Spans = tuple[tuple[int, int], ...]


@tables.register("dataset_classes", "AudioDatasetHotword")
class AudioDatasetHotword(AudioDataset):
    """Adds hotword_pad [W, L], hotword_lengths [W] and, with a `seaco_id`, seaco_label_pad [B, N]: the text where a
    hotword stands and seaco_id elsewhere. All hotwords of a batch are offered to each of its utterances.
    """

    def __init__(self, path: Any, *, seaco_id: int = 0, **keywords: Any):
        super().__init__(path, **keywords)
        self.seaco_id = int(seaco_id or 0)

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        rng = generator_of(self.seed, self.epoch, f"{sample['key']} hotword")
        return {**sample, "hotwords": draw_spans(len(sample["text"]), rng)}

    def collator(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        plain = [{name: value for name, value in sample.items() if name != "hotwords"} for sample in samples]
        inputs = super().collator(plain)
        words, labels = [], []
        for sample in samples:
            text = sample["text"]
            label = np.full_like(text, self.seaco_id)
            for begin, end in sample["hotwords"]:
                words.append(text[begin:end])
                label[begin:end] = text[begin:end]
            labels.append(label)
        words.append(np.array([NO_HOTWORD], dtype=np.int64))
        inputs |= {"hotword_pad": padded(words, 0), "hotword_lengths": lengths(words)}
        if self.seaco_id:
            inputs["seaco_label_pad"] = padded(labels, self.int_pad_value)
        return inputs


def draw_spans(length: int, rng: np.random.Generator) -> Spans:
    """Where in a text of so many tokens its hotwords stand: none, one or two (begin, end)."""
    if length < MIN_LENGTH or rng.random() >= SAMPLE_RATE:
        return ()
    if length == MIN_LENGTH:
        return ((0, length),)
    if length > MAX_LENGTH + MIN_LENGTH + 2 and rng.random() < DOUBLE_RATE:
        longest = min(MAX_LENGTH, length // 2)
        first = int(rng.integers(0, length // 3 + 1))
        first_end = first + int(rng.integers(MIN_LENGTH, longest + 1))
        if first_end + MIN_LENGTH <= length:
            second = int(rng.integers(first_end, length - MIN_LENGTH + 1))
            return ((first, first_end), (second, second + _size(length - second, rng)))
    begin = int(rng.integers(0, length - MIN_LENGTH + 1))
    return ((begin, begin + _size(length - begin, rng)),)


def _size(room: int, rng: np.random.Generator) -> int:
    return min(room, int(rng.integers(min(room, MIN_LENGTH), min(room, MAX_LENGTH) + 1)))
