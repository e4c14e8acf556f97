"""Batches of numpy features to tensors, and the ways a network can fail."""

import numpy as np
import pytest
import torch

from asrtools.errors import ConfigError, DataError, ModelError
from asrtools.models.protocols import Decoded, DecodeOptions
from asrtools.models.runner import Runner, choose_device

FEATS = [np.ones((3, 4), np.float32), np.full((5, 4), 2, np.float32)]


class Network:
    def __init__(self, fail: Exception | None = None, count: int | None = None):
        self.fail, self.count = fail, count

    def recognize(self, feats, feats_lens, options):
        if self.fail:
            raise self.fail
        assert not torch.is_grad_enabled()
        sums = [
            (Decoded(score=float(one.sum()), ids=(int(length),)),)
            for one, length in zip(feats, feats_lens, strict=True)
        ]
        return sums[: self.count]


def test_rows_are_padded_with_zeros() -> None:
    results = Runner(Network())(FEATS, DecodeOptions())
    assert [(one[0].ids, one[0].score) for one in results] == [((3,), 12.0), ((5,), 40.0)]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_want_of_memory_is_a_memory_error(error: Exception) -> None:
    with pytest.raises(MemoryError):
        Runner(Network(error))(FEATS, DecodeOptions())


def test_any_other_failure_is_the_data_s_and_says_what_it_was() -> None:
    with pytest.raises(DataError, match="kernel size"):
        Runner(Network(RuntimeError("kernel size can't be greater than the input")))(FEATS, DecodeOptions())


def test_a_result_too_few_is_the_model_s_fault() -> None:
    with pytest.raises(ModelError, match="1 results for 2"):
        Runner(Network(count=1))(FEATS, DecodeOptions())


def test_a_network_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="does not recognise"):
        Runner(object())


def test_a_device_that_is_not_there_is_named() -> None:
    assert choose_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match="cuda:17"):
        choose_device("cuda:17")
