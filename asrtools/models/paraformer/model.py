"""Paraformer: all tokens of an utterance in one pass (Gao et al. 2022, arXiv 2206.08317)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from asrtools.layers.cif import fire_marks
from asrtools.models.paraformer.loss import ParaformerLoss
from asrtools.models.paraformer.search import search, wants_search
from asrtools.models.protocols import Decoded, DecodeOptions, Firing
from asrtools.register import tables


@tables.register("model_classes", "Paraformer")
class Paraformer(ParaformerLoss, nn.Module):
    """Features [B, T, input_size] to hypotheses.

    Parameters encoder, predictor (how many tokens, from which frames), decoder, and ctc where it is trained with one.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        predictor: nn.Module,
        vocab_size: int,
        normalize: nn.Module | None = None,
        ctc_conf: dict[str, Any] | None = None,
        ctc_weight: float = 0.5,
        ignore_id: int = -1,
        blank_id: int = 0,
        sos: int = 1,
        eos: int = 2,
        lsm_weight: float = 0.0,
        length_normalized_loss: bool = False,
        predictor_weight: float = 0.0,
        predictor_bias: int = 0,
        sampling_ratio: float = 0.2,
        share_embedding: bool = False,
    ):
        super().__init__()
        self.vocab_size = vocab_size
        self.ignore_id, self.blank_id, self.sos, self.eos = ignore_id, blank_id, sos, eos
        self.normalize = normalize
        self.encoder = encoder
        self.decoder = None if ctc_weight == 1.0 else decoder
        self.predictor = predictor
        if share_embedding and self.decoder is not None:
            self.decoder.embed = None
        self.build_loss(
            ctc_conf, ctc_weight, lsm_weight, length_normalized_loss, predictor_weight, predictor_bias, sampling_ratio
        )

    def encode(self, feats: Tensor, feats_lens: Tensor) -> tuple[Tensor, Tensor]:
        if self.normalize is not None:
            feats, feats_lens = self.normalize(feats, feats_lens)
        encoded, lens = self.encoder(feats, feats_lens)[:2]
        return encoded, lens

    @torch.inference_mode()
    def recognize(
        self, feats: Tensor, feats_lens: Tensor, options: DecodeOptions | None = None
    ) -> list[tuple[Decoded, ...]]:
        options = options or DecodeOptions()
        encoded, lens = self.encode(feats, feats_lens)
        tokens, num_tokens, weights = self.predictor(encoded, lens)
        if not int(num_tokens.max()):
            return [(Decoded(),)] * len(feats)
        log_probs = self.token_log_probs(encoded, lens, tokens, num_tokens, options)
        timings: Sequence[Firing | None] = [None] * len(feats)
        if options.timestamps:
            timings = self.timings(encoded, lens, weights, num_tokens)
        counts = num_tokens.tolist()
        if wants_search(options, self.ctc):
            return [
                self._searched(log_probs[row, :count], encoded[row : row + 1, :length], timings[row], options)
                for row, (count, length) in enumerate(zip(counts, lens.tolist(), strict=True))
            ]
        best, ids = log_probs.max(-1)
        return [
            (self.decoded(one[:count].tolist(), score[:count].tolist(), timing),)
            for one, score, timing, count in zip(ids.cpu(), best.cpu(), timings, counts, strict=True)
        ]

    def _searched(
        self, log_probs: Tensor, encoded: Tensor, timing: Firing | None, options: DecodeOptions
    ) -> tuple[Decoded, ...]:
        if not len(log_probs):
            return (Decoded(),)
        found = search(log_probs, encoded, self.ctc, self.blank_id, self.sos, self.eos, options)
        return tuple(replace(self.decoded(one.ids, one.token_scores, timing), score=one.score) for one in found)

    def token_log_probs(
        self, encoded: Tensor, lens: Tensor, tokens: Tensor, num_tokens: Tensor, options: DecodeOptions
    ) -> Tensor:
        """float32 [B, N, V]."""
        return self.decoder(encoded, lens, tokens, num_tokens).float().log_softmax(-1)

    def timings(self, encoded: Tensor, lens: Tensor, weights: Tensor, num_tokens: Tensor) -> list[Firing]:
        """What token times are computed from.

        The published rule for a predictor without an upsampled branch lays tokens out by the gathered mass and reads
        the frames where one fires off the weights; those never reach 1, so that the mass is always integrated anew.
        """
        marks = fire_marks(weights).cpu().numpy()
        weights = weights.cpu().numpy()
        subsample = self.subsampling()
        has_tail = self.predictor.tail.threshold > 0
        return [
            Firing(mark[: length + has_tail], weight[: length + has_tail], 1, subsample)
            for mark, weight, length in zip(marks, weights, lens.tolist(), strict=True)
        ]

    def subsampling(self) -> int:
        """Frames of the input for one of the encoder's output."""
        return int(getattr(self.encoder, "subsampling", 1))

    def decoded(self, ids: Sequence[int], log_probs: Sequence[float], timing: Firing | None) -> Decoded:
        """A hypothesis without the ids that stand for no text; its score is that of all of them, as published."""
        textless = (self.blank_id, self.sos, self.eos)
        kept = [index for index, one in enumerate(ids) if one not in textless and index < len(log_probs)]
        return Decoded(
            tuple(ids[index] for index in kept),
            float(sum(log_probs)),
            tuple(log_probs[index] for index in kept),
            timing,
        )
