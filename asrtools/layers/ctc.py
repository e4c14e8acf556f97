"""The CTC head: one linear layer over frames, and its loss."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.mask import frame_mask


class CTC(nn.Module):
    """Encoder output [B, T, D] to log-probabilities [B, T, V]; parameter ctc_lo."""

    def __init__(
        self,
        vocab_size: int,
        encoder_output_size: int,
        dropout_rate: float = 0.0,
        ctc_type: str = "builtin",
        reduce: bool = True,
        ignore_nan_grad: bool = True,
    ):
        super().__init__()
        if ctc_type != "builtin":
            raise ConfigError(f"ctc_conf.ctc_type is {ctc_type!r}; only builtin is built here")
        self.ctc_lo = nn.Linear(encoder_output_size, vocab_size)
        self.dropout = nn.Dropout(dropout_rate)
        self.reduce = reduce
        self.ignore_nan_grad = ignore_nan_grad

    def forward(self, encoded: Tensor) -> Tensor:
        return self.ctc_lo(encoded).float().log_softmax(-1)

    def loss(self, encoded: Tensor, lens: Tensor, text: Tensor, text_lens: Tensor) -> Tensor:
        """-log p summed over the utterances, over their number; texts that do not fit their audio are left out.

        `text` [B, N] may be padded with anything.
        """
        log_probs = self.ctc_lo(self.dropout(encoded)).float().log_softmax(-1).transpose(0, 1)  # [T, B, V]
        tokens = torch.cat([row[:count] for row, count in zip(text, text_lens.tolist(), strict=True)])
        losses = F.ctc_loss(
            log_probs, tokens, lens.cpu(), text_lens.cpu(), reduction="none", zero_infinity=self.ignore_nan_grad
        )
        if self.ignore_nan_grad:
            losses = losses[fits(lens, text, text_lens)]
        if not self.reduce:
            return losses
        return losses.sum() / max(1, len(losses))


def fits(lens: Tensor, text: Tensor, text_lens: Tensor) -> Tensor:
    """bool [B]: whether a text has a frame for every token and for the blank between two that are the same."""
    repeats = (text[:, 1:] == text[:, :-1]) & frame_mask(text_lens - 1, text.shape[1] - 1)
    return lens >= text_lens + repeats.sum(1)
