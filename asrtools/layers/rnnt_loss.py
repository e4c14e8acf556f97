"""The transducer's loss (Graves 2012, arXiv 1211.3711, section 2.4), in plain torch.

Along the labels of one frame the recursion is linear in the probability, so that it is a cumulated sum; only frames are
looped over.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def rnnt_loss(
    logits: Tensor, labels: Tensor, frame_lens: Tensor, label_lens: Tensor, blank: int = 0, fastemit: float = 0.0
) -> Tensor:
    """-log p of each text, float64 [B]; logits [B, T, U + 1, V], labels [B, U].

    `fastemit` adds that part to the gradient of labels and leaves the value alone (Yu et al. 2021, arXiv 2010.11148).
    """
    log_probs = logits.float().log_softmax(-1)
    by_blank = log_probs[..., blank].double()  # [B, T, U + 1]
    chosen = labels.long()[:, None, :, None].expand(-1, logits.shape[1], -1, 1)
    by_label = log_probs[:, :, :-1].gather(3, chosen).squeeze(3).double()  # [B, T, U]
    if fastemit:
        by_label = by_label * (1 + fastemit) - fastemit * by_label.detach()
    said = F.pad(by_label.cumsum(2), (1, 0))  # [B, T, U + 1]: all labels so far in this frame
    reached = said[:, 0]
    ends = [reached]
    for frame in range(1, logits.shape[1]):
        entered = reached + by_blank[:, frame - 1]
        reached = said[:, frame] + torch.logcumsumexp(entered - said[:, frame], dim=1)
        ends.append(reached)
    rows = torch.arange(len(logits), device=logits.device)
    last = (frame_lens.to(rows.device) - 1).long()
    num = label_lens.to(rows.device).long()
    return -(torch.stack(ends, 1)[rows, last, num] + by_blank[rows, last, num])
