"""Exported recognisers whose frames say a token each: SenseVoice, and encoders with a CTC head."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from asrtools.models.protocols import Decoded, DecodeOptions, Emission
from asrtools.models.sense_voice.queries import (
    NUM_QUERIES,
    PUBLISHED_TAGS,
    emission,
    itn_row,
    language_row,
    read_path,
)
from asrtools.runtime.paraformer import refuse_search
from asrtools.runtime.session import Session


class ExportedCtc:
    """Features to the best path; `options` that ask for a search have none to ask here."""

    takes_hotwords = False

    def __init__(self, sessions: Mapping[str, Session], model_conf: Mapping[str, Any], num_threads: int):
        self.session = sessions["model"]
        self.num_threads = num_threads
        self.blank_id = int(model_conf.get("blank_id", 0))
        self.textless = (self.blank_id, int(model_conf.get("sos", 1)), int(model_conf.get("eos", 2)))

    def recognize(
        self, feats: np.ndarray, feats_lens: Sequence[int], options: DecodeOptions | None = None
    ) -> list[tuple[Decoded, ...]]:
        options = options or DecodeOptions()
        return [self.recognize_one(row[:length], options) for row, length in zip(feats, feats_lens, strict=True)]

    def recognize_one(self, feats: np.ndarray, options: DecodeOptions) -> tuple[Decoded, ...]:
        """Features [T, D]."""
        refuse_search(options)
        values = {"speech": feats[None], "speech_lengths": np.array([len(feats)], dtype=np.int32)}
        logits = self._logits(values)
        if not len(logits):
            return (Decoded(),)
        ids = logits.argmax(-1)
        best = np.take_along_axis(logits, ids[:, None], 1)[:, 0] - log_sum_exp(logits)
        starts = np.flatnonzero(np.diff(ids, prepend=-1))
        surest = np.maximum.reduceat(best, starts)
        said = ids[starts]
        kept = [index for index, one in enumerate(said.tolist()) if one not in self.textless]
        return (Decoded(tuple(said[kept].tolist()), float(best.sum()), tuple(surest[kept].tolist())),)

    def _logits(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """float32 [T, V] of one utterance."""
        found = self.session(values)
        return found["ctc_logits"][0, : int(found["encoder_out_lens"][0])].astype(np.float32, copy=False)


class ExportedSenseVoice(ExportedCtc):
    def __init__(self, sessions: Mapping[str, Session], model_conf: Mapping[str, Any], num_threads: int):
        super().__init__(sessions, model_conf, num_threads)
        self.tag_ids = PUBLISHED_TAGS

    def set_tag_ids(self, ids: Mapping[str, int]) -> None:
        """Where the tags stand in a vocabulary of one's own."""
        self.tag_ids = dict(ids)

    def recognize_one(self, feats: np.ndarray, options: DecodeOptions) -> tuple[Decoded, ...]:
        refuse_search(options)
        values = {
            "speech": feats[None],
            "speech_lengths": np.array([len(feats)], dtype=np.int32),
            "language": np.array([language_row(options.language)], dtype=np.int32),
            "textnorm": np.array([itn_row(options.use_itn)], dtype=np.int32),
        }
        logits = self._logits(values)
        sums = log_sum_exp(logits)
        banned = self.tag_ids.get("EMO_UNKNOWN") if options.ban_emo_unk else None
        ids = logits.argmax(-1)
        if banned is not None and banned < logits.shape[1]:
            allowed = logits.copy()
            allowed[:, banned] = -np.inf
            ids = allowed.argmax(-1)
        best = np.take_along_axis(logits, ids[:, None], 1)[:, 0] - sums
        decoded = read_path(best, ids, self.blank_id)
        if options.timestamps and decoded.ids:
            decoded = replace(decoded, timing=self._emission(logits[NUM_QUERIES:], sums[NUM_QUERIES:], decoded.ids))
        return (decoded,)

    def _emission(self, logits: np.ndarray, sums: np.ndarray, ids: Sequence[int]) -> Emission:
        columns = logits[:, [self.blank_id, *ids]] - sums[:, None]
        return emission(columns, logits.argmax(-1) == self.blank_id)


def log_sum_exp(logits: np.ndarray) -> np.ndarray:
    """[T, V] to [T]."""
    largest = logits.max(-1)
    return largest + np.log(np.exp(logits - largest[:, None]).sum(-1))
