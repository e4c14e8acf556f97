"""The training side of the Paraformer family: attention loss with sampled targets, length loss, CTC."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.layers.ctc import CTC
from asrtools.layers.loss import LabelSmoothingLoss, accuracy, append_eos, length_loss
from asrtools.layers.mask import frame_mask

Stats = dict[str, Tensor | None]


class ParaformerLoss:
    """Mixed into a network that has encode(), predictor and decoder."""

    def build_loss(
        self,
        ctc_conf: dict[str, Any] | None,
        ctc_weight: float,
        lsm_weight: float,
        length_normalized_loss: bool,
        predictor_weight: float,
        predictor_bias: int,
        sampling_ratio: float,
    ) -> None:
        self.ctc_weight = ctc_weight
        self.ctc: nn.Module | None = None
        if ctc_weight > 0:
            self.ctc = CTC(self.vocab_size, self.encoder.output_size(), **(ctc_conf or {}))
        self.criterion_att = LabelSmoothingLoss(self.vocab_size, self.ignore_id, lsm_weight, length_normalized_loss)
        self.length_normalized_loss = length_normalized_loss
        self.predictor_weight = predictor_weight
        self.predictor_bias = predictor_bias
        self.sampling_ratio = sampling_ratio

    def forward(
        self, speech: Tensor, speech_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, Stats, Tensor]:
        """Features [B, T, D] and token ids [B, N], padded with ignore_id, to loss, what to report, and its weight."""
        speech_lengths, text_lengths = speech_lengths.flatten(), text_lengths.flatten()
        encoded, lens = self.encode(speech, speech_lengths)
        stats: Stats = {}
        loss_att, loss_pre, acc = self.attention_loss(encoded, lens, text, text_lengths)
        loss = self.with_ctc(loss_att, encoded, lens, text, text_lengths, stats) + self.predictor_weight * loss_pre
        stats |= {"loss_att": loss_att.detach(), "acc": acc, "loss_pre": loss_pre.detach(), "loss": loss.detach()}
        return loss, stats, self.loss_weight(text_lengths)

    def with_ctc(
        self, loss_att: Tensor, encoded: Tensor, lens: Tensor, text: Tensor, text_lens: Tensor, stats: Stats
    ) -> Tensor:
        """The attention loss mixed with that of CTC, where the network has one."""
        if self.ctc is None:
            return loss_att
        loss_ctc = self.ctc.loss(encoded, lens, text, text_lens)
        stats["loss_ctc"] = loss_ctc.detach()
        return self.ctc_weight * loss_ctc + (1 - self.ctc_weight) * loss_att

    def loss_weight(self, text_lens: Tensor) -> Tensor:
        if self.length_normalized_loss:
            return (text_lens + self.predictor_bias).sum()
        return torch.tensor(len(text_lens), device=text_lens.device)

    def targets(self, text: Tensor, text_lens: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder is to give, with eos where the predictor counts one, and the lengths."""
        text = text[:, : int(text_lens.max())]
        if self.predictor_bias == 1:
            text = append_eos(text, self.eos, self.ignore_id)
        return text, text_lens + self.predictor_bias

    def attention_loss(
        self, encoded: Tensor, lens: Tensor, text: Tensor, text_lens: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Loss of the decoder, loss of the predictor, accuracy of the (first) pass."""
        text, text_lens = self.targets(text, text_lens)
        embedded, sums, _ = self.predictor.to_length(encoded, lens, text_lens)
        first_pass = None
        if self.sampling_ratio > 0:
            embedded, first_pass = self.sample(encoded, lens, text, text_lens, embedded)
        logits = self.decoder(encoded, lens, embedded, text_lens)
        predicted = (logits if first_pass is None else first_pass).argmax(-1)
        loss = self.criterion_att(logits, text)
        loss_pre = length_loss(text_lens, sums, self.length_normalized_loss)
        return loss, loss_pre, accuracy(predicted, text, self.ignore_id)

    def sample(
        self,
        encoded: Tensor,
        lens: Tensor,
        text: Tensor,
        text_lens: Tensor,
        embedded: Tensor,
        context: tuple[Tensor, ...] = (),
    ) -> tuple[Tensor, Tensor]:
        """Some embeddings replaced by those of the right tokens, the more the worse a first pass was; and that pass.

        `context` is what the decoder takes besides.
        """
        is_token = frame_mask(text_lens, text.shape[1])
        right = self.embed_tokens(text * is_token)
        with torch.no_grad():
            logits = self.decoder(encoded, lens, embedded, text_lens, *context)
            num_wrong = ((logits.argmax(-1) != text) & is_token).sum(1)
            given = torch.zeros_like(is_token)
            for row, (length, wrong) in enumerate(zip(text_lens.tolist(), num_wrong, strict=True)):
                count = int(wrong.float() * self.sampling_ratio)
                if count:
                    given[row, torch.randperm(length)[:count].to(given.device)] = True
        mixed = torch.where(given[..., None], right, embedded)
        return mixed * is_token[..., None], logits

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """[B, N] to [B, N, D]; the output layer's rows where embeddings are shared with it."""
        if self.decoder.embed is None:
            return F.embedding(ids, self.decoder.output_layer.weight)
        if hasattr(self.decoder, "embed_at"):  # with positions, as published
            return self.decoder.embed_at(ids)
        return self.decoder.embed(ids)
