"""Overlapping chunks of an utterance, each heard by itself (SCAMA, Zhang et al. 2020, arXiv 2006.01712).

Chunk i has `size` frames from `left` before frame i * `stride`; the `stride` frames after those are its own, the others
are looked at only. The published code lays the chunks one after the other with zeros between, as wide as a memory
looks, and masks them from one another; here they are rows of a batch, which comes to the same.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from asrtools.errors import ConfigError


@dataclass(frozen=True)
class ChunkShape:
    """Of one latency, in frames; the two last in chunks."""

    size: int
    stride: int
    left: int
    encoder_look_back: int = 0
    decoder_look_back: int = 0

    def __post_init__(self) -> None:
        if min(self.stride, self.size) < 1 or self.left < 0 or self.left + self.stride > self.size:
            raise ConfigError(
                f"a chunk of {self.size} frames with stride {self.stride} and pad_left {self.left}: "
                "stride should be at least 1, and pad_left + stride no more than chunk_size"
            )

    def count(self, lens: Tensor) -> Tensor:
        """How many chunks utterances of these lengths have."""
        return (lens + self.stride - 1) // self.stride

    def needs(self, index: int) -> int:
        """Frames of the utterance that have to be there before chunk `index` is heard as it will be at the end."""
        return index * self.stride - self.left + self.size


def chunk_shapes(
    size: int | list | tuple,
    stride: int | list | tuple,
    left: int | list | tuple,
    encoder_look_back: int | list | tuple,
    decoder_look_back: int | list | tuple,
) -> tuple[ChunkShape, ...]:
    """The latencies of a published configuration; a list that is too short has its first value for all."""
    lists = [[one] if isinstance(one, int) else list(one) for one in (size, stride, left)]
    lists += [[one] if isinstance(one, int) else list(one) for one in (encoder_look_back, decoder_look_back)]
    num = len(lists[0])
    if len(lists[1]) < num or not all(lists):
        raise ConfigError(f"encoder_conf.stride is {stride!r}; one for each of chunk_size {size!r} is wanted")
    full = [one if len(one) >= num else [one[0]] * num for one in lists]
    return tuple(ChunkShape(*values) for values in list(zip(*full, strict=False))[:num])


def split(x: Tensor, lens: Tensor, shape: ChunkShape) -> tuple[Tensor, Tensor]:
    """[B, T, D] to chunks [B, C, size, D] and bool [B, C, size], true where a chunk has a frame.

    A chunk that is not the last one hears zeros beyond the end, the last one ends there.
    """
    num = max(1, int(shape.count(lens).max()))
    is_frame = torch.arange(x.shape[1], device=x.device) < lens[:, None]
    x = (x * is_frame[..., None])[:, : num * shape.stride]
    right = (num - 1) * shape.stride + shape.size - shape.left - x.shape[1]
    x = F.pad(x, (0, 0, shape.left, right))
    chunks = x.unfold(1, shape.size, shape.stride).transpose(2, 3)  # [B, C, size, D]
    return chunks, chunk_mask(lens, num, shape)


def chunk_mask(lens: Tensor, num: int, shape: ChunkShape) -> Tensor:
    """bool [B, C, size]; a chunk after the last of its utterance counts as full, so that none is without any frame."""
    index = torch.arange(num, device=lens.device)[:, None]
    places = torch.arange(shape.size, device=lens.device)
    ends = shape.left + lens[:, None, None] - index * shape.stride
    is_last = index == (shape.count(lens) - 1)[:, None, None]
    return ~is_last | (places < ends)


def own_frames(chunks: Tensor, lens: Tensor, shape: ChunkShape) -> Tensor:
    """[B, C, size, D] to the utterances [B, T, D] again, zeros after the end of each."""
    longest = int(lens.max())
    x = chunks[:, :, shape.left : shape.left + shape.stride].flatten(1, 2)[:, :longest]
    return x * (torch.arange(longest, device=x.device) < lens[:, None])[..., None]


def look_back_mask(num: int, shape: ChunkShape, device: torch.device) -> Tensor:
    """bool [C * size, C * size]: what each frame sees, its own chunk and, as published, of some before it the first
    `stride` frames, and those only from its own first `stride` frames."""
    chunk = torch.arange(num, device=device).repeat_interleave(shape.size)
    is_first = torch.arange(shape.size, device=device).repeat(num) < shape.stride
    back = chunk[:, None] - chunk
    return (back == 0) | ((back > 0) & (back <= shape.encoder_look_back) & is_first[:, None] & is_first)
