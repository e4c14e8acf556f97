"""Recognition of streams: samples in packets of any size, tokens as they are settled, many streams at a time."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from asrtools.errors import ConfigError
from asrtools.models.protocols import Chunk, ChunkOptions, Decoded, DecodeOptions
from asrtools.tasks.network_input import step_ms


class StreamNetwork(Protocol):
    @property
    def drops_tail(self) -> bool: ...

    def start(self, options: ChunkOptions) -> Any: ...

    def advance(self, chunks: Sequence[Chunk]) -> list[Decoded]: ...


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
    _samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # too few for a chunk
    _chunks: deque[Chunk] = field(default_factory=deque)  # that wait for the network
    _has_begun: bool = False

    def __post_init__(self) -> None:
        self.state = self.network.start(self.options)
        self._features = self.frontend.stream()
        self._step = round(step_ms(self.frontend) * self.frontend.fs / 1000)  # samples of a frame of the network

    def push(self, samples: np.ndarray, is_final: bool = False) -> None:
        """Any number of samples [N], also none, to chunks for the network; `is_final`: no more come."""
        samples = np.concatenate([self._samples, samples])
        stride = self.options.size * self._step
        num_chunks = len(samples) // stride + is_final
        for index in range(num_chunks):
            self._push_chunk(samples[index * stride : (index + 1) * stride], is_final and index == num_chunks - 1)
        self._samples = samples[num_chunks * stride :].copy()

    @property
    def is_waiting(self) -> bool:
        """Whether there is a chunk for the network."""
        return bool(self._chunks)

    def pop(self) -> Chunk:
        return self._chunks.popleft()

    def accept(self, samples: np.ndarray, is_final: bool = False) -> Decoded:
        """Samples to the tokens they settle."""
        self.push(samples, is_final)
        found = []
        while self.is_waiting:
            found += self.network.advance([self.pop()])
        return joined(found)

    def _push_chunk(self, samples: np.ndarray, is_final: bool) -> None:
        if is_final and len(samples) < self._step and self.network.drops_tail:
            if self._has_begun:
                self._chunks.append(Chunk(None, self.state, True))
            return
        rows = [self._features.accept(samples)]
        if is_final:
            rows.append(self._features.finish())
        feats = np.concatenate(rows)
        if not len(feats) and not (is_final and self._has_begun):
            return
        self._has_begun = True
        self._chunks.append(Chunk(feats if len(feats) else None, self.state, is_final))


@dataclass(frozen=True)
class WholeStreams:
    """Recordings [N, 1] as streams that are there all at once, in the place of a recogniser of whole utterances."""

    network: StreamNetwork
    frontend: Any
    options: ChunkOptions = ChunkOptions()

    def __call__(self, recordings: Sequence[np.ndarray], options: DecodeOptions) -> list[tuple[Decoded, ...]]:
        streams = [RecognitionStream(self.network, self.frontend, self.options) for _ in recordings]
        for stream, samples in zip(streams, recordings, strict=True):
            stream.push(samples[:, 0], is_final=True)
        found: list[list[Decoded]] = [[] for _ in streams]
        while waiting := [index for index, stream in enumerate(streams) if stream.is_waiting]:
            decoded = self.network.advance([streams[index].pop() for index in waiting])
            for index, one in zip(waiting, decoded, strict=True):
                found[index].append(one)
        return [(joined(parts),) for parts in found]


def joined(parts: Sequence[Decoded]) -> Decoded:
    """What follows on in one stream, as if it had come at once."""
    ids: list[int] = []
    log_probs: list[float] = []
    frames: list[int] = []
    num_revised = 0
    for part in parts:
        own = min(part.num_revised, len(ids))
        num_revised += part.num_revised - own
        kept = len(ids) - own
        for told, more in ((ids, part.ids), (log_probs, part.log_probs), (frames, part.frames)):
            del told[kept:]
            told += more
    return Decoded(
        tuple(ids),
        sum(part.score for part in parts),
        tuple(log_probs),
        frames=tuple(frames),
        num_revised=num_revised,
    )
