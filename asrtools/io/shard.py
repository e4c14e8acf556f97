"""One of several shares of a list, for jobs side by side."""

from collections.abc import Iterable, Iterator
from itertools import islice

from asrtools.record import Utterance

Shard = tuple[int, int]  # the place, counted from 1, and how many there are


def take_shard(utterances: Iterable[Utterance], shard: Shard | None) -> Iterator[Utterance]:
    """Every nth record, beginning with the one of the share's place, so that lists can be streamed; None takes all."""
    index, count = shard or (1, 1)
    return islice(utterances, index - 1, None, count)


def take_recordings(utterances: Iterable[Utterance], shard: Shard | None) -> Iterator[Utterance]:
    """Every nth recording, with all segments of it wherever they stand."""
    index, count = shard or (1, 1)
    places: dict[str, int] = {}
    for utterance in utterances:
        name = utterance.recording or utterance.key
        if places.setdefault(name, len(places)) % count == index - 1:
            yield utterance
