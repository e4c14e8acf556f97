"""Training data: lists and a configuration to batches, the same number on every rank, the same whenever asked again.

What an epoch gives is a pure function of seed, epoch and data, so that training goes on exactly where it stopped with
nothing but the numbers of epoch and step.
"""

import contextlib
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from asrtools.config import Config
from asrtools.errors import DataError
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.tasks.network_input import step_ms
from asrtools.train.batch import Batch
from asrtools.train.dataset_conf import build_specaug, check_keys, dataset_class, facts_of, fitting, is_outside
from asrtools.train.length_limit import Limits
from asrtools.train.list_source import Lists
from asrtools.train.shar_data import BUFFER_SIZE, SharCuts, SharData, all_shar, constraint_of

UNREADABLE = "cannot be used"
PREFETCH = 4


class Request(NamedTuple):
    """A batch to be loaded."""

    epoch: int
    step: int
    indices: tuple[int, ...]
    is_repeated: bool


class Answer(NamedTuple):
    batch: Batch | None  # None where not one utterance of it can be used
    failed: tuple[tuple[str, str], ...]  # key and cause


@dataclass(frozen=True, eq=False)
class BatchMaker:
    """A request to its batch; in worker processes."""

    dataset: Any
    frame_ms: float  # of a row of features
    seed: int = 0

    def __getitem__(self, request: Request) -> Answer:
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(request.epoch)
        with self._drawing(request):
            return self._answer(request)

    def _answer(self, request: Request) -> Answer:
        samples, failed = [], []
        for index in request.indices:
            try:
                sample = self.dataset[index]
                if sample is None:  # as published data sets say it
                    raise DataError(f"row {index + 1}: the data set gives nothing for it")
                samples.append(sample)
            except DataError as error:
                key, _, cause = str(error).partition(": ")
                failed.append((key, cause))
        if not samples:
            return Answer(None, tuple(failed))
        return Answer(self._batch(samples, request.is_repeated), tuple(failed))

    def _drawing(self, request: Request) -> AbstractContextManager[Any]:
        """A data set from outside draws from the global random numbers: the same for the same batch, and its own."""
        return (
            _seeded([self.seed, request.epoch, *request.indices]) if is_outside(type(self.dataset)) else nullcontext()
        )

    def __len__(self) -> int:
        return len(self.dataset)

    def _batch(self, samples: Sequence[Mapping[str, Any]], is_repeated: bool) -> Batch:
        inputs = self.dataset.collator(samples)
        speech, speech_lengths = inputs.get("speech"), inputs.get("speech_lengths")
        per_row = self.frame_ms / 10
        real = padded = 0
        if speech is not None and speech_lengths is not None:
            real = int(int(speech_lengths.sum()) * per_row)
            padded = int(len(speech) * speech.shape[1] * per_row)
        tokens = inputs.get("text_lengths")
        keys = tuple(str(sample.get("key", "")) for sample in samples)
        return Batch(keys, inputs, real, padded, 0 if tokens is None else int(tokens.sum()), is_repeated)


@dataclass(frozen=True, eq=False)
class SharAnswers:
    """What a batch maker answers about the rows that its data set holds at the moment."""

    maker: BatchMaker

    def __call__(self, epoch: int, indices: Sequence[int]) -> Answer:
        return self.maker[Request(epoch, 0, tuple(indices), False)]


@contextlib.contextmanager
def _seeded(seeds: Sequence[int]) -> Iterator[None]:
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    seed = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


class TrainingData:
    """Batches of one data set for one rank."""

    def __init__(
        self,
        dataset: Any,
        sampler: Any,
        frame_ms: float = 10.0,
        seed: int = 0,
        num_workers: int = 0,
        prefetch: int = PREFETCH,
        pin_memory: bool = False,
        warn: Callable[[str], Any] | None = None,
    ):
        self.dataset, self.sampler = dataset, sampler
        self.failed: dict[str, str] = {}
        self._maker = BatchMaker(dataset, frame_ms, seed)
        self._requests: list[Request] = []
        self._workers = num_workers
        self._prefetch, self._pins = prefetch, pin_memory
        self._loader: torch.utils.data.DataLoader | None = None
        self._warn = warn or (lambda text: sys.stderr.write(f"{text}\n"))
        self._planned: tuple[int, list[Request]] | None = None

    @property
    def dropped(self) -> Mapping[str, int]:
        """Rows that are left out by reason: those of the list, and what turned out to be unusable so far."""
        counts = Counter(getattr(self.dataset, "dropped", {}))
        if self.failed:
            counts[UNREADABLE] += len(self.failed)
        return counts

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of what is told apart (speakers); none where the vocabulary or the model says it."""
        return tuple(getattr(self.dataset, "speakers", ()))

    def utterances(self) -> Iterator[Utterance]:
        """The rows as records, in the order of the list; a data set from outside may have none to show."""
        if hasattr(self.dataset, "utterance"):
            for index in range(len(self.dataset)):
                with contextlib.suppress(DataError):  # is named when its batch is wanted
                    yield self.dataset.utterance(index)

    def num_steps(self, number: int = 0) -> int:
        """Batches of an epoch."""
        return len(self.plan(number))

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from a step on."""
        plan = self.plan(number)
        self._requests[:] = plan[first_step:]
        answers = iter(self._loading()) if self._workers else map(self._maker.__getitem__, list(self._requests))
        for request, answer in zip(plan[first_step:], answers, strict=True):
            yield self._taken(request, answer, plan)

    def _taken(self, request: Request, answer: Answer, plan: Sequence[Request]) -> Batch:
        """The batch; the next one that has something, where this one has not, so that the ranks stay together."""
        self._note(answer)
        if answer.batch is not None:
            return answer.batch
        for ahead in range(1, len(plan)):
            other = plan[(request.step + ahead) % len(plan)]
            again = self._maker[other._replace(is_repeated=True)]
            self._note(again)
            if again.batch is not None:
                return again.batch
        raise DataError(f"{len(self.failed)} utterances: not one of the data set can be used; the causes stand above")

    def _note(self, answer: Answer) -> None:
        for key, cause in answer.failed:
            if key not in self.failed:
                self.failed[key] = cause
                self._warn(f"{key}: is left out ({cause})")

    def plan(self, number: int) -> list[Request]:
        """What an epoch consists of."""
        if self._planned is None or self._planned[0] != number:
            self.sampler.set_epoch(number)
            if hasattr(self.sampler, "plan"):
                batches = self.sampler.plan()
            else:  # a sampler from outside
                batches = [(list(batch), False) for batch in self.sampler]
            batches = [(batch, is_repeated) for batch, is_repeated in batches if batch]
            plan = [Request(number, step, tuple(batch), again) for step, (batch, again) in enumerate(batches)]
            self._planned = (number, plan)
        return self._planned[1]

    def _loading(self) -> torch.utils.data.DataLoader:
        if self._loader is None:
            self._loader = torch.utils.data.DataLoader(
                self._maker,
                sampler=self._requests,
                batch_size=None,
                num_workers=self._workers,
                prefetch_factor=self._prefetch,
                persistent_workers=True,
                pin_memory=self._pins,
                collate_fn=_as_it_is,
                generator=torch.Generator(),  # its own: the global one belongs to the network
            )
        return self._loader


def _as_it_is(answer: Answer) -> Answer:
    return answer


def open_data(
    config: Config,
    lists: Lists,
    *,
    frontend: Any,
    tokenizer: Any,
    network_name: str,
    rank: int = 0,
    world_size: int = 1,
    seed: int = 0,
    is_training: bool = True,
    like: TrainingData | None = None,
    warn: Callable[[str], Any] | None = None,
) -> TrainingData | SharData:
    """The data set that `dataset`, `dataset_conf` and the kind of network ask for.

    `like`: the training data, whose speakers are those of the validation data too.
    """
    conf = config.section("dataset_conf")
    cls = dataset_class(config, network_name)
    sampler_cls = tables.batch_sampler_classes.find(str(conf.get("batch_sampler") or "BatchSampler"))
    check_keys(config, [cls, tables.index_ds_classes.find(str(conf.get("index_ds") or "IndexDSJsonl")), sampler_cls])
    specaug = build_specaug(config) if is_training else None
    if like is not None and like.classes:
        conf.setdefault("speakers", list(like.classes))
    given = {**conf, "frontend": frontend, "tokenizer": tokenizer, "is_training": is_training, "seed": seed}
    known = {"specaug": specaug, **facts_of(config, network_name), **given}
    num_workers = min(int(conf.get("num_workers", 4)), _num_cpus())
    if all_shar(lists):
        dataset = cls(lists, **fitting(cls, {**known, "index_ds": "IndexShar"}))
        limits = fitting(Limits, {**getattr(cls, "index_defaults", {}), **conf})
        cuts = SharCuts(lists, Limits(**limits), getattr(cls, "index_defaults", {}).get("needs_text", True))
        answers = SharAnswers(BatchMaker(dataset, _frame_ms(frontend), seed))
        placed = (rank, world_size, seed, is_training, num_workers, int(conf.get("buffer_size") or BUFFER_SIZE))
        return SharData(dataset, cuts, answers, constraint_of(conf), *placed, warn)
    dataset = cls(lists, **fitting(cls, known))
    if not len(dataset):
        dropped = ", ".join(f"{count} {reason}" for reason, count in getattr(dataset, "dropped", {}).items())
        raise DataError(f"{lists}: has no row to train on" + (f"; left out: {dropped}" if dropped else ""))
    placed = {"rank": rank, "num_replicas": world_size, "is_training": is_training, "seed": seed}
    sampler = sampler_cls(dataset, **fitting(sampler_cls, {"batch_size": 1, **conf, **placed}))
    if isinstance(sampler, Mapping):  # what published functions give to a DataLoader
        sampler = sampler["batch_sampler"]
    if len(dataset) < world_size:
        raise DataError(f"{lists}: has {len(dataset)} rows for {world_size} processes; each needs at least one")
    return TrainingData(
        dataset,
        sampler,
        frame_ms=_frame_ms(frontend),
        seed=seed,
        num_workers=min(num_workers, len(dataset)),
        prefetch=int(conf.get("prefetch_factor", PREFETCH)),
        pin_memory=bool(conf.get("pin_memory", True)) and torch.cuda.is_available(),
        warn=warn,
    )


def _num_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _frame_ms(frontend: Any) -> float:
    return step_ms(frontend) if hasattr(frontend, "lfr_n") else 10.0
