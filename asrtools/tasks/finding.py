"""One line of a report about a model directory or a machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    kind: str  # ok | note | problem
    text: str
