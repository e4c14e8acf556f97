"""How much of what is computed is padding."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Padding:
    num_batches: int
    num_frames: int  # without padding
    num_padded_frames: int  # as computed
    largest: int  # frames of the largest batch, padding included

    @property
    def waste(self) -> float:
        """The part that is padding."""
        return 1 - self.num_frames / self.num_padded_frames if self.num_padded_frames else 0.0

    def __str__(self) -> str:
        return (
            f"{self.num_batches} batches of {self.num_padded_frames / max(1, self.num_batches):.0f} frames on average, "
            f"{self.largest} at most, {100 * self.waste:.1f} % of them padding"
        )


def padding_of(batches: Iterable[Sequence[int]], lens: np.ndarray) -> Padding:
    """Batches of utterance numbers, and the lengths of all utterances."""
    num = frames = padded = largest = 0
    for batch in batches:
        lens_here = lens[np.asarray(batch)]
        computed = int(lens_here.max()) * len(batch)
        num, frames, padded = num + 1, frames + int(lens_here.sum()), padded + computed
        largest = max(largest, computed)
    return Padding(num, frames, padded, largest)
