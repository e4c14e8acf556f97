"""SenseVoiceSmall: text, language, emotion and event of an utterance by CTC (An et al. 2024, arXiv 2407.04051)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from asrtools.errors import DataError
from asrtools.layers.ctc import CTC
from asrtools.layers.loss import LabelSmoothingLoss, accuracy
from asrtools.models.protocols import Decoded, DecodeOptions, Emission
from asrtools.models.sense_voice.queries import (
    ITN,
    LANGUAGES,
    NUM_QUERIES,
    NUM_ROWS,
    PUBLISHED_TAGS,
    TAG_QUERIES,
    emission,
    itn_row,
    language_row,
    read_path,
)
from asrtools.register import tables

UNKNOWN_LANGUAGE_RATE = 0.2  # of training utterances whose language is not told


@tables.register("model_classes", "SenseVoiceSmall")
class SenseVoiceSmall(nn.Module):
    """Features [B, T, input_size] to tags and text.

    Parameters embed (the queries), encoder, ctc. The first four outputs are language, emotion, event and itn.
    """

    def __init__(
        self,
        encoder: nn.Module,
        input_size: int,
        vocab_size: int,
        normalize: nn.Module | None = None,
        ctc_conf: dict[str, Any] | None = None,
        ignore_id: int = -1,
        blank_id: int = 0,
        sos: int = 1,
        eos: int = 2,
        length_normalized_loss: bool = False,
        lsm_weight: float = 0.0,
    ):
        super().__init__()
        self.blank_id, self.sos, self.eos, self.ignore_id = blank_id, sos, eos, ignore_id
        self.vocab_size = vocab_size
        self.normalize = normalize
        self.encoder = encoder
        self.ctc = CTC(vocab_size, encoder.output_size(), **(ctc_conf or {}))
        self.embed = nn.Embedding(NUM_ROWS, input_size)
        self.length_normalized_loss = length_normalized_loss
        self.criterion_att = LabelSmoothingLoss(vocab_size, ignore_id, lsm_weight, length_normalized_loss)
        self.tag_ids: Mapping[str, int] = PUBLISHED_TAGS

    def set_tag_ids(self, ids: Mapping[str, int]) -> None:
        """Tell where the tags (`zh`, `withitn`, `EMO_UNKNOWN`, ...) stand in a vocabulary of one's own."""
        self.tag_ids = dict(ids)

    def encode(self, feats: Tensor, feats_lens: Tensor, languages: Tensor, itn: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of the embedding for language and itn, int64 [B] each; the output has NUM_QUERIES frames more."""
        if self.normalize is not None:
            feats, feats_lens = self.normalize(feats, feats_lens)
        tags = torch.tensor(TAG_QUERIES, device=feats.device).expand(feats.shape[0], -1)
        queries = self.embed(torch.cat([languages[:, None], tags, itn[:, None]], dim=1))
        encoded, lens = self.encoder(torch.cat([queries.to(feats.dtype), feats], dim=1), feats_lens + NUM_QUERIES)
        return encoded, lens

    @torch.inference_mode()
    def recognize(
        self, feats: Tensor, feats_lens: Tensor, options: DecodeOptions | None = None
    ) -> list[tuple[Decoded, ...]]:
        options = options or DecodeOptions()
        language = torch.full((len(feats),), language_row(options.language), device=feats.device)
        itn = torch.full_like(language, itn_row(options.use_itn))
        encoded, lens = self.encode(feats, feats_lens, language, itn)
        banned = self.tag_ids.get("EMO_UNKNOWN") if options.ban_emo_unk else None
        return [
            (self.decoded(self.ctc(one[:length]), banned, options.timestamps),)
            for one, length in zip(encoded, lens.tolist(), strict=True)
        ]

    def decoded(self, log_probs: Tensor, banned: int | None, timestamps: bool) -> Decoded:
        """The likeliest token of every frame [T, V], each run of one token once."""
        allowed = log_probs
        if banned is not None and banned < self.vocab_size:
            allowed = log_probs.index_fill(1, torch.tensor([banned], device=log_probs.device), -torch.inf)
        best, ids = (part.cpu().numpy() for part in allowed.max(-1))
        decoded = read_path(best, ids, self.blank_id)
        if not timestamps or not decoded.ids:
            return decoded
        return replace(decoded, timing=self.emission(log_probs[NUM_QUERIES:], decoded.ids))

    def emission(self, log_probs: Tensor, ids: Sequence[int]) -> Emission:
        """What an alignment of the text with its frames [T, V] needs."""
        columns = torch.tensor([self.blank_id, *ids], device=log_probs.device)
        is_blank = log_probs.argmax(-1) == self.blank_id
        return emission(log_probs[:, columns].cpu().numpy(), is_blank.cpu().numpy())

    def forward(
        self, speech: Tensor, speech_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Features [B, T, D] and ids [B, N], padded with ignore_id, to loss, what to report, and its weight.

        The ids of an utterance begin with its language, emotion, event and itn; `text_lengths` counts them.
        """
        speech_lengths, text_lengths = speech_lengths.flatten(), text_lengths.flatten()
        tags, text = text[:, :NUM_QUERIES], text[:, NUM_QUERIES:]
        encoded, lens = self.encode(speech, speech_lengths, self.told_languages(tags[:, 0]), self.told_itn(tags[:, 3]))
        loss_ctc = self.ctc.loss(encoded[:, NUM_QUERIES:], lens - NUM_QUERIES, text, text_lengths - NUM_QUERIES)
        logits = self.ctc.ctc_lo(encoded[:, :NUM_QUERIES])
        loss_rich = self.criterion_att(logits, tags)
        loss = loss_ctc + loss_rich
        stats = {
            "loss_ctc": loss_ctc.detach(),
            "loss_rich": loss_rich.detach(),
            "loss": loss.detach(),
            "acc_rich": accuracy(logits.argmax(-1), tags, self.ignore_id),
        }
        count = (text_lengths + 1).sum() if self.length_normalized_loss else torch.tensor(len(text))
        return loss, stats, count.to(loss.device)

    def told_languages(self, ids: Tensor) -> Tensor:
        """Rows for the language tags of a training batch; some are not told, so that the model learns to find out."""
        rows = {self.tag_ids[name]: row for name, row in LANGUAGES.items() if name in self.tag_ids}
        told = [rows.get(one, 0) if float(torch.rand(1)) > UNKNOWN_LANGUAGE_RATE else 0 for one in ids.tolist()]
        return torch.tensor(told, device=ids.device)

    def told_itn(self, ids: Tensor) -> Tensor:
        rows = {self.tag_ids[name]: row for name, row in ITN.items() if name in self.tag_ids}
        wrong = [one for one in ids.tolist() if one not in rows]
        if wrong:
            known = ", ".join(f"{one} ({name})" for name, one in self.tag_ids.items() if name in ITN) or "not known"
            raise DataError(
                f"text: its fourth id is {wrong[0]}; it should be that of <|withitn|> or <|woitn|>: {known}"
            )
        return torch.tensor([rows[one] for one in ids.tolist()], device=ids.device)
