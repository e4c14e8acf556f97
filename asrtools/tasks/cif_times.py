"""When each token was spoken, from where a CIF predictor fired.

The rule and its constants are those that published models are used with: a token lasts from its fire to the next one,
240 ms at most; what is left of a longer pause is silence.
"""

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
        return evenly(0.0, len(peaks) * rate, num_tokens)
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


def _between(fires: np.ndarray, num_entries: int, rate: float) -> list[Span]:
    spans = []
    for begin, end in pairwise(fires.tolist()):
        spans.append([begin * rate, min(end, begin + LONGEST) * rate])
    last = fires[-1].item()
    # the last token goes on to half of what follows the last fire, or to the end when that is near
    end = (num_entries + last) * 0.5 if num_entries - last > EDGE else num_entries
    if last - fires[-2].item() <= LONGEST:  # otherwise silence stands between
        spans[-1][1] = end * rate
    return [(max(0, int(begin * 1000)), int(end * 1000)) for begin, end in spans]


def _complete(spans: list[Span], num_tokens: int) -> list[Span]:
    """As many spans as tokens: what is over is left out, what is missing follows the last one."""
    last = spans[-1][1]
    return spans[:num_tokens] + [(last, last)] * (num_tokens - len(spans))


def evenly(begin: float, end: float, num_tokens: int) -> list[Span]:
    """Seconds shared out equally."""
    step = (end - begin) / num_tokens
    return [(int((begin + i * step) * 1000), int((begin + (i + 1) * step) * 1000)) for i in range(num_tokens)]
