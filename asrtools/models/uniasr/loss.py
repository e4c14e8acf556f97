"""The training side of UniASR: both passes, with a latency drawn at random for each batch."""

import contextlib

import torch
from torch import Tensor

from asrtools.layers.cif import integrate
from asrtools.layers.loss import LabelSmoothingLoss, accuracy, append_eos, length_loss
from asrtools.layers.overlap_chunk import own_frames
from asrtools.layers.scama import seen_from, token_chunks

Stats = dict[str, Tensor | None]


class UniasrLoss:
    """Mixed into a network that has encode(), encode_again(), weigh() and parts()."""

    def build_loss(
        self,
        lsm_weight: float,
        length_normalized_loss: bool,
        predictor_weights: tuple[float, float],
        loss_weight_model1: float,
        is_joint: bool,
        has_fixed_first: bool,
        has_fixed_encoder2: bool,
    ) -> None:
        self.criterion_att = LabelSmoothingLoss(self.vocab_size, self.ignore_id, lsm_weight, length_normalized_loss)
        self.length_normalized_loss = length_normalized_loss
        self.predictor_weights = predictor_weights
        self.loss_weight_model1 = loss_weight_model1
        self.is_joint = is_joint
        self.has_fixed_first, self.has_fixed_encoder2 = has_fixed_first, has_fixed_encoder2

    def forward(
        self,
        speech: Tensor,
        speech_lengths: Tensor,
        text: Tensor,
        text_lengths: Tensor,
        decoding_ind: int | None = None,
    ) -> tuple[Tensor, Stats, Tensor]:
        """Features [B, T, D] and token ids [B, N], padded with ignore_id, to loss, what to report, and its weight.

        `decoding_ind`: the latency in evaluation.
        """
        speech_lengths, text_lengths = speech_lengths.flatten(), text_lengths.flatten()
        if self.normalize is not None:
            speech, speech_lengths = self.normalize(speech, speech_lengths)
        text = text[:, : int(text_lengths.max())]
        latency = self._latency(decoding_ind)
        share = self.loss_weight_model1
        stats: Stats = {}
        loss1 = loss2 = speech.new_zeros(())
        with _without_gradients(self.has_fixed_first):
            chunks, mask = self.encode(speech, speech_lengths, latency)
            if share > 0:
                heard = (chunks, mask, speech_lengths)
                loss1 = loss2 = self._loss_of_pass(heard, text, text_lengths, latency, False, stats)
        if share < 1:
            with _without_gradients(self.has_fixed_encoder2):
                heard = self.encode_again(chunks if self.is_joint else chunks.detach(), speech, speech_lengths, latency)
            loss2 = self._loss_of_pass(heard, text, text_lengths, latency, True, stats)
        loss = share * loss1 + (1 - share) * loss2
        stats |= {"loss1": loss1.detach(), "loss2": loss2.detach(), "loss": loss.detach()}
        if self.length_normalized_loss:
            return loss, stats, (text_lengths + 1).sum()
        return loss, stats, torch.tensor(len(text), device=loss.device)

    def _latency(self, given: int | None) -> int:
        num = len(self.encoder.shapes)
        if self.training:
            return int(torch.randint(0, num, ())) if num > 1 else 0
        return 0 if given is None else int(given)

    def _loss_of_pass(
        self,
        heard: tuple[Tensor, Tensor, Tensor],
        text: Tensor,
        text_lens: Tensor,
        latency: int,
        is_second: bool,
        stats: Stats,
    ) -> Tensor:
        chunks, mask, lens = heard
        one = self.weigh(chunks, mask, lens, latency, is_second)
        target, num_ids = append_eos(text, self.eos, self.ignore_id), text_lens + 1
        given = torch.cat([torch.full_like(text[:, :1], self.sos), text], 1)
        given = given.masked_fill(given == self.ignore_id, self.eos)
        sums = one.weights.sum(1)
        weights = one.weights * (num_ids / sums)[:, None]
        longest = int(num_ids.max())
        tokens = integrate(own_frames(chunks, lens, one.shape), weights, longest)
        seen = seen_from(token_chunks(weights.detach(), lens, longest, one.shape), mask, one.shape)
        decoder = self.parts(is_second)[2]
        logits = decoder(chunks.flatten(1, 2), seen, given, num_ids, tokens)
        loss_att = self.criterion_att(logits, target)
        loss_pre = length_loss(num_ids, sums, self.length_normalized_loss)
        number = "2" if is_second else ""
        stats |= {
            f"loss_att{number}": loss_att.detach(),
            f"acc{number}": accuracy(logits.argmax(-1), target, self.ignore_id),
            f"loss_pre{number}": loss_pre.detach(),
        }
        return loss_att + self.predictor_weights[is_second] * loss_pre


def _without_gradients(is_fixed: bool) -> contextlib.AbstractContextManager:
    return torch.no_grad() if is_fixed else contextlib.nullcontext()
