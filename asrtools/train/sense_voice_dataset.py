"""The data sets of the SenseVoice family: text with the tags that stand before it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from asrtools.errors import DataError
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.train.audio_dataset import AudioDataset, Sample

MOST_TOKENS = 200
NUM_GIVEN = 2  # of the tokens of SenseVoiceDataset: sos and task
# The tags of an utterance in their published order: the key of the list, the kind of a record's tags, the default.
TAGS = (
    ("text_language", "language", "zh"),
    ("emo_target", "emotion", "NEUTRAL"),
    ("event_target", "event", "Speech"),
    ("with_or_wo_itn", "itn", "woitn"),
)


@tables.register("dataset_classes", "SenseVoiceCTCDataset")
class SenseVoiceCTCDataset(AudioDataset):
    """text: the ids of language, emotion, event and withitn or woitn, then those of the words."""

    def text(self, utterance: Utterance) -> np.ndarray:
        tags = [f"<|{tag_of(utterance, *tag)}|>" for tag in TAGS]
        return np.concatenate([self.special(tags, utterance.key), self.words(utterance)])

    def words(self, utterance: Utterance) -> np.ndarray:
        ids = super().text(utterance)
        if len(ids) > MOST_TOKENS:
            raise DataError(f"{utterance.key}: its text has {len(ids)} tokens; up to {MOST_TOKENS} are trained on")
        return ids

    def special(self, tokens: Sequence[str], key: str) -> np.ndarray:
        """The ids of tokens that stand in the vocabulary as they are."""
        known = self._vocabulary()
        missing = next((token for token in tokens if token not in known), None)
        if missing is not None:
            raise DataError(f"{key}: {missing} is no token of the model; correct the tags of the list")
        return np.array([known[token] for token in tokens], dtype=np.int64)

    def _vocabulary(self) -> dict[str, int]:
        if not hasattr(self, "_ids"):
            self._ids = {token: number for number, token in enumerate(self.tokenizer.token_list)}
        return self._ids


@tables.register("dataset_classes", "SenseVoiceDataset")
class SenseVoiceDataset(SenseVoiceCTCDataset):
    """For models that write their tags: sos, task, language, words, eos; target_mask is 1 for what is learnt."""

    def __init__(
        self, path: Any, *, sos: str | int = "<|startoftranscript|>", eos: str | int = "<|endoftext|>", **keywords: Any
    ):
        super().__init__(path, **keywords)
        self.sos, self.eos = sos, eos

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        is_learnt = np.arange(len(sample["text"])) >= NUM_GIVEN
        return {**sample, "target_mask": is_learnt.astype(np.float32)}

    def text(self, utterance: Utterance) -> np.ndarray:
        task = str(utterance.extra.get("prompt") or "<|ASR|>")
        language = f"<|{tag_of(utterance, *TAGS[0])}|>"
        before = [self._id(self.sos, utterance.key), *self.special([task, language], utterance.key)]
        return np.concatenate([np.array(before), self.words(utterance), np.array([self._id(self.eos, utterance.key)])])

    def _id(self, token: str | int, key: str) -> int:
        return token if isinstance(token, int) else int(self.special([token], key)[0])


def tag_of(utterance: Utterance, key: str, kind: str, default: str) -> str:
    """A tag without its brackets, from the key of the published lists or from the record's tags."""
    value = utterance.extra.get(key) or utterance.tags.get(kind) or default
    return str(value).removeprefix("<|").removesuffix("|>")
