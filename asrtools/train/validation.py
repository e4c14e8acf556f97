"""How good a network is: its loss and accuracy on the validation list, and the error rate of what it decodes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from asrtools.build import LoadedModel
from asrtools.models.protocols import DecodeOptions, Recognizer
from asrtools.record import Utterance
from asrtools.tasks.recognition import is_from_outside, recognition_of
from asrtools.tasks.score_text import Way
from asrtools.train.distributed import Place, gather, total
from asrtools.train.network import Trainee


class Means:
    """Running means of what networks report; nothing waits for a GPU before they are read."""

    def __init__(self) -> None:
        self.sums: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        self.last: dict[str, Any] = {}

    def add(self, stats: Mapping[str, Any]) -> None:
        told = {name: value for name, value in stats.items() if value is not None}
        self.last = {
            name: one.detach().double().mean() if isinstance(one, Tensor) else one for name, one in told.items()
        }
        for name, value in self.last.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def read_of_all(self, place: Place) -> dict[str, float]:
        """The means over all processes; a process that has seen nothing does not count."""
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        for state in gather(self.state(), place):
            for name, value in state["sums"].items():
                sums[name] = sums.get(name, 0.0) + value
                counts[name] = counts.get(name, 0) + state["counts"][name]
        return {name: value / counts[name] for name, value in sums.items()}

    def state(self) -> dict[str, dict[str, Any]]:
        return {"sums": {name: float(value) for name, value in self.sums.items()}, "counts": dict(self.counts)}

    def restore(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])


def accuracy_of(stats: Mapping[str, float]) -> float | None:
    """`acc`, or the accuracy under the other names that networks give it; None where there is none."""
    if "acc" in stats:
        return stats["acc"]
    return next((value for name, value in stats.items() if name.startswith("acc")), None)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """In evaluation mode, without a trace in the random numbers that training draws."""
    modes = {module: module.training for module in network.modules()}
    state = torch.get_rng_state()
    network.eval()
    try:
        yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training
        torch.set_rng_state(state)


def loss_on(network: nn.Module, batches: Iterable[Any], to_device: Any, place: Place) -> dict[str, float]:
    """Mean loss and accuracies over batches."""
    means = Means()
    with evaluating(network), torch.no_grad():
        for batch in batches:
            if not batch.is_repeated:
                loss, stats, _ = network(**to_device(batch))
                means.add({**stats, "loss": loss})
    return means.read_of_all(place)


def can_decode(trainee: Trainee) -> bool:
    """Whether what the network gives is text that can be compared."""
    return (
        isinstance(trainee.network, Recognizer)
        and not is_from_outside(trainee.network)
        and trainee.frontend is not None
        and trainee.tokenizer is not None
    )


def error_rate(trainee: Trainee, utterances: Sequence[Utterance], place: Place, device: str) -> float:
    """Character errors (words of Latin letters count as one) for each hundred, of greedy decoding where there is one.

    Every process decodes its share; an utterance that cannot be decoded counts as missed.
    """
    from asrtools.metrics.edit_distance import distance

    model = LoadedModel(Path(), trainee.config, trainee.network, trainee.frontend, trainee.tokenizer)
    options = DecodeOptions(greedy=getattr(trainee.network, "ctc", None) is not None, timestamps=False)
    cut = Way().cutter()
    errors = units = 0
    share = [replace(one, text=None) for one in utterances[place.rank :: place.world_size]]
    with evaluating(trainee.network):
        transcribe = recognition_of(model, device).transcriber(options)
        for transcript in transcribe(share):
            found = transcript.utterance
            ref = cut(found.target or "")
            errors += distance(ref, cut(found.text or ""))
            units += len(ref)
    errors, units = total([errors, units], place, device)
    return 100 * errors / max(1, units)
