"""Transducer: a frame at a time, any number of labels in it (Graves 2012, arXiv 1211.3711)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.ctc_path import said_of
from asrtools.layers.loss import LabelSmoothingLoss
from asrtools.layers.rnnt import JointNetwork, RnntDecoder
from asrtools.layers.rnnt_loss import rnnt_loss
from asrtools.layers.rnnt_search import Settings, Text, beam_search, greedy_search
from asrtools.models.protocols import Decoded, DecodeOptions, Emission
from asrtools.register import tables

BEAM_SIZE = 2  # the published default

Stats = dict[str, Tensor | None]


@tables.register("model_classes", "Transducer")
class Transducer(nn.Module):
    """Features [B, T, input_size] to hypotheses.

    Parameters encoder, decoder, joint_network; ctc_lin and lm_lin where it is trained with those losses.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: RnntDecoder,
        joint_network: JointNetwork,
        vocab_size: int,
        normalize: nn.Module | None = None,
        transducer_weight: float = 1.0,
        fastemit_lambda: float = 0.0,
        auxiliary_ctc_weight: float = 0.0,
        auxiliary_ctc_dropout_rate: float = 0.0,
        auxiliary_lm_loss_weight: float = 0.0,
        auxiliary_lm_loss_smoothing: float = 0.0,
        ignore_id: int = -1,
        blank_id: int = 0,
        sos: int = 1,
        eos: int = 2,
        lsm_weight: float = 0.0,
        length_normalized_loss: bool = False,
        share_embedding: bool = False,
    ):
        super().__init__()
        self.ignore_id, self.blank_id, self.sos, self.eos = ignore_id, blank_id, sos, eos
        self.normalize = normalize
        self.encoder = encoder
        self.decoder = decoder
        self.joint_network = joint_network
        self.transducer_weight = transducer_weight
        self.fastemit_lambda = fastemit_lambda
        self.auxiliary_ctc_weight = auxiliary_ctc_weight
        self.auxiliary_lm_loss_weight = auxiliary_lm_loss_weight
        if auxiliary_ctc_weight > 0:
            self.ctc_lin = nn.Linear(encoder.output_size(), vocab_size)
            self.ctc_dropout = nn.Dropout(auxiliary_ctc_dropout_rate)
        if auxiliary_lm_loss_weight > 0:
            self.lm_lin = nn.Linear(decoder.output_size(), vocab_size)
            self.lm_loss = LabelSmoothingLoss(vocab_size, ignore_id, auxiliary_lm_loss_smoothing)

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
        if options.lm_weight and options.lm is None:
            raise ConfigError(f"lm_weight is {options.lm_weight} without a language model; name one as lm_file")
        encoded, lens = self.encode(feats, feats_lens)
        settings = Settings(
            options.beam_size or BEAM_SIZE, self.blank_id, self.sos, lm=options.lm, lm_weight=options.lm_weight
        )
        networks = (self.decoder, self.joint_network, settings)
        rows = [row[:length] for row, length in zip(encoded, lens.tolist(), strict=True)]
        if options.greedy:
            found = [[text] for text in greedy_search(encoded, lens, *networks)]
        else:
            found = [beam_search(row, *networks) for row in rows]
        frames = [self._by_ctc(row) if options.timestamps else None for row in rows]
        return [
            tuple(self._decoded(text, own) for text in texts[: max(1, options.nbest)])
            for texts, own in zip(found, frames, strict=True)
        ]

    def _by_ctc(self, encoded: Tensor) -> Tensor | None:
        """What the auxiliary CTC head says of frames [T, V], where it is trained with one."""
        return self.ctc_lin(encoded).float().log_softmax(-1) if self.auxiliary_ctc_weight > 0 else None

    def _decoded(self, text: Text, frames: Tensor | None) -> Decoded:
        """Without the ids that stand for no text."""
        kept = [index for index, one in enumerate(text.ids) if one not in (self.blank_id, self.sos, self.eos)]
        ids = tuple(text.ids[i] for i in kept)
        subsample = int(getattr(self.encoder, "subsampling", 1))
        timing = None
        if frames is not None and ids:
            timing = Emission(said_of(frames, ids, self.blank_id), subsample)
        return Decoded(ids, text.score, tuple(text.log_probs[i] for i in kept), timing)

    def forward(
        self, speech: Tensor, speech_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, Stats, Tensor]:
        """Features [B, T, D] and token ids [B, N], padded with ignore_id, to loss, what to report, and its weight."""
        speech_lengths, text_lengths = speech_lengths.flatten(), text_lengths.flatten()
        text = text[:, : int(text_lengths.max())]
        encoded, lens = self.encode(speech, speech_lengths)
        is_label = text != self.ignore_id
        labels = text.masked_fill(~is_label, self.blank_id)
        decoded = self.decoder(F.pad(labels, (1, 0), value=self.blank_id))
        logits = self.joint_network(encoded, decoded)
        losses = rnnt_loss(logits, labels, lens.clamp(min=1), is_label.sum(1), self.blank_id, self.fastemit_lambda)
        loss_transducer = losses.mean().float()
        loss = self.transducer_weight * loss_transducer
        stats: Stats = {"loss_transducer": loss_transducer.detach()}
        if self.auxiliary_ctc_weight > 0:
            loss_ctc = self._ctc_loss(encoded, lens, labels, is_label)
            stats["aux_ctc_loss"] = loss_ctc.detach()
            loss = loss + self.auxiliary_ctc_weight * loss_ctc
        if self.auxiliary_lm_loss_weight > 0:
            loss_lm = self.lm_loss(self.lm_lin(decoded[:, :-1]), text)
            stats["aux_lm_loss"] = loss_lm.detach()
            loss = loss + self.auxiliary_lm_loss_weight * loss_lm
        stats["loss"] = loss.detach()
        return loss, stats, torch.tensor(len(text), device=loss.device)

    def _ctc_loss(self, encoded: Tensor, lens: Tensor, labels: Tensor, is_label: Tensor) -> Tensor:
        log_probs = self.ctc_lin(self.ctc_dropout(encoded)).float().log_softmax(-1).transpose(0, 1)
        losses = F.ctc_loss(
            log_probs, labels[is_label], lens.cpu(), is_label.sum(1).cpu(), reduction="sum", zero_infinity=True
        )
        return losses / len(labels)
