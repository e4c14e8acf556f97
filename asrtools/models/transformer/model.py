"""An encoder with CTC and an attention decoder (Watanabe et al. 2017, Hybrid CTC/Attention), under four names."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.beam_search import Found, SearchSettings, Voice, beam_searches
from asrtools.layers.ctc import CTC
from asrtools.layers.ctc_path import best_paths, said_of
from asrtools.layers.ctc_prefix_score import CtcPrefixes
from asrtools.layers.loss import LabelSmoothingLoss, accuracy, append_eos
from asrtools.models.protocols import Decoded, DecodeOptions, Emission
from asrtools.register import tables

BEAM_SIZE = 10  # the published defaults
CTC_WEIGHT = 0.5
SEARCHES_AT_ONCE = 16  # utterances; more are no faster

Stats = dict[str, Tensor | None]


@tables.register("model_classes", "Transformer")
@tables.register("model_classes", "Conformer")
@tables.register("model_classes", "Branchformer")
@tables.register("model_classes", "EBranchformer")
class Transformer(nn.Module):
    """Features [B, T, input_size] to hypotheses; the encoder makes the difference between the four names.

    Parameters encoder, decoder (absent with ctc_weight 1), ctc (absent with ctc_weight 0).
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module | None,
        vocab_size: int,
        normalize: nn.Module | None = None,
        ctc_conf: dict[str, Any] | None = None,
        ctc_weight: float = 0.5,
        interctc_weight: float = 0.0,
        ignore_id: int = -1,
        blank_id: int = 0,
        sos: int = 1,
        eos: int = 2,
        lsm_weight: float = 0.0,
        length_normalized_loss: bool = False,
        share_embedding: bool = False,
    ):
        super().__init__()
        if ctc_weight != 1 and decoder is None:
            raise ConfigError(f"the config names no decoder, and model_conf.ctc_weight is {ctc_weight}; 1.0 needs none")
        self.vocab_size = vocab_size
        self.ignore_id, self.blank_id, self.sos, self.eos = ignore_id, blank_id, sos, eos
        self.ctc_weight = ctc_weight
        self.interctc_weight = interctc_weight
        self.length_normalized_loss = length_normalized_loss
        self.normalize = normalize
        self.encoder = encoder
        self.decoder = None if ctc_weight == 1 else decoder
        self.ctc = None if ctc_weight == 0 else CTC(vocab_size, encoder.output_size(), **(ctc_conf or {}))
        if getattr(encoder, "interctc_use_conditioning", False):
            encoder.condition_on(vocab_size)
        if share_embedding and self.decoder is not None:
            self.decoder.embed = None
        self.criterion_att = LabelSmoothingLoss(vocab_size, ignore_id, lsm_weight, length_normalized_loss)

    def encode(self, feats: Tensor, feats_lens: Tensor) -> tuple[Tensor, Tensor, list[tuple[int, Tensor]]]:
        """Encoder output [B, T, D], its lengths [B], and what came out of the layers between, by their number."""
        if self.normalize is not None:
            feats, feats_lens = self.normalize(feats, feats_lens)
        if not hasattr(self.encoder, "with_outputs_between"):
            return (*self.encoder(feats, feats_lens)[:2], [])
        probabilities = None if self.ctc is None else lambda x: self.ctc(x).exp()
        return self.encoder.with_outputs_between(feats, feats_lens, probabilities)

    @torch.inference_mode()
    def recognize(
        self, feats: Tensor, feats_lens: Tensor, options: DecodeOptions | None = None
    ) -> list[tuple[Decoded, ...]]:
        options = options or DecodeOptions()
        encoded, lens, _ = self.encode(feats, feats_lens)
        settings = self._settings(options)
        by_ctc = None
        if self.ctc is not None and (options.greedy or options.timestamps or settings.ctc_weight):
            by_ctc = self.ctc(encoded)
        timed = by_ctc if options.timestamps else None
        if options.greedy:
            return self._best_paths(by_ctc, timed, lens)
        rows = torch.nonzero(lens > 0).squeeze(1).tolist()
        found: list[tuple[Decoded, ...]] = [(Decoded(),)] * len(encoded)
        for first in range(0, len(rows), SEARCHES_AT_ONCE):
            some = rows[first : first + SEARCHES_AT_ONCE]
            longest = int(lens[some].max())
            results = self._search(
                encoded[some, :longest], None if by_ctc is None else by_ctc[some], lens[some], options
            )
            for row, result in zip(some, results, strict=True):
                frames = None if timed is None else timed[row, : int(lens[row])]
                best = result[: max(1, options.nbest)]
                found[row] = tuple(self._decoded(one.ids, one.token_scores, one.score, frames) for one in best)
        return found

    def _best_paths(self, by_ctc: Tensor | None, timed: Tensor | None, lens: Tensor) -> list[tuple[Decoded, ...]]:
        if by_ctc is None:
            raise ConfigError("greedy is CTC's, and this model was trained with ctc_weight 0; use a beam of 1")
        paths = best_paths(by_ctc, lens, self.blank_id)
        frames = [None if timed is None else timed[row, :length] for row, length in enumerate(lens.tolist())]
        return [
            (self._decoded(path.ids, path.log_probs, path.score, own),) for path, own in zip(paths, frames, strict=True)
        ]

    def _settings(self, options: DecodeOptions) -> SearchSettings:
        ctc_weight = CTC_WEIGHT if options.ctc_weight is None else options.ctc_weight
        if self.ctc is None or self.decoder is None:
            ctc_weight = 0.0 if self.ctc is None else 1.0
        return SearchSettings(
            self.sos,
            self.eos,
            options.beam_size or BEAM_SIZE,
            ctc_weight,
            options.max_len_ratio,
            options.min_len_ratio,
            options.penalty,
            # a language model alone does not know what was said
            preselects=ctc_weight < 1,
        )

    def _search(
        self, encoded: Tensor, by_ctc: Tensor | None, lens: Tensor, options: DecodeOptions
    ) -> list[list[Found]]:
        """Encoder output [U, T, D], what CTC says of it [U, T, V] and lengths [U] to texts, best first."""
        settings = self._settings(options)
        voices = []
        if settings.ctc_weight < 1:
            voices.append(Voice("decoder", 1 - settings.ctc_weight, self.decoder, self.decoder.start(encoded, lens)))
        if options.lm_weight:
            if options.lm is None:
                raise ConfigError(f"lm_weight is {options.lm_weight} without a language model; name one as lm_file")
            begun = options.lm.start().pick(torch.zeros(len(encoded), dtype=torch.long))
            voices.append(Voice("lm", options.lm_weight, options.lm, begun, hears=False))
        num_frames = lens.tolist()
        ctcs: list[CtcPrefixes | None] = [None] * len(encoded)
        if settings.ctc_weight:
            ctcs = [
                CtcPrefixes.empty(log_probs[:num], self.blank_id, self.eos)
                for log_probs, num in zip(by_ctc, num_frames, strict=True)
            ]
        return beam_searches(num_frames, voices, ctcs, settings)

    def _decoded(self, ids: Sequence[int], log_probs: Sequence[float], score: float, frames: Tensor | None) -> Decoded:
        """Without the ids that stand for no text; with what CTC says of its frames [T, V], to align it."""
        kept = [index for index, one in enumerate(ids) if one not in (self.blank_id, self.sos, self.eos)]
        ids, sure = tuple(ids[i] for i in kept), tuple(log_probs[i] for i in kept)
        timing = None
        if frames is not None and ids:
            timing = Emission(said_of(frames, ids, self.blank_id), self.subsampling())
        return Decoded(ids, score, sure, timing)

    def subsampling(self) -> int:
        """Frames of the input for one of the encoder's output."""
        return int(getattr(self.encoder, "subsampling", 1))

    def forward(
        self, speech: Tensor, speech_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, Stats, Tensor]:
        """Features [B, T, D] and token ids [B, N], padded with ignore_id, to loss, what to report, and its weight."""
        speech_lengths, text_lengths = speech_lengths.flatten(), text_lengths.flatten()
        text = text[:, : int(text_lengths.max())]
        encoded, lens, between = self.encode(speech, speech_lengths)
        stats: Stats = {}
        loss = loss_att = None
        if self.decoder is not None:
            loss = loss_att = self._attention_loss(encoded, lens, text, text_lengths, stats)
        if self.ctc is not None:
            loss_ctc = self.ctc.loss(encoded, lens, text, text_lengths)
            stats["loss_ctc"] = loss_ctc.detach()
            if self.interctc_weight and between:
                losses = [self.ctc.loss(output, lens, text, text_lengths) for _, output in between]
                stats |= {
                    f"loss_interctc_layer{index}": one.detach() for (index, _), one in zip(between, losses, strict=True)
                }
                mean = torch.stack(losses).mean()
                loss_ctc = (1 - self.interctc_weight) * loss_ctc + self.interctc_weight * mean
            loss = loss_ctc
            if loss_att is not None:
                loss = self.ctc_weight * loss_ctc + (1 - self.ctc_weight) * loss_att
        stats["loss"] = loss.detach()
        if self.length_normalized_loss:
            return loss, stats, (text_lengths + 1).sum()
        return loss, stats, torch.tensor(len(text), device=loss.device)

    def _attention_loss(self, encoded: Tensor, lens: Tensor, text: Tensor, text_lens: Tensor, stats: Stats) -> Tensor:
        target = append_eos(text, self.eos, self.ignore_id)
        given = torch.cat([torch.full_like(text[:, :1], self.sos), text], 1)
        given = given.masked_fill(given == self.ignore_id, self.eos)
        logits = self.decoder(encoded, lens, given, text_lens + 1)
        loss = self.criterion_att(logits, target)
        stats |= {"loss_att": loss.detach(), "acc": accuracy(logits.argmax(-1), target, self.ignore_id)}
        return loss
