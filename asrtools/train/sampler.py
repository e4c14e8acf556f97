"""Which utterances make a batch, and which batches a rank gets: a pure function of lengths, seed and epoch."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from asrtools.errors import ConfigError
from asrtools.register import tables

BATCH_TYPES = ("example", "length", "token")
SORT_SIZE = 8192  # utterances that are sorted together, for every rank, where sort_size is not given and frames count
TARGET_WEIGHT = 1.2  # of a token beside a frame, in EspnetStyleBatchSampler


class Sampler:
    """Batches of utterance numbers; every rank gets as many, of about the same length at the same step.

    `batch_type`: example (batch_size utterances), length (batch_size frames of 10 ms, padding included) or token (the
    tokens of the text count too). An utterance longer than batch_size is a batch of its own; no batch is ever empty.
    """

    sorts_everything = False
    target_weight = 1.0

    def __init__(
        self,
        dataset: Any,
        batch_size: float,
        batch_type: str = "example",
        num_replicas: int = 1,
        rank: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        is_training: bool = True,
        sort_size: int | None = None,
        buffer_size: int | None = None,
        batch_size_sample_max: int = 200,
        seed: int = 0,
    ):
        if batch_type not in BATCH_TYPES:
            raise ConfigError(
                f"dataset_conf.batch_type is {batch_type!r}; should be {', '.join(BATCH_TYPES[:2])} or {BATCH_TYPES[2]}"
            )
        if not batch_size > 0:
            raise ConfigError(f"dataset_conf.batch_size is {batch_size!r}; should be a number above 0")
        self.batch_size = batch_size
        self.batch_type = batch_type
        self.num_replicas, self.rank = num_replicas, rank
        self.shuffle = shuffle and is_training
        self.drop_last = drop_last and is_training
        self.is_training = is_training
        wanted = sort_size if sort_size is not None and sort_size > 0 else buffer_size
        self.window = (wanted or (0 if batch_type == "example" else SORT_SIZE)) * num_replicas
        self.most = int(batch_size) if batch_type == "example" else max(1, batch_size_sample_max)
        self.seed = seed
        self.epoch = 0
        self.num_items = len(dataset)
        self.parts = getattr(dataset, "parts", None) or [(0, self.num_items)]
        self.lens = lengths_of(dataset, batch_type, self.target_weight)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        return (batch for batch, _ in self.plan())

    def __len__(self) -> int:
        return len(self.plan())

    def plan(self) -> list[tuple[list[int], bool]]:
        """This rank's batches of the epoch, and whether each only stands in for one that is missing."""
        rng = np.random.default_rng([self.seed, self.epoch])
        planned: list[tuple[list[int], bool]] = []
        for first, last in self.parts:
            planned += self._part(first, last, rng)
        return planned

    def _part(self, first: int, last: int, rng: np.random.Generator) -> list[tuple[list[int], bool]]:
        order = rng.permutation(last - first) + first if self.shuffle else np.arange(first, last)
        batches: list[np.ndarray] = []
        window = len(order) if self.sorts_everything else self.window
        if window:
            for place in range(0, len(order), window):
                some = order[place : place + window]
                batches += self.cut(some[np.argsort(self.lens[some], kind="stable")])
        else:
            batches = self.cut(order)
        if self.drop_last and len(batches) > 1:
            batches = [batch for batch in batches if len(batch) == self.most] if self._is_counted else batches
        return self._dealt(batches, rng)

    @property
    def _is_counted(self) -> bool:
        return self.batch_type == "example"

    def cut(self, order: np.ndarray) -> list[np.ndarray]:
        """Utterances in their order to batches as large as may be."""
        if self._is_counted:
            return [order[place : place + self.most] for place in range(0, len(order), self.most)]
        lens = self.lens[order]
        batches, begin, longest = [], 0, 0.0
        for place, length in enumerate(lens.tolist()):
            longest_then = max(longest, length)
            count = place - begin + 1
            if count > 1 and (longest_then * count > self.batch_size or count > self.most):
                batches.append(order[begin:place])
                begin, longest_then = place, length
            longest = longest_then
        if begin < len(order):
            batches.append(order[begin:])
        return batches

    def _dealt(self, batches: list[np.ndarray], rng: np.random.Generator) -> list[tuple[list[int], bool]]:
        """One batch of every group of neighbours to each rank; groups in random order, the last one filled up."""
        world = self.num_replicas
        groups = [list(range(place, min(place + world, len(batches)))) for place in range(0, len(batches), world)]
        if groups and len(groups[-1]) < world and self.drop_last and len(groups) > 1:
            groups.pop()
        order = rng.permutation(len(groups)) if self.shuffle else range(len(groups))
        dealt = []
        for number in order:
            group = groups[number]
            is_repeated = self.rank >= len(group)
            dealt.append((batches[group[self.rank % len(group)]].tolist(), is_repeated))
        return dealt


@tables.register("batch_sampler_classes", "RankFullLocalShuffleDynamicBatchSampler")
@tables.register("batch_sampler_classes", "RankFullLocalShuffleBatchSampler")
@tables.register("batch_sampler_classes", "DynamicBatchLocalShuffleSampler")
@tables.register("batch_sampler_classes", "CustomDistributedDynamicBatchSampler")
@tables.register("batch_sampler_classes", "CustomDistributedBatchSampler")
@tables.register("batch_sampler_classes", "BatchSampler")
class BatchSampler(Sampler):
    """Utterances in random order, sorted by length within windows of `sort_size` for every rank."""


@tables.register("batch_sampler_classes", "EspnetStyleBatchSampler")
class EspnetStyleBatchSampler(Sampler):
    """All utterances sorted by length; a token counts as 1.2 frames."""

    sorts_everything = True
    target_weight = TARGET_WEIGHT


def lengths_of(dataset: Any, batch_type: str, target_weight: float = 1.0) -> np.ndarray:
    """What a sampler measures, by utterance."""
    num = len(dataset)
    sources = getattr(dataset, "source_lens", None)
    if sources is None:
        sources = np.array([dataset.get_source_len(index) for index in range(num)])
    if batch_type != "token":
        return np.asarray(sources, dtype=np.float64)
    targets = getattr(dataset, "target_lens", None)
    if targets is None:
        targets = np.array([dataset.get_target_len(index) for index in range(num)])
    return np.asarray(sources, dtype=np.float64) + np.floor(np.asarray(targets) * target_weight)
