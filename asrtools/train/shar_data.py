"""Training data of any size: lhotse's Shar directories, read one after the other in constant memory.

Shards hold audio beside what is said in it (`lhotse shar export`, `CutSet.to_shar`). Batches are lhotse's
DynamicBucketingSampler's: as many on every rank, of utterances of about one length, from the next `buffer_size` cuts.
An epoch is a pure function of seed, epoch and data; going on in the middle reads past what came before.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from asrtools.errors import ConfigError, DataError
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.tasks.training_list import text_length
from asrtools.train.batch import Batch
from asrtools.train.length_limit import Limits
from asrtools.train.list_source import Lists

FIRST_SHARD = "cuts.000000.jsonl"
BUFFER_SIZE = 1000  # cuts, with their audio
NUM_BUCKETS = 10
CUTS_FOR_BUCKETS = 2000


class Row(NamedTuple):
    """An utterance with its audio as stored, or its features."""

    utterance: Utterance
    held: bytes | np.ndarray | None


@tables.register("index_ds_classes", "IndexShar")
class SharIndex:
    """The rows of one batch, which a data set goes through as through a list."""

    def __init__(self, path: Lists, **_: Any):
        self.rows: Sequence[Row] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def utterance(self, index: int) -> Utterance:
        return self.rows[index].utterance


class SharRequest(NamedTuple):
    epoch: int
    rows: tuple[Row, ...]


class SharMaker:
    """Rows to a batch; in worker processes."""

    def __init__(self, dataset: Any, make_answer: Callable[[int, Sequence[int]], Any]):
        self.dataset, self.make_answer = dataset, make_answer

    def __getitem__(self, request: SharRequest) -> Any:
        self.dataset.index.rows = request.rows
        held = self.dataset.loader.held
        held.clear()
        held.update((row.utterance.key, row.held) for row in request.rows if row.held is not None)
        return self.make_answer(request.epoch, range(len(request.rows)))


def is_shar(path: str | Path) -> bool:
    """Whether it is a directory that lhotse wrote."""
    return any((Path(path) / f"{FIRST_SHARD}{ending}").is_file() for ending in (".gz", ""))


def all_shar(lists: Lists) -> bool:
    """Whether these are Shar directories; some that are and some that are not cannot be read together."""
    names = [lists] if isinstance(lists, str | Path) else list(lists)
    found = [is_shar(name) for name in names]
    if any(found) and not all(found):
        other = names[found.index(False)]
        raise DataError(f"{other}: is no Shar directory, and others of the lists are; all or none should be")
    return bool(found) and found[0]


class SharCuts:
    """The cuts of Shar directories within the length limits; `dropped` counts those that are not, pass by pass."""

    def __init__(self, lists: Lists, limits: Limits, needs_text: bool = True):
        self.fields = _fields([lists] if isinstance(lists, str | Path) else list(lists))
        self.limits, self.needs_text = limits, needs_text
        self.dropped: Counter[str] = Counter()

    def durations(self) -> np.ndarray:
        """Seconds of the first cuts, whose audio is not read."""
        from lhotse import CutSet

        cuts = CutSet.from_shar(fields={"cuts": self.fields["cuts"]})
        kept = (cut.duration for _, cut in zip(range(CUTS_FOR_BUCKETS), cuts, strict=False) if not self.reason(cut))
        return np.sort(np.fromiter(kept, dtype=np.float64))

    def read(self, is_shuffled: bool, seed: int) -> Any:
        """All cuts of the shards, in the order that the seed gives them."""
        from lhotse import CutSet

        self.dropped = Counter()
        cuts = CutSet.from_shar(fields=self.fields, shuffle_shards=is_shuffled, stateful_shuffle=False, seed=seed)
        return cuts.filter(self._keeps)

    def _keeps(self, cut: Any) -> bool:
        reason = self.reason(cut)
        if reason:
            self.dropped[reason] += 1
        return not reason

    def reason(self, cut: Any) -> str:
        text = text_of(cut)
        if self.needs_text and not text.strip():
            return "no target"
        return self.limits.reason(int(cut.duration * 100), text_length(text))


def buckets(durations: np.ndarray, num: int) -> list[float]:
    """Edges between buckets that hold about as many seconds each."""
    if not len(durations):
        return []
    reached = np.cumsum(durations)
    wanted = reached[-1] * np.arange(1, num) / num
    edges = np.unique(durations[np.searchsorted(reached, wanted).clip(max=len(durations) - 1)])
    return [float(edge) for edge in edges if edge > durations[0]] or [float(durations[-1]) + 1.0]


def row_of(cut: Any) -> Row:
    """A cut as a record with its audio or features."""
    known = cut.supervisions[0] if cut.supervisions else None
    custom = dict(getattr(known, "custom", None) or {})
    speaker = getattr(known, "speaker", None)
    utterance = Utterance(cut.id, source=cut.id, target=text_of(cut), speaker=speaker, extra=custom)
    if cut.has_features and not cut.has_recording:
        return Row(utterance, np.asarray(cut.load_features(), dtype=np.float32))
    if not cut.has_recording:
        return Row(utterance, None)
    source = cut.recording.sources[0]
    start_ms = round(cut.start * 1000)
    end_ms = round((cut.start + cut.duration) * 1000) if cut.duration < cut.recording.duration - 1e-3 else None
    is_held = isinstance(source.source, bytes)
    where = cut.id if is_held else str(source.source)
    span = {"start_ms": start_ms, "end_ms": end_ms}
    placed = Utterance(cut.id, source=where, target=utterance.target, speaker=speaker, extra=custom, **span)
    return Row(placed, source.source if is_held else None)


def text_of(cut: Any) -> str:
    return " ".join(one.text for one in cut.supervisions if one.text)


class SharData:
    """What TrainingData is to a list; how many steps an epoch has is known when it is over."""

    def __init__(
        self,
        dataset: Any,
        cuts: SharCuts,
        make_answer: Callable[[int, Sequence[int]], Any],
        constraint: Mapping[str, float],
        rank: int,
        world_size: int,
        seed: int,
        is_training: bool,
        num_workers: int = 0,
        buffer_size: int = BUFFER_SIZE,
        warn: Callable[[str], Any] | None = None,
    ):
        self.dataset, self.cuts = dataset, cuts
        self.failed: dict[str, str] = {}
        self._maker = SharMaker(dataset, make_answer)
        self._constraint = dict(constraint)
        self._rank, self._world_size, self._seed = rank, world_size, seed
        self._is_shuffled = is_training
        self._workers, self._buffer_size = num_workers, buffer_size
        self._warn = warn or (lambda text: sys.stderr.write(f"{text}\n"))
        self._edges = buckets(cuts.durations(), NUM_BUCKETS)
        if not self._edges:
            raise DataError(f"{cuts.fields['cuts'][0]}: has no cut to train on; see the length limits of dataset_conf")

    @property
    def dropped(self) -> Mapping[str, int]:
        return self.cuts.dropped + Counter({"cannot be used": len(self.failed)})

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(getattr(self.dataset, "speakers", ()))

    def utterances(self) -> Iterator[Utterance]:
        return iter(())

    def num_steps(self, number: int = 0) -> int:
        """0: nobody knows before the shards are read."""
        return 0

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from a step on."""
        requests = self._requests(number, first_step)
        if self._workers:
            loader = torch.utils.data.DataLoader(
                self._maker,
                sampler=requests,
                batch_size=None,
                num_workers=self._workers,
                collate_fn=_as_it_is,
                generator=torch.Generator(),  # its own: the global one belongs to the network
            )
            answers = iter(loader)
        else:
            answers = map(self._maker.__getitem__, requests)
        for answer in answers:
            self._note(answer)
            yield answer.batch if answer.batch is not None else self._substitute(number)

    def _substitute(self, number: int) -> Batch:
        """The first batch of the epoch that has something, for one that has not, so that the ranks stay together."""
        for request in self._requests(number):
            answer = self._maker[request]
            self._note(answer)
            if answer.batch is not None:
                return answer.batch
        raise DataError(f"{len(self.failed)} utterances: not one of the data set can be used; the causes stand above")

    def _requests(self, number: int, first_step: int = 0) -> Iterator[SharRequest]:
        from lhotse.dataset import DynamicBucketingSampler

        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        sampler = DynamicBucketingSampler(
            self.cuts.read(self._is_shuffled, seed),
            **self._constraint,
            num_buckets=None,
            duration_bins=self._edges,
            buffer_size=self._buffer_size,
            shuffle=self._is_shuffled,
            seed=seed,
            rank=self._rank,
            world_size=self._world_size,
        )
        for step, cuts in enumerate(sampler):
            if step >= first_step:
                yield SharRequest(number, tuple(row_of(cut) for cut in cuts))

    def _note(self, answer: Any) -> None:
        for key, cause in answer.failed:
            if key not in self.failed:
                self.failed[key] = cause
                self._warn(f"{key}: is left out ({cause})")


def constraint_of(conf: Mapping[str, Any]) -> dict[str, float]:
    """batch_type and batch_size as lhotse has them; tokens do not count beside frames here."""
    size = conf.get("batch_size", 1)
    if not isinstance(size, int | float) or size <= 0:
        raise ConfigError(f"dataset_conf.batch_size is {size!r}; should be a number above 0")
    if conf.get("batch_type", "example") == "example":
        return {"max_cuts": int(size)}
    return {"max_duration": float(size) / 100, "max_cuts": int(conf.get("batch_size_sample_max", 200))}


def _fields(folders: Sequence[str | Path]) -> dict[str, list[str]]:
    """The shards of each kind, in order."""
    fields: dict[str, list[str]] = {}
    for folder in folders:
        for path in sorted(Path(folder).iterdir()):
            name, _, number = path.name.partition(".")
            if number[:6].isdigit() and name in ("cuts", "recording", "features"):
                fields.setdefault(name, []).append(str(path))
    lengths = {name: len(paths) for name, paths in fields.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{folders[0]}: has different numbers of shards, {lengths}; make it again")
    return fields


def _as_it_is(answer: Any) -> Any:
    return answer
