"""Exported networks on batches: one utterance at a time, several at once.

Padding is never computed, and where weights have 8 bits an utterance is rounded by itself, so that a result depends on
no other. The cores work on different utterances, which takes less time than sharing the work of each.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np

from asrtools.models.protocols import Decoded, DecodeOptions, Firing

Item = TypeVar("Item")
Result = TypeVar("Result")


class ExportedRecognizer(Protocol):
    num_threads: int

    def recognize_one(self, feats: np.ndarray, options: DecodeOptions) -> tuple[Decoded, ...]: ...


def in_threads(do: Callable[[Item], Result], items: Sequence[Item], num_threads: int) -> list[Result]:
    if num_threads < 2 or len(items) < 2:
        return [do(item) for item in items]
    with ThreadPoolExecutor(min(num_threads, len(items))) as pool:
        return list(pool.map(do, items))


def cores(num_threads: int | None) -> int:
    """As many as are asked for, else those that this process may use."""
    if num_threads is not None:
        return max(1, num_threads)
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ExportRunner:
    """Runs an exported recogniser on features [T, D] of several utterances."""

    def __init__(self, network: ExportedRecognizer):
        self.network = network

    def __call__(self, feats: Sequence[np.ndarray], options: DecodeOptions) -> list[tuple[Decoded, ...]]:
        # the longest first, so that the cores end together
        order = sorted(range(len(feats)), key=lambda row: -len(feats[row]))
        found = in_threads(lambda row: self.network.recognize_one(feats[row], options), order, self.network.num_threads)
        results: list[Any] = [None] * len(feats)
        for row, result in zip(order, found, strict=True):
            results[row] = result
        return results


class ExportScorer:
    """Runs exported voice activity on the features of one stream after another."""

    def __init__(self, network: Any):
        self.network = network

    def __call__(self, feats: np.ndarray, state: object | None = None) -> tuple[np.ndarray, object]:
        """float32 [T, D] to the probability of silence [T] and the state for the frames that follow."""
        scores, state = self.network.silence(feats[None], state)
        return scores[0], state


class ExportAligner:
    def __init__(self, network: Any):
        self.network = network

    def __call__(self, feats: Sequence[np.ndarray], num_tokens: Sequence[int]) -> list[Firing]:
        pairs = list(zip(feats, num_tokens, strict=True))
        return in_threads(lambda pair: self.network.align_one(*pair), pairs, self.network.num_threads)


class ExportEmbedder:
    def __init__(self, network: Any):
        self.network = network

    def __call__(self, feats: Sequence[np.ndarray], fills_batches: bool = False) -> np.ndarray:
        """Features [T, D] of each to float32 [N, E]; a result never depends on what came with it."""
        found = in_threads(self.network.embed_one, feats, self.network.num_threads)
        return np.stack(found) if found else np.zeros((0, 0), dtype=np.float32)
