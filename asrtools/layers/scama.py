"""Which part of the audio a token is said from (SCAMA, Zhang et al. 2020, arXiv 2006.01712): the chunk in which the
predictor fires for it, and what chunks before that one own."""

from dataclasses import dataclass

import torch
from torch import Tensor

from asrtools.layers.cif import cumulate
from asrtools.layers.overlap_chunk import ChunkShape

KeysValues = tuple[Tensor, Tensor]


def token_chunks(weights: Tensor, lens: Tensor, num_tokens: int, shape: ChunkShape) -> Tensor:
    """Weights of the frames [B, T] to int64 [B, num_tokens], the chunk in which each token is complete.

    A token that never is, in the last sum's rounding, belongs to the last frame.
    """
    sums = cumulate(weights).float()
    tokens = torch.arange(1, num_tokens + 1, device=weights.device)
    frames = (sums[:, None] < tokens[None, :, None]).sum(2)  # [B, N]
    return torch.minimum(frames, (lens - 1).clamp(min=0)[:, None]) // shape.stride


def seen_from(chunks: Tensor, mask: Tensor, shape: ChunkShape) -> Tensor:
    """Chunks of the tokens [B, N] and where chunks have frames [B, C, size] to bool [B, N, C * size]."""
    num = mask.shape[1]
    index = torch.arange(num, device=mask.device)
    places = torch.arange(shape.size, device=mask.device)
    is_own = (places >= shape.left) & (places < shape.left + shape.stride)
    back = chunks[..., None] - index  # [B, N, C]
    looks = ((back > 0) & (back <= shape.decoder_look_back))[..., None] & is_own
    return (((back == 0)[..., None] | looks) & mask[:, None]).flatten(2)


@dataclass(frozen=True, eq=False)
class Heard:
    """What the next token of each of U utterances is said from."""

    frames: list[KeysValues]  # of each layer with attention, [U, H, S, D / H] twice
    mask: Tensor  # bool [U, 1, 1, S]
    token: Tensor  # [U, D], of the predictor


@dataclass(frozen=True, eq=False)
class ChunkedSpeech:
    """Some utterances, for a decoder that goes through them token by token."""

    frames: list[KeysValues]  # of each layer with attention, [U, C, H, size, D / H] twice
    mask: Tensor  # bool [U, C, size]
    tokens: Tensor  # [U, N, D]
    num_tokens: Tensor  # [U], at least 1 each
    chunks: Tensor  # int64 [U, N]
    shape: ChunkShape

    def at(self, index: int) -> Heard:
        """For token `index`; after the last of the predictor's tokens it is that one's audio, and no token."""
        rows = torch.arange(len(self.mask), device=self.mask.device)
        last = (self.num_tokens - 1).clamp(max=index)
        chunk = self.chunks[rows, last]
        token = self.tokens[rows, last] * (index < self.num_tokens)[:, None]
        frames = [(keys[rows, chunk], values[rows, chunk]) for keys, values in self.frames]
        mask = self.mask[rows, chunk]
        for back in range(1, self.shape.decoder_look_back + 1):
            before = (chunk - back).clamp(min=0)
            own = slice(self.shape.left, self.shape.left + self.shape.stride)
            frames = [
                tuple(
                    torch.cat([whole[rows, before][..., own, :], part], 2)
                    for whole, part in zip(of, parts, strict=True)
                )
                for of, parts in zip(self.frames, frames, strict=True)
            ]
            there = self.mask[rows, before][:, own] & (chunk >= back)[:, None]
            mask = torch.cat([there, mask], 1)
        return Heard(frames, mask[:, None, None], token)
