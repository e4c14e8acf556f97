from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrtools.errors import ConfigError
from asrtools.train.sampler import BatchSampler, EspnetStyleBatchSampler


def data_of(lens: list[int], targets: list[int] | None = None, parts: list | None = None):
    class Data:
        source_lens = np.array(lens)
        target_lens = np.array(targets or [0] * len(lens))

        def __len__(self) -> int:
            return len(lens)

    data = Data()
    data.parts = parts
    return data


@settings(max_examples=60, deadline=None)
@given(
    lens=st.lists(st.integers(1, 300), min_size=4, max_size=80),
    kind=st.sampled_from(["example", "length", "token"]),
    cls=st.sampled_from([BatchSampler, EspnetStyleBatchSampler]),
    world=st.integers(1, 4),
    sort_size=st.sampled_from([None, 3, 16]),
    epoch=st.integers(0, 3),
)
def test_every_utterance_once_none_empty_and_as_many_steps_on_every_rank(
    lens, kind, cls, world, sort_size, epoch
) -> None:
    size = 4 if kind == "example" else 250
    plans = []
    for rank in range(world):
        sampler = cls(data_of(lens), size, kind, world, rank, sort_size=sort_size)
        sampler.set_epoch(epoch)
        plans.append(sampler.plan())
        assert len(sampler) == len(plans[-1])
    assert len({len(plan) for plan in plans}) == 1
    assert all(batch for plan in plans for batch, _ in plan)
    once = sorted(index for plan in plans for batch, again in plan if not again for index in batch)
    assert once == list(range(len(lens)))
    for plan in plans:
        for batch, _ in plan:
            cost = len(batch) if kind == "example" else len(batch) * max(lens[index] for index in batch)
            assert cost <= size or len(batch) == 1


def test_tokens_count_beside_frames() -> None:
    data = data_of([10] * 6, [10] * 6)
    assert {len(batch) for batch in BatchSampler(data, 40, "length")} == {4, 2}
    assert {len(batch) for batch in BatchSampler(data, 40, "token")} == {2}
    assert {len(batch) for batch in EspnetStyleBatchSampler(data, 44, "token")} == {2}


def test_no_batch_has_more_than_batch_size_sample_max() -> None:
    assert max(len(batch) for batch in BatchSampler(data_of([1] * 50), 1000, "length", batch_size_sample_max=7)) == 7


def test_an_utterance_longer_than_a_batch_is_one_alone() -> None:
    batches = sorted(map(sorted, BatchSampler(data_of([900, 10, 10]), 100, "length")))
    assert batches == [[0], [1, 2]]


def test_parts_of_the_data_follow_one_another() -> None:
    batches = list(BatchSampler(data_of([5] * 8, parts=[(0, 4), (4, 8)]), 2, "example"))
    assert {index for batch in batches[:2] for index in batch} == {0, 1, 2, 3}


def test_seed_and_epoch_decide_the_order() -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        sampler = BatchSampler(data_of(list(range(1, 60))), 200, "length", seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_drop_last_leaves_out_what_is_not_full() -> None:
    batches = list(BatchSampler(data_of([5] * 10), 4, "example", drop_last=True))
    assert [len(batch) for batch in batches] == [4, 4]


@pytest.mark.parametrize(("keywords", "said"), [({"batch_type": "frames"}, "'frames'"), ({"batch_size": 0}, "is 0")])
def test_what_cannot_be_is_said(keywords, said) -> None:
    with pytest.raises(ConfigError, match=said):
        BatchSampler(data_of([1, 2]), **{"batch_size": 2, **keywords})


def test_lengths_of_a_data_set_from_outside_are_asked_one_by_one() -> None:
    lens = [30, 10, 20]
    data = SimpleNamespace(get_source_len=lambda index: lens[index], get_target_len=lambda index: 0)
    Outside = type("Outside", (), {"__len__": lambda self: 3, **vars(data)})
    Outside.get_source_len = lambda self, index: lens[index]
    assert sorted(map(sorted, BatchSampler(Outside(), 40, "length"))) == [[0], [1, 2]]
