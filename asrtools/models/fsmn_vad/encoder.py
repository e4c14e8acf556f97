"""FSMN: feed-forward layers with a memory of the frames before (Zhang et al. 2018, arXiv 1803.05030)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.register import tables

Caches = tuple[Tensor, ...]  # of each layer: the projected frames before, [B, proj_dim, (lorder - 1) * lstride, 1]


class Affine(nn.Module):
    """A linear layer under the published name `linear`."""

    def __init__(self, idim: int, odim: int, bias: bool = True):
        super().__init__()
        self.linear = nn.Linear(idim, odim, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


class Memory(nn.Module):
    """Each frame and a weighted sum of itself and those before it, value by value; not SANM's memory."""

    def __init__(self, dim: int, lorder: int, lstride: int):
        super().__init__()
        self.size = (lorder - 1) * lstride
        self.lstride = lstride
        self.conv_left = nn.Conv2d(dim, dim, (lorder, 1), dilation=(lstride, 1), groups=dim, bias=False)

    def forward(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, D] and what stood before it [B, D, size, 1] to [B, T, D] and what stands before the next frames."""
        frames = torch.cat([cache.squeeze(-1).transpose(1, 2), x], 1)  # [B, size + T, D]
        # as a convolution along the other axis, whose channels-last layout is that of [B, T, D]: no transposes
        image = frames.transpose(1, 2).unsqueeze(2)  # [B, D, 1, size + T]
        kernel = self.conv_left.weight.transpose(2, 3)
        remembered = F.conv2d(image, kernel, dilation=(1, self.lstride), groups=kernel.shape[0])
        cache = frames[:, frames.shape[1] - self.size :].transpose(1, 2).unsqueeze(-1)
        return x + remembered.squeeze(2).transpose(1, 2), cache


class Block(nn.Module):
    def __init__(self, dim: int, proj_dim: int, lorder: int, lstride: int):
        super().__init__()
        self.linear = Affine(dim, proj_dim, bias=False)
        self.fsmn_block = Memory(proj_dim, lorder, lstride)
        self.affine = Affine(proj_dim, dim)

    def forward(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        x, cache = self.fsmn_block(self.linear(x), cache)
        return F.relu(self.affine(x)), cache


@tables.register("encoder_classes", "FSMN")
class FSMN(nn.Module):
    """[B, T, input_dim] to probabilities [B, T, output_dim]; parameters in_linear1/2, fsmn.N, out_linear1/2."""

    def __init__(
        self,
        input_dim: int,
        input_affine_dim: int,
        fsmn_layers: int,
        linear_dim: int,
        proj_dim: int,
        lorder: int,
        rorder: int,
        lstride: int,
        rstride: int,
        output_affine_dim: int,
        output_dim: int,
        use_softmax: bool = True,
    ):
        super().__init__()
        if rorder != 0:
            raise ConfigError(f"encoder_conf.rorder is {rorder}; an FSMN that looks ahead cannot stream, 0 is wanted")
        self.input_dim, self.output_dim = input_dim, output_dim
        self.proj_dim = proj_dim
        self.in_linear1 = Affine(input_dim, input_affine_dim)
        self.in_linear2 = Affine(input_affine_dim, linear_dim)
        self.fsmn = nn.ModuleList(Block(linear_dim, proj_dim, lorder, lstride) for _ in range(fsmn_layers))
        self.out_linear1 = Affine(linear_dim, output_affine_dim)
        self.out_linear2 = Affine(output_affine_dim, output_dim)
        self.use_softmax = use_softmax

    def output_size(self) -> int:
        return self.output_dim

    def no_frames_before(self, batch: int) -> Caches:
        weight = self.in_linear1.linear.weight
        return tuple(weight.new_zeros(batch, self.proj_dim, block.fsmn_block.size, 1) for block in self.fsmn)

    def forward(self, feats: Tensor, caches: Caches | None = None) -> tuple[Tensor, Caches]:
        """`caches`: what the call for the frames before gave; None at the begin."""
        x, after = self._scores(feats, caches)
        return (x.softmax(-1) if self.use_softmax else x), after

    def log_probs(self, feats: Tensor) -> Tensor:
        """Logarithms of what a softmax gives [B, T, output_dim], for training."""
        return self._scores(feats, None)[0].log_softmax(-1)

    def _scores(self, feats: Tensor, caches: Caches | None) -> tuple[Tensor, Caches]:
        if caches is None:
            caches = self.no_frames_before(feats.shape[0])
        x = F.relu(self.in_linear2(self.in_linear1(feats)))
        after = []
        for block, cache in zip(self.fsmn, caches, strict=True):
            x, cache = block(x, cache)
            after.append(cache)
        return self.out_linear2(self.out_linear1(x)), tuple(after)
