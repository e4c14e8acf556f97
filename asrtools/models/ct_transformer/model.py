"""CTTransformer: the mark after each word of a text (Chen et al. 2020, arXiv 2003.01309)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.mask import frame_mask
from asrtools.register import tables


@tables.register("model_classes", "CTTransformer")
class CTTransformer(nn.Module):
    """Word ids [B, N] to the scores of the marks of `punc_list` [B, N, P]; parameters embed, encoder, decoder."""

    is_streaming = False  # whether its texts come piece by piece

    def __init__(
        self,
        encoder: nn.Module,
        vocab_size: int,
        punc_list: list,
        punc_weight: list | None = None,
        embed_unit: int = 128,
        att_unit: int = 256,
        dropout_rate: float = 0.5,
        ignore_id: int = -1,
        sos: int = 1,
        eos: int = 2,
        sentence_end_id: int = 3,
    ):
        super().__init__()
        if punc_weight is not None and len(punc_weight) != len(punc_list):
            raise ConfigError(
                f"model_conf.punc_weight has {len(punc_weight)} values for {len(punc_list)} marks of punc_list; "
                "each mark should have one"
            )
        if not 0 <= sentence_end_id < len(punc_list):
            raise ConfigError(
                f"model_conf.sentence_end_id is {sentence_end_id}; should be a place in punc_list, 0 to "
                f"{len(punc_list) - 1}"
            )
        self.embed = nn.Embedding(vocab_size, embed_unit)
        self.encoder = encoder
        self.decoder = nn.Linear(att_unit, len(punc_list))
        self.punc_list = tuple(str(mark) for mark in punc_list)
        self.punc_weight = None if punc_weight is None else tuple(float(weight) for weight in punc_weight)
        self.ignore_id = ignore_id
        self.sentence_end_id = sentence_end_id

    def encode(self, text: Tensor, text_lens: Tensor, vad_indexes: Tensor | None = None) -> Tensor:
        """[B, N] to [B, N, att_unit]."""
        return self.encoder(self.embed(text), text_lens)[0]

    def logits(self, text: Tensor, text_lens: Tensor, vad_indexes: Tensor | None = None) -> Tensor:
        """[B, N] to [B, N, P]; `vad_indexes` [B] means something to the streaming variant only."""
        return self.decoder(self.encode(text, text_lens, vad_indexes))

    @torch.inference_mode()
    def punctuate(self, ids: Sequence[Sequence[int]], vad_masks: Sequence[int] | None = None) -> list[np.ndarray]:
        """Windows of word ids to int64 [N] of places in punc_list, one array a window.

        `vad_masks`: how many words of each window stand before the last pause (streaming variant).
        """
        lens = [len(one) for one in ids]
        if not lens or not max(lens):
            return [np.zeros(0, dtype=np.int64) for _ in lens]
        padded = np.zeros((len(lens), max(lens)), dtype=np.int64)
        for row, one in zip(padded, ids, strict=True):
            row[: len(one)] = one
        device = self.embed.weight.device
        pauses = torch.tensor(list(vad_masks or [0] * len(lens)), device=device)
        scores = self.logits(torch.from_numpy(padded).to(device), torch.tensor(lens, device=device), pauses)
        best = scores.argmax(-1).cpu().numpy()
        return [row[:length] for row, length in zip(best, lens, strict=True)]

    def forward(
        self,
        text: Tensor,
        punc: Tensor,
        text_lengths: Tensor,
        punc_lengths: Tensor,
        vad_indexes: Tensor | None = None,
        vad_indexes_lengths: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Any], Tensor]:
        """Weighted cross-entropy by the number of words; in evaluation too, where FunASR gives an F1 as its loss."""
        lens = text_lengths.reshape(-1)
        num = int(lens.max())
        text, punc = text[:, :num], punc[:, :num]
        logits = self.logits(text, lens, vad_indexes)
        weight = None if self.punc_weight is None else logits.new_tensor(self.punc_weight)
        losses = F.cross_entropy(
            logits.flatten(0, 1), punc.flatten(), weight, reduction="none", ignore_index=self.ignore_id
        )
        is_word = frame_mask(lens, num)
        num_words = lens.sum()
        loss = (losses.view_as(punc) * is_word).sum() / num_words
        is_right = (logits.detach().argmax(-1) == punc) & is_word & (punc != self.ignore_id)
        counted = (is_word & (punc != self.ignore_id)).sum().clamp(min=1)
        return loss, {"loss": loss.detach(), "acc": is_right.sum() / counted}, num_words
