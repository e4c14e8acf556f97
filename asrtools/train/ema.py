"""The exponential moving average of parameters, which is validated and kept in their place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """The decay grows to its full value over the first steps, so that the drawn parameters are soon forgotten."""

    def __init__(self, network: nn.Module, decay: float):
        self.network, self.decay, self.num_updates = network, decay, 0
        self.shadow = {name: value.detach().clone() for name, value in self._real()}

    def _real(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, value) for name, value in self.network.state_dict().items() if value.is_floating_point())

    @torch.no_grad()
    def update(self) -> None:
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, value in self._real():
            self.shadow[name].lerp_(value, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network with the averaged parameters, for a while."""
        own = {name: value.detach().clone() for name, value in self._real()}
        self.network.load_state_dict(self.shadow, strict=False)
        try:
            yield
        finally:
            self.network.load_state_dict(own, strict=False)

    def state(self) -> dict[str, object]:
        return {"shadow": self.shadow, "num_updates": self.num_updates}

    def restore(self, state: Mapping[str, object]) -> None:
        shadow, self.num_updates = state["shadow"], int(str(state["num_updates"]))
        for name, value in dict(shadow).items():  # type: ignore[call-overload]
            self.shadow[name].copy_(value)
