"""One file of an export: its published inputs and outputs, and the network's own parts between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from asrtools.build import LoadedModel

FRAMES = (30, 23)  # of the two utterances that are traced

BATCH = {0: "batch_size"}
SPEECH_AXES: dict[str, dict[int, str]] = {"speech": {**BATCH, 1: "feats_length"}, "speech_lengths": BATCH}


@dataclass(frozen=True, eq=False)
class Graph:
    """What is traced, with what, under which names."""

    name: str
    network: nn.Module
    inputs: Mapping[str, Tensor]  # by published name, with values to trace with
    outputs: tuple[str, ...]
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)  # that may have any size
    checks: tuple[Mapping[str, Tensor], ...] = ()  # to compare on, of what no utterance goes into
    hidden: tuple[str, ...] = ()  # what the network gives after the outputs, for our own runtime only
    facts: Mapping[str, Any] = field(default_factory=dict)  # what our runtime cannot see in the file
    metadata: Mapping[str, str] = field(default_factory=dict)  # of other runtimes


def speech(model: LoadedModel) -> dict[str, Tensor]:
    size = model.frontend.output_size()
    lens = torch.tensor(FRAMES, dtype=torch.int32)
    return {"speech": torch.randn(2, max(FRAMES), size), "speech_lengths": lens}
