"""Layer normalisation as the published models have it."""

from torch import Tensor, nn


class LayerNorm(nn.LayerNorm):
    """Over the last axis, with the epsilon of the Paraformer family (SenseVoice's own blocks have 1e-5)."""

    def __init__(self, size: int, eps: float = 1e-12):
        super().__init__(size, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(self.weight.dtype))  # also where the layers round it are in 16 bits
