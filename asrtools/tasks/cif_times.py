"""When each token was spoken, from where a CIF predictor fired.

The rule and its constants are those that published models are used with: a token lasts from its fire to the next one,
240 ms at most; what is left of a longer pause is silence.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from asrtools.models.protocols import Firing

FIRED = 1.0 - 1e-4  # of a token, at which it counts as complete
SHIFT = -1.5  # entries by which fires come late
LONGEST = 12  # entries of a token
EDGE = 5  # entries of silence at either end of an utterance that are no part of a token

Span = tuple[int, int]  # ms


def token_spans(firing: Firing, num_tokens: int, frame_ms: float) -> list[Span]:
    """Begin and end of each token in ms from the start of the utterance; `frame_ms` is the step of the features."""
    return [
        (max(0, int(piece.begin * 1000)), int(piece.end * 1000))
        for piece in timed_pieces(firing, num_tokens, frame_ms)
        if not piece.is_silence
    ]


def fired_spans(frames: Sequence[int], frame_ms: float) -> list[Span]:
    """The same rule for a stream, of which only the frame in which each token is complete is known.

    Nothing is laid out anew for the sum of the weights, which is known at the end only: a time that was told stays. The
    last token ends with its frame; those that are complete in the same frame share its time.
    """
    counts = Counter(frames)
    begins = [frame + SHIFT for frame in counts]
    ends = [min(end, begin + LONGEST) for begin, end in pairwise(begins)] + [frame + 1 for frame in frames[-1:]]
    spans: list[Span] = []
    for begin, end, count in zip(begins, ends, counts.values(), strict=True):
        first, length = max(0.0, begin) * frame_ms, (end - max(0.0, begin)) * frame_ms
        cuts = [int(first + length * index / count) for index in range(count + 1)]
        spans += pairwise(cuts)
    return spans


@dataclass(frozen=True)
class Piece:
    """A token, or the silence beside it; in seconds."""

    begin: float
    end: float
    is_silence: bool = False


def timed_pieces(firing: Firing, num_tokens: int, frame_ms: float) -> list[Piece]:
    """Tokens and silences, one after another from the start of the utterance; as many tokens as are asked for."""
    if not num_tokens:
        return []
    weights, peaks = firing.weights, firing.peaks
    if peaks is None:
        peaks = gathered(weights)
    fires = np.flatnonzero(peaks >= FIRED)
    if len(fires) != num_tokens + 1 and weights.sum() > 0:
        peaks = gathered(weights / (weights.sum() / np.float32(num_tokens + 1)))
        fires = np.flatnonzero(peaks >= FIRED)
    rate = firing.subsample * frame_ms / 1000 / firing.upsample  # seconds
    if len(fires) < 2:
        step = len(peaks) * rate / num_tokens
        return [Piece(index * step, (index + 1) * step) for index in range(num_tokens)]
    return _complete(_between(fires + SHIFT, len(peaks), rate), num_tokens)


def gathered(weights: np.ndarray) -> np.ndarray:
    """The part of a token gathered up to each entry, added up in the order and precision of the published rule."""
    threshold = np.float32(FIRED)
    total = np.float32(0)
    marks = np.empty(len(weights), np.float32)
    for index, weight in enumerate(weights.astype(np.float32)):
        total += weight
        marks[index] = total
        if total >= threshold:
            total -= threshold
    return marks


def _between(fires: np.ndarray, num_entries: int, rate: float) -> list[Piece]:
    pieces = []
    first, last = fires[0].item(), fires[-1].item()
    if first > EDGE:
        pieces.append(Piece(0.0, first * rate, is_silence=True))
    for begin, end in pairwise(fires.tolist()):
        pieces.append(Piece(begin * rate, min(end, begin + LONGEST) * rate))
        if end - begin > LONGEST:
            pieces.append(Piece((begin + LONGEST) * rate, end * rate, is_silence=True))
    # the last of them goes on to half of what follows the last fire, or to the end when that is near
    is_near = num_entries - last <= EDGE
    end = num_entries if is_near else (num_entries + last) * 0.5
    pieces[-1] = replace(pieces[-1], end=end * rate)
    return pieces if is_near else [*pieces, Piece(end * rate, num_entries * rate, is_silence=True)]


def _complete(pieces: list[Piece], num_tokens: int) -> list[Piece]:
    """As many tokens as there should be: what is over is left out, what is missing follows the last one."""
    kept, count = [], 0
    for piece in pieces:
        count += not piece.is_silence
        if count <= num_tokens:
            kept.append(piece)
    last = max((index for index, piece in enumerate(kept) if not piece.is_silence), default=-1)
    end = kept[last].end
    missing = [Piece(end, end)] * (num_tokens - count)
    return kept[: last + 1] + missing + kept[last + 1 :]


def evenly(begin: float, end: float, num_tokens: int) -> list[Span]:
    """Seconds shared out equally."""
    step = (end - begin) / num_tokens
    return [(int((begin + i * step) * 1000), int((begin + (i + 1) * step) * 1000)) for i in range(num_tokens)]
