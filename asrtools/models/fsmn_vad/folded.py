"""FSMN for use: the same arithmetic in fewer steps, because a packet of a stream is little work and many calls.

The two linear layers at the end are one, and a memory adds the frame itself by its kernel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from asrtools.models.fsmn_vad.encoder import FSMN

FEW_FRAMES = 32  # up to here a product with the windows is quicker than a convolution

State = tuple[Tensor, ...]  # of each layer: the projected frames before, [B, size, proj_dim]


class FoldedFsmn:
    """The probability of silence from the parameters that an encoder has now."""

    def __init__(self, encoder: FSMN, silence_ids: tuple[int, ...]):
        self.silence_ids = list(silence_ids)
        self.use_softmax = encoder.use_softmax
        self.before = [(layer.linear.weight, layer.linear.bias) for layer in (encoder.in_linear1, encoder.in_linear2)]
        self.blocks = []
        for block in encoder.fsmn:
            taps = block.fsmn_block.conv_left.weight[:, 0, :, 0].clone()  # [D, lorder]
            taps[:, -1] += 1
            memory = (block.fsmn_block.size, block.fsmn_block.lstride, taps)
            self.blocks.append(
                (block.linear.linear.weight, memory, block.affine.linear.weight, block.affine.linear.bias)
            )
        first, second = encoder.out_linear1.linear, encoder.out_linear2.linear
        self.weight = (second.weight.double() @ first.weight.double()).to(first.weight.dtype)
        self.bias = (second.weight.double() @ first.bias.double() + second.bias.double()).to(first.weight.dtype)

    def __call__(self, feats: Tensor, state: State | None) -> tuple[Tensor, State]:
        """[B, T, D] and what the call for the frames before gave to [B, T] and the next state."""
        x = feats
        for weight, bias in self.before:
            x = F.linear(x, weight, bias)
        x = x.relu_()
        after = []
        for index, (down, (size, stride, taps), up, bias) in enumerate(self.blocks):
            rows = F.linear(x, down)
            cache = rows.new_zeros(len(rows), size, rows.shape[2]) if state is None else state[index]
            rows = torch.cat([cache, rows], 1)  # [B, size + T, D]
            after.append(rows[:, rows.shape[1] - size :].clone())
            x = F.linear(remember(rows, taps, size, stride), up, bias).relu_()
        scores = F.linear(x, self.weight, self.bias)
        if self.use_softmax:
            scores = scores.softmax(-1)
        if len(self.silence_ids) == 1:
            return scores[..., self.silence_ids[0]], tuple(after)
        return scores[..., self.silence_ids].sum(-1), tuple(after)


def remember(rows: Tensor, taps: Tensor, size: int, stride: int) -> Tensor:
    """Each frame of [B, size + T, D] after the first `size`, with those before it, weighted value by value."""
    if rows.shape[1] - size <= FEW_FRAMES:
        windows = rows.unfold(1, size + 1, 1)[..., ::stride]  # [B, T, D, lorder]
        return (windows * taps).sum(-1)
    # channels-last, which [B, T, D] already is as an image of one line
    image = rows.transpose(1, 2).unsqueeze(2)
    kernel = taps[:, None, None]
    return F.conv2d(image, kernel, dilation=(1, stride), groups=len(taps)).squeeze(2).transpose(1, 2)
