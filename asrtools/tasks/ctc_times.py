"""When each token was spoken, from the frames of a CTC network that say it."""

from collections.abc import Sequence

import numpy as np

from asrtools.errors import DataError
from asrtools.models.protocols import Emission
from asrtools.tasks.cif_times import Span, evenly
from asrtools.tasks.ctc_alignment import forced_align


def token_spans(emission: Emission, ids: Sequence[int], frame_ms: float, num_skipped: int = 0) -> list[Span]:
    """Begin and end of each token in ms from the start of the utterance; `frame_ms` is the step of the features.

    The first `num_skipped` tokens get no span and no frames, as published results have it of SenseVoice where a tag
    is missing. A text that does not fit its frames is laid out evenly over them.
    """
    ids, num_frames = list(ids)[num_skipped:], len(emission.log_probs)
    if not ids:
        return []
    step = frame_ms * emission.subsample
    columns = [0, *range(1 + num_skipped, emission.log_probs.shape[1])]
    # one column for each token that differs from the others, so that a repeated one is known as such
    units, first, labels = np.unique(ids, return_index=True, return_inverse=True)
    log_probs = emission.log_probs[:, [columns[index] for index in (0, *(first + 1))]]
    try:
        path, _ = forced_align(log_probs, labels.reshape(-1) + 1)
    except DataError:
        return evenly(0.0, num_frames * step / 1000, len(ids))
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), num_frames]
    return [
        (_ms(begin + emission.shift, step), _ms(end + emission.shift, step))
        for begin, end in zip(edges[:-1], edges[1:], strict=True)
        if path[begin]
    ]


def _ms(frames: float, step: float) -> int:
    return int(max(frames * step / 1000, 0) * 1000)  # by way of seconds, so that the last digit is the published one
