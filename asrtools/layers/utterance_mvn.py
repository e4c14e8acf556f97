"""Features normalised over their own utterance."""

import torch
from torch import Tensor, nn

from asrtools.register import tables


@tables.register("normalize_classes", "UtteranceMVN")
@tables.register("normalize_classes", "utterance_mvn")
class UtteranceMVN(nn.Module):
    """[B, T, D] without the mean of each value; with `norm_vars` divided by the root of its deviation, as published."""

    def __init__(self, norm_means: bool = True, norm_vars: bool = False, eps: float = 1.0e-20):
        super().__init__()
        self.norm_means, self.norm_vars, self.eps = norm_means, norm_vars, eps

    def forward(self, feats: Tensor, lens: Tensor) -> tuple[Tensor, Tensor]:
        is_frame = (torch.arange(feats.shape[1], device=feats.device) < lens[:, None])[..., None]
        count = lens.clamp(min=1)[:, None, None]
        feats = feats * is_frame
        centred = (feats - feats.sum(1, keepdim=True) / count) * is_frame
        x = centred if self.norm_means else feats
        if self.norm_vars:
            deviation = (centred.square().sum(1, keepdim=True) / count).sqrt().clamp(min=self.eps)
            x = x / (deviation.sqrt() if self.norm_means else deviation)
        return x, lens
