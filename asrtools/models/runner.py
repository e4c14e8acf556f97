"""A recogniser on its device: numpy features in, hypotheses out; where a batch becomes a tensor."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from asrtools.errors import ConfigError, DataError, ModelError
from asrtools.models.protocols import Chunk, ChunkOptions, Decoded, DecodeOptions, Recognizer, StreamingRecognizer

ACCELERATORS = ("cuda", "mps", "xpu", "npu")
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # of errors that have no type of their own


class Runner:
    """Runs a network that recognises on batches of features, padded with zeros."""

    def __init__(self, network: Recognizer, device: str = "cpu"):
        if not hasattr(network, "recognize"):
            raise ModelError(f"{type(network).__name__} does not recognise speech; choose a model that does")
        self.network = network
        self.device = torch.device(device)

    def __call__(self, feats: Sequence[np.ndarray], options: DecodeOptions) -> list[tuple[Decoded, ...]]:
        """Features [T, D] of each to its hypotheses; MemoryError when the batch is too large for the device."""
        with expected_failures(), torch.inference_mode():
            padded, lens = self._batch(feats)
            results = self.network.recognize(padded, lens, options)
        if len(results) != len(feats) or not all(results):
            raise ModelError(
                f"{type(self.network).__name__}: gave {len(results)} results for {len(feats)} utterances; "
                "recognize() should give at least one hypothesis for each"
            )
        return results

    def _batch(self, feats: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        lens = [len(one) for one in feats]
        if len(feats) == 1:
            padded = torch.from_numpy(np.ascontiguousarray(feats[0]))[None]
        else:
            padded = torch.zeros(len(feats), max(lens), feats[0].shape[1])
            for row, one in zip(padded, feats, strict=True):
                row[: len(one)] = torch.from_numpy(np.ascontiguousarray(one))
        return padded.to(self.device), torch.tensor(lens, device=self.device)  # [B, T, D], [B]


class StreamRunner:
    """Runs a network that recognises streams."""

    def __init__(self, network: StreamingRecognizer, device: str = "cpu"):
        self.network = network
        self.device = torch.device(device)

    @property
    def drops_tail(self) -> bool:
        """Whether the last samples of a stream, too few for a frame, are left out, as published of Paraformer."""
        return bool(getattr(self.network, "is_streaming", False))

    def start(self, options: ChunkOptions) -> object:
        return self.network.start(options)

    def advance(self, chunks: Sequence[Chunk]) -> list[Decoded]:
        """The next chunk [t, D], or None, of each of these streams to its tokens."""
        moved = [
            one if one.feats is None else replace(one, feats=as_tensor(one.feats).to(self.device)) for one in chunks
        ]
        with expected_failures(), torch.inference_mode():
            return self.network.advance(moved)


@contextlib.contextmanager
def expected_failures() -> Iterator[None]:
    """What a network can raise as MemoryError, where a smaller batch may do, or DataError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise MemoryError(str(error)) from error
    except (RuntimeError, IndexError, ValueError) as error:
        if any(words in str(error).lower() for words in _NO_MEMORY):
            raise MemoryError(str(error)) from error
        cause = " ".join(str(error).split())[:200]
        raise DataError(f"the network failed on it ({type(error).__name__}: {cause})") from error


def as_tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def choose_device(name: str) -> str:
    """`auto`, `cpu`, `cuda` or `cuda:N` to the device it is here; one that is not there is a ConfigError."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in ("cpu", *ACCELERATORS) or not (index or "0").isdigit():
        raise ConfigError(f"device {name} is not known; auto, cpu or cuda:N is wanted")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(index or 0) >= count:
            raise ConfigError(f"device {name} is not there ({count} GPUs are visible); choose another, or cpu")
    elif kind != "cpu" and not _is_there(kind):
        raise ConfigError(f"device {name} is not there; choose another, or cpu")
    return name


def _is_there(kind: str) -> bool:
    module = torch.backends.mps if kind == "mps" else getattr(torch, kind, None)
    return module is not None and bool(module.is_available())


def set_threads(count: int | None) -> None:
    """Threads of one operation; None leaves torch's own choice, the cores there are."""
    if count is not None:
        if not isinstance(count, int) or count < 1:
            raise ConfigError(f"ncpu is {count!r}; a number of threads from 1 is wanted")
        torch.set_num_threads(count)
