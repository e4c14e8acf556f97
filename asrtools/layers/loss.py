"""Losses that several families share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LabelSmoothingLoss(nn.Module):
    """KL(smoothed target || prediction), summed over classes and tokens that are not padding.

    Divided by the batch size, or by the number of tokens with `normalize_length`.
    """

    def __init__(self, size: int, padding_idx: int, smoothing: float, normalize_length: bool = False):
        super().__init__()
        self.size = size
        self.padding_idx = padding_idx
        self.smoothing = smoothing
        self.normalize_length = normalize_length

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """logits [B, N, V], target [B, N]."""
        is_token = target != self.padding_idx
        log_probs = F.log_softmax(logits.float(), dim=-1)[is_token]  # [M, V]
        right = log_probs.gather(1, target[is_token][:, None]).squeeze(1)
        share = self.smoothing / (self.size - 1)
        kept = 1.0 - self.smoothing
        cross = -(kept * right + share * (log_probs.sum(1) - right))
        entropy = -(_x_log_x(kept) + (self.size - 1) * _x_log_x(share))
        count = is_token.sum() if self.normalize_length else target.shape[0]
        return (cross - entropy).sum() / count


def _x_log_x(x: float) -> float:
    return x * float(torch.log(torch.tensor(x, dtype=torch.float64))) if x > 0 else 0.0


def length_loss(target_lens: Tensor, sums: Tensor, normalize_length: bool = False) -> Tensor:
    """|number of tokens - sum of a predictor's weights|, per utterance or per token."""
    count = target_lens.sum() if normalize_length else target_lens.shape[0]
    return (target_lens.to(sums.dtype) - sums).abs().sum() / count


def accuracy(predicted: Tensor, target: Tensor, ignore_id: int) -> Tensor:
    """The part of the tokens [B, N] that is right."""
    is_token = target != ignore_id
    return ((predicted == target) & is_token).sum() / is_token.sum()


def append_eos(text: Tensor, eos: int, ignore_id: int) -> Tensor:
    """[B, N] padded with ignore_id to [B, N + 1] with eos after the last token."""
    lens = (text != ignore_id).sum(1)
    longer = F.pad(text, (0, 1), value=ignore_id)
    return longer.scatter(1, lens[:, None], eos)
