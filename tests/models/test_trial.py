"""What one call gives, and what it costs."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from asrtools.errors import ModelError
from asrtools.models.protocols import Decoded, DecodeOptions
from asrtools.models.trial import cost_of, try_out

FRAMES, SIZE, OUT = 100, 8, 4


class OneLayer(nn.Module):
    """Three products, so that two of their results are never alive together with the first."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(SIZE, OUT, bias=False)

    def recognize(self, feats: Tensor, feats_lens: Tensor, options: DecodeOptions) -> list[tuple[Decoded, ...]]:
        for _ in range(3):
            ids = self.layer(feats).argmax(-1)
        return [(Decoded(tuple(ids[0].tolist())),)]


class Broken(nn.Module):
    def recognize(self, feats: Tensor, feats_lens: Tensor, options: DecodeOptions) -> list[tuple[Decoded, ...]]:
        raise RuntimeError("shapes differ")


class Silent(nn.Module):
    def recognize(self, feats: Tensor, feats_lens: Tensor, options: DecodeOptions) -> list[tuple[Decoded, ...]]:
        return []


def feats() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((FRAMES, SIZE)).astype(np.float32)


def test_operations_are_those_of_the_formula() -> None:
    assert cost_of(OneLayer(), feats()).flops == 3 * 2 * FRAMES * SIZE * OUT


def test_memory_is_the_most_that_is_alive_at_once() -> None:
    torch.manual_seed(0)
    logits, ids = FRAMES * OUT * 4, FRAMES * 8
    lens = 8
    peak = cost_of(OneLayer(), feats()).peak_bytes
    assert logits + ids <= peak <= logits + 2 * ids + lens + 64


def test_a_network_that_fails_is_one_sentence() -> None:
    with pytest.raises(ModelError, match="Broken: does not run on a second of audio .RuntimeError: shapes differ"):
        try_out(Broken(), feats())


def test_a_network_without_a_result_is_an_error() -> None:
    with pytest.raises(ModelError, match="gave 0 results for 1 utterance"):
        try_out(Silent(), feats())


def test_a_network_that_does_nothing_known_is_an_error() -> None:
    with pytest.raises(ModelError, match="none of the methods"):
        try_out(nn.Linear(2, 2), feats())
