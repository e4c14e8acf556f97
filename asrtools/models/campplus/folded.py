"""CAM++ for use: the same arithmetic with every batch norm folded into a convolution beside it.

Over twice as fast as the layers as published: convolutions run channels-last, dense blocks are matrix products in
one buffer in place of growing copies, and what goes through together is little enough to stay in the cache.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad, relu_

from asrtools.models.campplus.dense_tdnn import CONTEXT_FRAMES, ContextMask, DenseTdnnBlock
from asrtools.models.campplus.residual_head import CHANNELS, BasicResBlock, ResidualHead

HEAD_CONTEXT = 10  # frames that an output of the head depends on, to either side
HEAD_CHUNK = 600  # frames of a long input that go through the head at a time
TDNN_CHUNK = 4096  # and that are laid out for the first convolution over time


def fold_after(weight: Tensor, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution without bias whose output the norm scales."""
    scale, shift = affine_of(norm)
    folded = weight.double() * scale.view(-1, *[1] * (weight.dim() - 1))
    return folded.to(weight.dtype), shift.to(weight.dtype)


def affine_of(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """What a batch norm does in use, as x * scale + shift, in double precision."""
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -norm.running_mean.double() * scale
    return scale, shift if norm.bias is None else shift + norm.bias.double()


@dataclass(frozen=True, eq=False)
class ClampedLinear:
    """W relu(s x + b) as W' clamp(x, low, high) + c: one pass over x in place of three.

    relu(s x + b) is s max(x, -b/s) + b where s > 0, and s min(x, -b/s) + b where s < 0.
    """

    low: Tensor  # [C]
    high: Tensor  # [C]
    weight: Tensor  # [O, C]
    bias: Tensor  # [O]

    @classmethod
    def of(cls, norm: nn.Module, weight: Tensor, after: nn.Module | None = None) -> "ClampedLinear":
        """For the norm before a convolution of one frame, and the norm `after` it where there is one."""
        scale, shift = affine_of(norm)
        turn = torch.where(scale == 0, 0.0, -shift / scale)  # where the input crosses the relu's corner
        infinity = torch.full_like(turn, torch.inf)
        matrix = weight.flatten(1).double()
        bias = matrix @ torch.where(scale == 0, shift.clamp(min=0), shift)
        matrix = matrix * scale
        if after is not None:
            scale_after, shift_after = affine_of(after)
            matrix, bias = matrix * scale_after[:, None], bias * scale_after + shift_after
        low, high = torch.where(scale > 0, turn, -infinity), torch.where(scale < 0, turn, infinity)
        return cls(*(x.to(weight.dtype) for x in (low, high, matrix.contiguous(), bias)))

    def __call__(self, x: Tensor) -> Tensor:  # [N, C] -> [N, O]
        return torch.addmm(self.bias, torch.clamp(x, self.low, self.high), self.weight.t())


class FoldedBlock:
    """One residual block of the head."""

    def __init__(self, block: BasicResBlock):
        self.first = _conv2d(block.conv1, block.bn1)
        self.second = _conv2d(block.conv2, block.bn2)
        self.shortcut = _conv2d(block.shortcut[0], block.shortcut[1]) if len(block.shortcut) else None
        self.stride = block.conv1.stride[::-1]

    def __call__(self, x: Tensor) -> Tensor:
        inner = conv2d(relu_(conv2d(x, *self.first, stride=self.stride, padding=1)), *self.second, padding=1)
        return relu_(inner.add_(x if self.shortcut is None else conv2d(x, *self.shortcut, stride=self.stride)))


class FoldedHead:
    """Features [B, T, F] to [B, T, F // 8 * C]: time comes first here, so that nothing is ever transposed."""

    def __init__(self, head: ResidualHead):
        self.first = _conv2d(head.conv1, head.bn1)
        self.blocks = [FoldedBlock(block) for block in (*head.layer1, *head.layer2)]
        self.last = _conv2d(head.conv2, head.bn2)

    def __call__(self, feats: Tensor) -> Tensor:
        num_frames = feats.shape[1]
        if num_frames <= HEAD_CHUNK + 2 * HEAD_CONTEXT:
            return self._whole(feats)
        pieces = []
        for start in range(0, num_frames, HEAD_CHUNK):
            begin, end = max(0, start - HEAD_CONTEXT), min(num_frames, start + HEAD_CHUNK + HEAD_CONTEXT)
            piece = self._whole(feats[:, begin:end])
            pieces.append(piece[:, start - begin : start - begin + HEAD_CHUNK])
        return torch.cat(pieces, dim=1)

    def _whole(self, feats: Tensor) -> Tensor:
        num_rows, num_frames, num_mels = feats.shape
        # with a single channel both layouts fit, and torch takes the slow one unless the strides say channels-last
        strides = num_frames * num_mels, 1, num_mels, 1
        x = feats.contiguous().as_strided((num_rows, 1, num_frames, num_mels), strides)
        x = relu_(conv2d(x, *self.first, padding=1))  # [B, C, T, F]
        for block in self.blocks:
            x = block(x)
        x = relu_(conv2d(x, *self.last, stride=(1, 2), padding=1))
        return x.permute(0, 2, 3, 1).flatten(2)  # without a copy


class FoldedMask:
    """A dense layer's second half: the local convolution and its mask."""

    def __init__(self, layer: ContextMask):
        local = layer.linear_local.weight  # [O, C, K]
        self.num_out, _, self.num_taps = local.shape
        self.dilation = layer.linear_local.dilation[0]
        self.local = local.permute(2, 0, 1).flatten(0, 1).contiguous()  # [K O, C]
        self.first = layer.linear1.weight.squeeze(-1), layer.linear1.bias
        self.second = layer.linear2.weight.squeeze(-1), layer.linear2.bias

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """Hidden activations [B, T, C] to the layer's channels, written into `out` [B, T, O]."""
        num_frames = x.shape[1]
        taps = linear(x, self.local).unflatten(-1, (self.num_taps, self.num_out))  # [B, T, K, O]
        middle = self.num_taps // 2
        local = taps[:, :, middle]
        for tap in range(self.num_taps):
            shift = (tap - middle) * self.dilation  # of the frame that is seen
            if shift == 0 or abs(shift) >= num_frames:
                continue
            if shift > 0:
                local[:, :-shift] += taps[:, shift:, tap]
            else:
                local[:, -shift:] += taps[:, :shift, tap]
        whole = x.mean(dim=1, keepdim=True)
        if num_frames <= CONTEXT_FRAMES:
            torch.mul(local, self._mask(2 * whole), out=out)
            return
        for start in range(0, num_frames, CONTEXT_FRAMES):
            stretch = slice(start, start + CONTEXT_FRAMES)
            mask = self._mask(whole + x[:, stretch].mean(dim=1, keepdim=True))
            torch.mul(local[:, stretch], mask, out=out[:, stretch])

    def _mask(self, context: Tensor) -> Tensor:  # [B, 1, C] -> [B, 1, O]
        return torch.sigmoid(linear(relu_(linear(context, *self.first)), *self.second))


class FoldedDense:
    """A dense block: its input and all its layers' channels in one buffer."""

    def __init__(self, block: DenseTdnnBlock):
        self.layers = []
        for layer in block.values():
            narrow = ClampedLinear.of(
                layer.nonlinear1.batchnorm, layer.linear1.weight, after=layer.nonlinear2.batchnorm
            )
            self.layers.append((narrow, FoldedMask(layer.cam_layer)))
        self.num_added = sum(mask.num_out for _, mask in self.layers)

    def __call__(self, x: Tensor) -> Tensor:  # [B, T, C] -> [B, T, C + added]
        num_rows, num_frames, width = x.shape
        buffer = x.new_empty(num_rows, num_frames, width + self.num_added)
        buffer[..., :width] = x
        flat = buffer.flatten(0, 1)
        for narrow, mask in self.layers:
            hidden = relu_(narrow(flat[:, :width])).unflatten(0, (num_rows, num_frames))
            mask(hidden, buffer[..., width : width + mask.num_out])
            width += mask.num_out
        return buffer


class FoldedCampplus:
    """Features [B, T, F] to embeddings [B, E]; for networks of the published nonlinearity, `batchnorm-relu`."""

    def __init__(self, head: ResidualHead, xvector: nn.Sequential):
        self.head = FoldedHead(head)
        tdnn = xvector.tdnn
        weight, self.tdnn_bias = fold_after(tdnn.linear.weight, tdnn.nonlinear.batchnorm)
        weight = weight.unflatten(1, (CHANNELS, -1))  # [O, C, F', K], as the published head flattens them
        self.tdnn_weight = weight.permute(0, 3, 2, 1).flatten(1)  # [O, K F' C]
        self.tdnn_taps, self.tdnn_stride = tdnn.linear.kernel_size[0], tdnn.linear.stride[0]
        self.blocks = []
        for index in (1, 2, 3):
            block, transit = xvector.get_submodule(f"block{index}"), xvector.get_submodule(f"transit{index}")
            after = xvector.out_nonlinear.batchnorm if index == 3 else None
            joint = ClampedLinear.of(transit.nonlinear.batchnorm, transit.linear.weight, after)
            self.blocks.append((FoldedDense(block), joint))
        weight, self.dense_bias = fold_after(xvector.dense.linear.weight, xvector.dense.nonlinear.batchnorm)
        self.dense_weight = weight.squeeze(-1)

    def __call__(self, feats: Tensor) -> Tensor:
        reach = self.tdnn_taps // 2
        x = pad(self.head(feats), (0, 0, reach, reach))  # [B, T, C]
        x = x.unfold(1, self.tdnn_taps, self.tdnn_stride).transpose(2, 3)  # [B, T', K, C], still without a copy
        num_rows, num_frames = x.shape[:2]
        x = torch.cat([self._tdnn(piece) for piece in x.split(TDNN_CHUNK, dim=1)], dim=1).flatten(0, 1)
        for block, joint in self.blocks:
            x = joint(block(x.unflatten(0, (num_rows, num_frames))).flatten(0, 1))
        x = relu_(x).unflatten(0, (num_rows, num_frames))
        mean = x.mean(dim=1)
        # torch's own std takes ten times as long along this axis
        spread = (x - mean[:, None]).square_().sum(dim=1).div_(max(1, num_frames - 1)).sqrt_()
        return torch.addmm(self.dense_bias, torch.cat([mean, spread], dim=1), self.dense_weight.t())

    def _tdnn(self, taps: Tensor) -> Tensor:  # [B, T, K, C] -> [B, T, O]
        flat = taps.reshape(taps.shape[0] * taps.shape[1], -1)
        return relu_(torch.addmm(self.tdnn_bias, flat, self.tdnn_weight.t())).unflatten(0, taps.shape[:2])


def _conv2d(conv: nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight, with time before mel, and bias."""
    weight, bias = fold_after(conv.weight, norm)
    return weight.transpose(2, 3).contiguous(memory_format=torch.channels_last), bias
