"""One call of whatever a network does, on one utterance: does it run, and what does it cost."""

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from asrtools.errors import ModelError
from asrtools.models.protocols import (
    Aligner,
    Chunk,
    ChunkOptions,
    Decoded,
    DecodeOptions,
    Embedder,
    Punctuator,
    Recognizer,
    Segmenter,
    StreamingRecognizer,
)


@dataclass(frozen=True)
class Outcome:
    """What a network gave, in words, and the ids of its tokens where it recognises."""

    words: str
    ids: tuple[int, ...] | None = None


def try_out(network: nn.Module, feats: np.ndarray | None) -> Outcome:
    """Run a network on features [T, D], or on a few token ids where it takes text (None); a failure is a ModelError."""
    name = type(network).__name__
    try:
        with torch.no_grad():
            return _outcome(network, name, feats)
    except ModelError:
        raise
    except Exception as error:  # a network that does not run can raise anything
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ModelError(f"{name}: does not run on a second of audio ({cause})") from error


def _outcome(network: nn.Module, name: str, feats: np.ndarray | None) -> Outcome:
    if isinstance(network, Punctuator):
        [marks] = network.punctuate([[1, 2, 3, 4]])
        _check(name, len(marks) == 4, f"gave {len(marks)} marks for 4 words")
        return Outcome("4 marks for 4 words")
    if feats is None:
        raise ModelError(f"{name}: its config names no frontend, and it gives no marks; what it takes is not known")
    rows = torch.from_numpy(np.ascontiguousarray(feats))[None]  # [1, T, D]
    lens = torch.tensor([len(feats)])
    if isinstance(network, Recognizer):
        results = network.recognize(rows, lens, DecodeOptions())
        _check(name, len(results) == 1 and len(results[0]) > 0, f"gave {len(results)} results for 1 utterance")
        return _tokens(name, results[0][0])
    if isinstance(network, StreamingRecognizer):
        [decoded] = network.advance([Chunk(rows[0], network.start(ChunkOptions()), is_final=True)])
        return _tokens(name, decoded)
    if isinstance(network, Segmenter):
        silence, _ = network.silence(rows)
        _check(name, bool(np.isfinite(silence).all()), "gave probabilities that are not numbers")
        return Outcome(f"{silence.shape[-1]} frames, {int((silence > 0.5).sum())} of them silence")
    if isinstance(network, Aligner):
        [firing] = network.align(rows, lens, [4])
        _check(name, bool(np.isfinite(firing.weights).all()), "gave weights that are not numbers")
        return Outcome(f"{len(firing.weights)} weights for 4 tokens")
    if isinstance(network, Embedder):
        vectors = network.embed(rows, lens)
        _check(name, bool(np.isfinite(vectors).all()), "gave an embedding that is not of numbers")
        return Outcome(f"an embedding of {vectors.shape[-1]} values")
    raise ModelError(f"{name}: has none of the methods that a command calls; models/protocols.py lists them")


def _tokens(name: str, decoded: Decoded) -> Outcome:
    _check(name, bool(np.isfinite(decoded.score)), f"gave a score of {decoded.score}")
    return Outcome(f"{len(decoded.ids)} tokens", decoded.ids)


def _check(name: str, is_fine: bool, otherwise: str) -> None:
    if not is_fine:
        raise ModelError(f"{name}: {otherwise}; are the parameters whole?")


@dataclass(frozen=True)
class Cost:
    """Of one call."""

    flops: int
    peak_bytes: int  # of what it computes, parameters apart


def cost_of(network: nn.Module, feats: np.ndarray | None) -> Cost:
    """Floating-point operations (a multiplication and an addition are two) and memory of one utterance."""
    from torch.utils.flop_counter import FlopCounterMode

    counter, memory = FlopCounterMode(display=False), _LiveBytes()
    with counter:
        try_out(network, feats)
    with memory:  # apart, for the counter keeps tensors alive
        try_out(network, feats)
    return Cost(int(counter.get_total_flops()), memory.peak)


class _LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that are alive at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_storage_id(one) for one in _tensors((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            storage, place = tensor.untyped_storage(), _storage_id(tensor)
            if place in given or place in self._seen:
                continue
            size = storage.nbytes()
            self._seen.add(place)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._gone, place, size)
        return result

    def _gone(self, place: int, size: int) -> None:
        self._seen.discard(place)
        self.live -= size


def _storage_id(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for one in value for tensor in _tensors(one)]
    return []
