"""Convolutions over time and frequency that make one frame of several, at the door of an encoder."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.mask import frame_mask

# the layers of each kind, as (kernel, stride)
SHAPES = {
    "conv2d": ((3, 2), (3, 2)),
    "conv2dpad": ((3, 2), (3, 2)),
    "conv2d2": ((3, 2), (3, 1)),
    "conv2d6": ((3, 2), (5, 3)),
    "conv2d8": ((3, 2), (3, 2), (3, 2)),
}
END_FRAMES = 4  # of zeros, that conv2dpad puts after an utterance


class Conv2dSubsampling(nn.Module):
    """Features [B, T, input_size] to [B, T', size] with their positions; parameters conv, out."""

    def __init__(self, kind: str, input_size: int, size: int, position: nn.Module):
        super().__init__()
        self.shapes = SHAPES[kind]
        self.num_end_frames = END_FRAMES if kind == "conv2dpad" else 0
        layers: list[nn.Module] = []
        for kernel, stride in self.shapes:
            layers += [nn.Conv2d(size if layers else 1, size, kernel, stride), nn.ReLU()]
        self.conv = nn.Sequential(*layers)
        num_bins = self._after(input_size)
        if num_bins < 1:
            raise ConfigError(f"{input_size} features are too few for input_layer {kind}; take another one")
        self.out = nn.Sequential(nn.Linear(size * num_bins, size), position)

    @property
    def factor(self) -> int:
        """Frames of the input to one of the output."""
        product = 1
        for _, stride in self.shapes:
            product *= stride
        return product

    def forward(self, feats: Tensor, lens: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Frames, what attention wants of their positions, lengths; what is too short has length 0."""
        lens_out = self.output_lens(lens)
        if self.num_end_frames:
            feats = feats * frame_mask(lens, feats.shape[1])[..., None]
        wanted = self._shortest() - self.num_end_frames
        if torch.jit.is_tracing():  # as a number of the graph
            missing = (wanted - torch._shape_as_tensor(feats)[1]).clamp(min=0)
            feats = torch.cat([feats, feats.new_zeros((feats.shape[0], missing, feats.shape[2]))], 1)
            feats = F.pad(feats, (0, 0, 0, self.num_end_frames))
        else:
            feats = F.pad(feats, (0, 0, 0, self.num_end_frames + max(0, wanted - feats.shape[1])))
        x = self.conv(feats[:, None])  # [B, C, T', F]
        x = self.out[0](x.transpose(1, 2).flatten(2))
        x, positions = self.out[1](x, lens_out)
        return x, positions, lens_out

    def output_lens(self, lens: Tensor) -> Tensor:
        """As many frames as an utterance of that length gives by itself, whatever it is padded to."""
        num = self._after(lens + self.num_end_frames).clamp(min=0)
        if self.num_end_frames:  # of the zeros after the end no frame is kept
            kept = lens
            for _, stride in self.shapes:
                kept = (kept + stride - 1) // stride
            num = num.minimum(kept)
        return num

    def _after(self, num: "int | Tensor") -> "int | Tensor":
        for kernel, stride in self.shapes:
            num = (num - kernel) // stride + 1
        return num

    def _shortest(self) -> int:
        """Frames that give one frame."""
        num = 1
        for kernel, stride in reversed(self.shapes):
            num = (num - 1) * stride + kernel
        return num
