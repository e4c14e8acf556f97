"""When a sample of a stream was there, and what time it is now: what the latency of a text is the difference of."""

import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    def hear(self, num_heard: int) -> None:
        """So many samples have come by now."""
        ...

    def spend(self, seconds: float) -> None:
        """So long was worked on what has come."""
        ...

    def since(self, sample: int) -> float:
        """Seconds from the coming of a sample until now."""
        ...


@dataclass(eq=False)
class PacedClock:
    """Of a recording, heard as if it came at its own pace: work delays what follows, no file is waited for."""

    rate: int
    now: float = 0.0

    def hear(self, num_heard: int) -> None:
        self.now = max(self.now, num_heard / self.rate)

    def spend(self, seconds: float) -> None:
        self.now += seconds

    def since(self, sample: int) -> float:
        return self.now - sample / self.rate


@dataclass(eq=False)
class WallClock:
    """Of a live stream."""

    kept: int = 20_000  # packets whose coming is remembered: 20 minutes
    _heard: deque[int] = field(default_factory=deque)
    _times: deque[float] = field(default_factory=deque)

    def hear(self, num_heard: int) -> None:
        self._heard.append(num_heard)
        self._times.append(time.perf_counter())
        if len(self._heard) > self.kept:
            self._heard.popleft()
            self._times.popleft()

    def spend(self, seconds: float) -> None:
        pass

    def since(self, sample: int) -> float:
        index = min(bisect_left(self._heard, sample), len(self._times) - 1)
        return time.perf_counter() - self._times[index] if self._times else 0.0
