"""Recognition of a stream: samples in packets of any size, tokens as they are settled."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from asrtools.errors import ConfigError
from asrtools.models.protocols import ChunkOptions, Decoded, DecodeOptions
from asrtools.tasks.network_input import step_ms


class StreamNetwork(Protocol):
    def start(self, options: ChunkOptions) -> Any: ...

    def advance(self, feats: np.ndarray | None, state: Any, is_final: bool) -> Decoded: ...


def chunk_options(
    chunk_size: Sequence[int] = (0, 10, 5), encoder_chunk_look_back: int = 0, decoder_chunk_look_back: int = 0
) -> ChunkOptions:
    """From the documented names and numbers."""
    sizes = list(chunk_size) if isinstance(chunk_size, list | tuple) else []
    if len(sizes) != 3 or not all(isinstance(one, int) and one >= 0 for one in sizes) or not sizes[1]:
        raise ConfigError(
            f"chunk_size is {chunk_size!r}; should be three numbers of frames, such as [0, 10, 5]: before, own, ahead"
        )
    return ChunkOptions(*sizes, encoder_chunk_look_back, decoder_chunk_look_back)


@dataclass(eq=False)
class RecognitionStream:
    """One stream; all that is remembered of it."""

    network: StreamNetwork
    frontend: Any
    options: ChunkOptions = ChunkOptions()
    _waiting: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    _has_begun: bool = False

    def __post_init__(self) -> None:
        self._state = self.network.start(self.options)
        self._features = self.frontend.stream()
        self._step = round(step_ms(self.frontend) * self.frontend.fs / 1000)  # samples of a frame of the network

    def accept(self, samples: np.ndarray, is_final: bool = False) -> Decoded:
        """Any number of samples [N], also none, to the tokens they settle; `is_final`: no more come."""
        samples = np.concatenate([self._waiting, samples])
        stride = self.options.size * self._step
        num_chunks = len(samples) // stride + is_final
        found = []
        for index in range(num_chunks):
            chunk = samples[index * stride : (index + 1) * stride]
            found.append(self._advance(chunk, is_final and index == num_chunks - 1))
        self._waiting = samples[num_chunks * stride :]
        return joined(found)

    def _advance(self, samples: np.ndarray, is_final: bool) -> Decoded:
        if is_final and len(samples) < self._step:  # too little to count, as published
            return self.network.advance(None, self._state, True) if self._has_begun else Decoded()
        rows = [self._features.accept(samples)]
        if is_final:
            rows.append(self._features.finish())
        feats = np.concatenate(rows)
        if not len(feats) and not (is_final and self._has_begun):
            return Decoded()
        self._has_begun = True
        return self.network.advance(feats if len(feats) else None, self._state, is_final)


@dataclass(frozen=True)
class WholeStreams:
    """Recordings [N, 1] as streams that are there all at once, in the place of a recogniser of whole utterances."""

    network: StreamNetwork
    frontend: Any
    options: ChunkOptions = ChunkOptions()

    def __call__(self, recordings: Sequence[np.ndarray], options: DecodeOptions) -> list[tuple[Decoded, ...]]:
        return [
            (RecognitionStream(self.network, self.frontend, self.options).accept(samples[:, 0], is_final=True),)
            for samples in recordings
        ]


def joined(parts: Sequence[Decoded]) -> Decoded:
    return Decoded(
        tuple(index for part in parts for index in part.ids),
        sum(part.score for part in parts),
        tuple(one for part in parts for one in part.log_probs),
    )
