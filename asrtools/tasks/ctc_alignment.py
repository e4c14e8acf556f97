"""Forced alignment by CTC: which frame says which token of a known text.

By hand, because torchaudio's is not always loadable, and what follows a network works on numpy.
"""

from collections.abc import Sequence

import numpy as np

from asrtools.errors import DataError


def forced_align(log_probs: np.ndarray, tokens: Sequence[int], blank: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities [T, V] and token ids [L] to the best path: the id of every frame [T], blank or token, and its
    log-probability [T]; a text that cannot fit into the frames is a DataError."""
    tokens = np.asarray(tokens, dtype=np.int64)
    num_frames, num_tokens = len(log_probs), len(tokens)
    repeats = int((tokens[1:] == tokens[:-1]).sum())
    if num_frames < num_tokens + repeats:
        needed = f"{num_tokens} tokens, {repeats} of them repeated, need {num_tokens + repeats} frames"
        raise DataError(f"{needed} and there are {num_frames}; the text does not fit the audio")
    if (tokens == blank).any() or (num_tokens and not 0 <= tokens.min() <= tokens.max() < log_probs.shape[1]):
        raise DataError(f"token ids should be 0 to {log_probs.shape[1] - 1} and not the blank, {blank}")
    if not num_frames:
        return np.zeros(0, np.int64), np.zeros(0, log_probs.dtype)
    states = np.full(2 * num_tokens + 1, blank)  # blank, token, blank, token, ..., blank
    states[1::2] = tokens
    may_skip = np.zeros(len(states), dtype=bool)  # the blank between two different tokens
    may_skip[3::2] = tokens[1:] != tokens[:-1]

    emission = log_probs[:, states]  # [T, S]
    score = np.full(len(states), -np.inf)
    score[:2] = emission[0, :2]
    came_from = np.zeros(emission.shape, dtype=np.int8)  # how many states back
    candidates = np.full((3, len(states)), -np.inf)
    for t in range(1, num_frames):
        candidates[0] = score
        candidates[1, 1:] = score[:-1]
        candidates[2, 2:] = np.where(may_skip[2:], score[:-2], -np.inf)
        came_from[t] = candidates.argmax(axis=0)
        score = np.take_along_axis(candidates, came_from[t : t + 1].astype(np.intp), axis=0)[0] + emission[t]
    state = len(states) - 1
    if num_tokens and score[-2] > score[-1]:
        state -= 1
    path = np.empty(num_frames, dtype=np.int64)
    for t in range(num_frames - 1, -1, -1):
        path[t] = state
        state -= int(came_from[t, state])
    return states[path], np.take_along_axis(emission, path[:, None], axis=1)[:, 0]
