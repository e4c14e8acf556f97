"""CIF, continuous integrate-and-fire (Dong and Xu 2020, arXiv 1905.11235): weighted frames to tokens of weight 1.

Token n is the mean of the frames over the stretch [n, n + 1) of their cumulated weight. Written as a product with the
matrix of those overlaps, it is one sum for any batch, and no token is lost when the last sum comes out an ulp short.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from asrtools.layers.mask import frame_mask
from asrtools.register import tables


def without_padding(hidden: Tensor, mask: Tensor) -> Tensor:
    """Zeros after the end of each utterance, as it has alone: a convolution lets its last frame see what follows."""
    return hidden * mask[..., None]


def cumulate(weights: Tensor) -> Tensor:
    """float64 [B, T], the weight up to and with each frame; the same to the bit for any padding."""
    return weights.double().cumsum(1)


def integrate(hidden: Tensor, weights: Tensor, num_tokens: int) -> Tensor:
    """Frames [B, T, D] and their weights [B, T] to tokens [B, num_tokens, D]."""
    ends = cumulate(weights)[:, None]  # [B, 1, T]
    begins = F.pad(ends[..., :-1], (1, 0))
    tokens = torch.arange(num_tokens, device=weights.device, dtype=ends.dtype)[None, :, None]
    overlap = torch.minimum(ends, tokens + 1) - torch.maximum(begins, tokens)
    return overlap.clamp(min=0).to(hidden.dtype) @ hidden


def fire_marks(weights: Tensor) -> Tensor:
    """float32 [B, T]: the part of a token that has been gathered at each frame, plus 1 where one is complete."""
    sums = cumulate(weights).float()
    whole = sums.floor()
    fires = whole > F.pad(whole[:, :-1], (1, 0))
    return fires.float() + sums - whole


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]


@dataclass(eq=False)
class CifState:
    """The token of a stream that is not complete yet."""

    weight: float = 0.0  # what it has gathered
    hidden: Tensor | None = None  # [D], the mean of the frames it has gathered


class Tail(nn.Module):
    """A last frame of weight `threshold` after each utterance, so that a token that is nearly there fires."""

    def __init__(self, threshold: float):
        super().__init__()
        self.threshold = threshold

    def forward(self, hidden: Tensor, weights: Tensor, lens: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, D], [B, T] to [B, T + 1, D], [B, T + 1]."""
        steps = torch.arange(weights.shape[1] + 1, device=weights.device)
        at_end = (steps == lens[:, None]).to(weights.dtype)
        return F.pad(hidden, (0, 0, 0, 1)), F.pad(weights, (0, 1)) + self.threshold * at_end


class CifWeights(nn.Module):
    """What the published predictors share; a subclass says how a frame is looked at with its neighbours."""

    def __init__(
        self,
        idim: int,
        l_order: int,
        r_order: int,
        threshold: float,
        dropout: float,
        smooth_factor: float,
        noise_threshold: float,
        tail_threshold: float,
        groups: int,
    ):
        super().__init__()
        self.pads = (l_order, r_order)
        self.cif_conv1d = nn.Conv1d(idim, idim, l_order + r_order + 1, groups=groups)
        self.cif_output = nn.Linear(idim, 1)
        self.dropout = nn.Dropout(dropout)
        self.threshold = threshold
        self.smooth_factor = smooth_factor
        self.noise_threshold = noise_threshold
        self.tail = Tail(tail_threshold)

    def convolve(self, hidden: Tensor) -> Tensor:
        """[B, T, D] to [B, D, T]."""
        return self.cif_conv1d(F.pad(hidden.transpose(1, 2), self.pads))

    def look(self, hidden: Tensor) -> Tensor:
        """Each frame with its neighbours, [B, T, D] to [B, T, D]."""
        return F.relu(self.convolve(hidden)).transpose(1, 2)

    def weights(self, hidden: Tensor) -> Tensor:
        """The weight of each frame, before any masking: [B, T, D] to float32 [B, T]."""
        raw = self.cif_output(self.look(hidden)).squeeze(-1).float()
        return F.relu(torch.sigmoid(raw) * self.smooth_factor - self.noise_threshold)

    def forward(self, hidden: Tensor, lens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encoder output [B, T, D] to tokens [B, N, D], how many there are [B], and the weights [B, T + 1]."""
        mask = frame_mask(lens, hidden.shape[1])
        hidden = without_padding(hidden, mask)
        weights = self.weights(hidden) * mask
        hidden, weights = self.tail(hidden, weights, lens)
        num_tokens = weights.double().sum(1).floor().long()
        # of an exported network the decoder always has a token to look at: runtimes know no convolution over none
        longest = num_tokens.max().clamp(min=1) if torch.jit.is_tracing() else int(num_tokens.max())
        return integrate(hidden, weights, longest), num_tokens, weights

    def forward_chunk(
        self, hidden: Tensor, sizes: Sequence[int], states: Sequence[CifState], spans: Sequence[tuple[int, int | None]]
    ) -> list[tuple[Tensor, list[int]]]:
        """Chunks of several streams one after another, [R, D], to the tokens [N, D] that fire in each, and where.

        Of a chunk only the frames from the begin to before the end of its span count (None: to the end of the stream,
        so that its tail follows).
        """
        padded = pad_sequence(hidden.split(list(sizes)), batch_first=True)  # [B, T, D]
        num_frames = padded.shape[1]
        steps = torch.arange(num_frames, device=hidden.device)
        begins = torch.tensor([begin for begin, _ in spans], device=hidden.device)[:, None]
        ends = [size if end is None else end for size, (_, end) in zip(sizes, spans, strict=True)]
        is_counted = (steps >= begins) & (steps < torch.tensor(ends, device=hidden.device)[:, None])
        weights = self.weights(padded) * is_counted
        tails = [self.tail.threshold * (end is None) for _, end in spans]
        before = [state.weight for state in states]
        weights = torch.cat([_column(before, weights), weights, _column(tails, weights)], 1)
        unfinished = [hidden.new_zeros(hidden.shape[1]) if one.hidden is None else one.hidden for one in states]
        padded = F.pad(torch.cat([torch.stack(unfinished)[:, None], padded], 1), (0, 0, 0, 1))
        sums = cumulate(weights)
        counts = sums[:, -1].floor()
        pieces = integrate(padded, weights, int(counts.max()) + 1)
        found = []
        for row, (state, count) in enumerate(zip(states, counts.long().tolist(), strict=True)):
            state.weight = float(sums[row, -1]) - count
            state.hidden = pieces[row, count] / max(state.weight, 1e-9)
            wholes = torch.arange(1, count + 1, device=hidden.device, dtype=sums.dtype)
            places = torch.searchsorted(sums[row], wholes) - 1  # what was unfinished stands first
            found.append((pieces[row, :count], places.clamp(0, sizes[row] - 1).tolist()))
        return found

    def to_length(self, hidden: Tensor, lens: Tensor, target_lens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For training: weights scaled so that they make exactly the target's tokens.

        Gives tokens [B, N, D], the unscaled sums [B] and the scaled weights [B, T].
        """
        mask = frame_mask(lens, hidden.shape[1])
        hidden = without_padding(hidden, mask)
        weights = self.weights(hidden) * mask
        sums = weights.sum(1)
        weights = weights * (target_lens / sums)[:, None]
        return integrate(hidden, weights, int(target_lens.max())), sums, weights


@tables.register("predictor_classes", "CifPredictor")
class CifPredictor(CifWeights):
    """The first one: depthwise, with the frame itself added."""

    def __init__(
        self,
        idim: int,
        l_order: int,
        r_order: int,
        threshold: float = 1.0,
        dropout: float = 0.1,
        smooth_factor: float = 1.0,
        noise_threshold: float = 0,
        tail_threshold: float = 0.45,
    ):
        super().__init__(
            idim, l_order, r_order, threshold, dropout, smooth_factor, noise_threshold, tail_threshold, groups=idim
        )

    def look(self, hidden: Tensor) -> Tensor:
        return F.relu(self.dropout(self.convolve(hidden).transpose(1, 2) + hidden))


@tables.register("predictor_classes", "CifPredictorV2")
class CifPredictorV2(CifWeights):
    """Of Paraformer-large: a full convolution."""

    def __init__(
        self,
        idim: int,
        l_order: int,
        r_order: int,
        threshold: float = 1.0,
        dropout: float = 0.1,
        smooth_factor: float = 1.0,
        noise_threshold: float = 0,
        tail_threshold: float = 0.0,
        tail_mask: bool = True,
    ):
        super().__init__(
            idim, l_order, r_order, threshold, dropout, smooth_factor, noise_threshold, tail_threshold, groups=1
        )
