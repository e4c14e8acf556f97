"""PunctuationDataset: punctuated texts to words and the mark after each, for CTTransformer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from asrtools.errors import DataError
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.text.punctuated import words_and_marks
from asrtools.text.punctuation_words import JiebaSplitter, split_words
from asrtools.train.audio_dataset import AudioDataset, Sample
from asrtools.train.augment import generator_of
from asrtools.train.batch import lengths, padded

MOST_WORDS = 200
UNBOUNDED = 1_000_000_000


@tables.register("dataset_classes", "PunctuationDataset")
class PunctuationDataset(AudioDataset):
    """text and punc [B, N]; of a text with more than `max_words` words a stretch, another one in every epoch.

    Lists: jsonl with the punctuated text as `target`, plain text, Kaldi's `text`. For the streaming variant vad_indexes
    [B] says how many words stand before a pause: after one of the marks, or 0.
    """

    index_defaults = {"needs_source": False, "max_source_length": UNBOUNDED, "max_token_length": UNBOUNDED}

    def __init__(
        self,
        path: Any,
        *,
        punc_list: Sequence[str] = (),
        ignore_id: int = 0,
        has_pauses: bool = False,
        jieba_usr_dict: str | None = None,
        max_words: int = MOST_WORDS,
        **keywords: Any,
    ):
        super().__init__(path, **keywords)
        if not punc_list:
            raise DataError(f"{path}: model_conf.punc_list is empty; should name the marks that are learnt")
        self.punc_list, self.ignore_id = [str(mark) for mark in punc_list], ignore_id
        self.split = JiebaSplitter(jieba_usr_dict) if jieba_usr_dict else split_words
        self.has_pauses, self.max_words = has_pauses, max_words

    def __getitem__(self, index: int) -> Sample:
        utterance = self.utterance(index)
        words, marks = words_and_marks(utterance.target or "", self.punc_list, self.split)
        if not words:
            raise DataError(f"{utterance.key}: its text {(utterance.target or '')[:40]!r} has no word; remove it")
        rng = generator_of(self.seed, self.epoch if self.is_training else 0, utterance.key)
        begin = int(rng.integers(len(words) - self.max_words + 1)) if len(words) > self.max_words else 0
        words, marks = words[begin : begin + self.max_words], marks[begin : begin + self.max_words]
        sample = {
            "key": utterance.key,
            "text": np.asarray(self.tokenizer.tokens2ids(words), dtype=np.int64),
            "punc": np.asarray(marks, dtype=np.int64),
        }
        if self.has_pauses:
            sample["vad_indexes"] = self._pause(marks, rng)
        return sample

    def units(self, utterance: Utterance) -> list[str]:
        return words_and_marks(utterance.target or "", self.punc_list, self.split)[0]

    def _pause(self, marks: Sequence[int], rng: np.random.Generator) -> int:
        nothing = self.punc_list.index("_") if "_" in self.punc_list else 0
        places = [0, *(place + 1 for place, mark in enumerate(marks[:-1]) if mark != nothing)]
        return places[int(rng.integers(len(places)))]

    def collator(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        texts, marks = [one["text"] for one in samples], [one["punc"] for one in samples]
        inputs = {
            "text": padded(texts, 0),
            "text_lengths": lengths(texts),
            "punc": padded(marks, self.ignore_id),
            "punc_lengths": lengths(marks),
        }
        if self.has_pauses:
            inputs["vad_indexes"] = torch.tensor([one["vad_indexes"] for one in samples], dtype=torch.int64)
        return inputs
