"""Exported Paraformers, with hotwords or without."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asrtools.errors import ConfigError
from asrtools.models.protocols import Decoded, DecodeOptions, Firing
from asrtools.runtime.session import Session

TIMING = ("alphas", "us_alphas", "encoded_lens")


class ExportedParaformer:
    """Features to the likeliest tokens, all at once."""

    def __init__(self, sessions: Mapping[str, Session], model_conf: Mapping[str, Any], num_threads: int):
        self.session = sessions["model"]
        self.embedder = sessions.get("model_eb")
        self.num_threads = num_threads
        self.sos = int(model_conf.get("sos", 1))
        self.textless = (int(model_conf.get("blank_id", 0)), self.sos, int(model_conf.get("eos", 2)))
        self.takes_hotwords = self.embedder is not None
        self._words: tuple[tuple[tuple[int, ...], ...], np.ndarray] | None = None

    def recognize(
        self, feats: np.ndarray, feats_lens: Sequence[int], options: DecodeOptions | None = None
    ) -> list[tuple[Decoded, ...]]:
        options = options or DecodeOptions()
        return [self.recognize_one(row[:length], options) for row, length in zip(feats, feats_lens, strict=True)]

    def recognize_one(self, feats: np.ndarray, options: DecodeOptions) -> tuple[Decoded, ...]:
        """Features [T, D]."""
        refuse_search(options)
        values = {"speech": feats[None], "speech_lengths": np.array([len(feats)], dtype=np.int32)}
        if "bias_embed" in self.session.inputs:
            values["bias_embed"] = self.hotwords(options.hotwords or ((self.sos,),))
        found = self.session(values, TIMING if options.timestamps else ())
        num_tokens = int(found["token_num"][0])
        if not num_tokens:
            return (Decoded(),)
        log_probs = found["logits"][0, :num_tokens]
        ids = log_probs.argmax(-1)
        best = np.take_along_axis(log_probs, ids[:, None], 1)[:, 0].astype(np.float32)
        kept = [index for index, one in enumerate(ids.tolist()) if one not in self.textless]
        return (
            Decoded(
                tuple(ids[kept].tolist()),
                float(sum(best.tolist())),
                tuple(best[kept].tolist()),
                self.timing(found, len(feats)) if options.timestamps else None,
            ),
        )

    def timing(self, found: Mapping[str, np.ndarray], num_frames: int) -> Firing | None:
        """None of a file that tells nothing of times."""
        facts = self.session.facts
        subsample = int(facts.get("subsample", 1))
        length = int(found["encoded_lens"][0]) if "encoded_lens" in found else num_frames
        if "us_alphas" in found:
            weights = found["us_alphas"][0]
            upsample = int(facts.get("upsample", max(1, len(weights) // num_frames)))
            return Firing(weights[: length * upsample], None, upsample, subsample)
        if "alphas" not in found:
            return None
        weights = found["alphas"][0][: length + int(facts.get("tail", 1))]
        return Firing(fire_marks(weights), weights, 1, subsample)

    def hotwords(self, words: tuple[tuple[int, ...], ...]) -> np.ndarray:
        """Ids of each to the vectors that the network attends to, float32 [1, W, D]; kept for the next utterance."""
        if self._words is not None and self._words[0] == words:
            return self._words[1]
        if self.embedder is None:
            raise ConfigError("model_eb.onnx is not beside model.onnx, and there are hotwords; export the model anew")
        lens = [len(word) for word in words]
        width = max(*lens, int(self.embedder.facts.get("hotword_length", 10)))
        padded = np.zeros((len(words), width), dtype=np.int32)
        for row, word in zip(padded, words, strict=True):
            row[: len(word)] = word
        states = next(iter(self.embedder({"hotword": padded}).values()))  # [L, W, D]
        vectors = states[np.array(lens) - 1, np.arange(len(words))][None]
        self._words = words, vectors
        return vectors


def fire_marks(weights: np.ndarray) -> np.ndarray:
    """float32 [T]: the part of a token that has been gathered at each frame, plus 1 where one is complete."""
    sums = weights.astype(np.float64).cumsum().astype(np.float32)
    whole = np.floor(sums)
    return (np.diff(whole, prepend=np.float32(0)) > 0) + sums - whole


def refuse_search(options: DecodeOptions) -> None:
    if options.lm_weight or (options.ctc_weight or 0) > 0:
        raise ConfigError(
            "an exported model gives its best path; for a language model or joint decoding give the model it came from"
        )
