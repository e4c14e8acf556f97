"""A second recogniser for sentences that are over: it hears each as a whole."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from asrtools.record import Hypothesis, Token, Utterance
from asrtools.tasks.transcribe import TokenText, Transcript


@dataclass(frozen=True, eq=False)
class SecondPass:
    """`transcribe` finds the samples of a record in `held`, by key."""

    transcribe: Callable[[Iterable[Utterance]], Iterator[Transcript]]
    held: dict[str, Any] = field(default_factory=dict)

    def __call__(self, sentences: Sequence[tuple[Utterance, np.ndarray]]) -> list[Transcript]:
        """Sentences, as records of their place in a recording, and their samples [N]."""
        keys = [f"sentence-{index}" for index in range(len(sentences))]
        self.held.update((key, samples) for key, (_, samples) in zip(keys, sentences, strict=True))
        done = list(self.transcribe(Utterance(key) for key in keys))
        self.held.clear()
        return [_placed(one, record) for one, (record, _) in zip(done, sentences, strict=True)]


def _placed(transcript: Transcript, record: Utterance) -> Transcript:
    """With the times of the recording."""
    offset, heard = record.start_ms, transcript.utterance
    placed = replace(
        record,
        text=heard.text,
        tokens=_moved(heard.tokens, offset),
        tags={**record.tags, **heard.tags},
        nbest=tuple(Hypothesis(one.text, one.score, _moved(one.tokens, offset)) for one in heard.nbest),
        status=heard.status,
        error=heard.error,
    )
    best = tuple(_moved_spans(one, offset) for one in transcript.best)
    return replace(transcript, utterance=placed, best=best)


def _moved(tokens: Sequence[Token], offset: int) -> tuple[Token, ...]:
    return tuple(
        token
        if token.start_ms is None or token.end_ms is None
        else replace(token, start_ms=token.start_ms + offset, end_ms=token.end_ms + offset)
        for token in tokens
    )


def _moved_spans(one: TokenText, offset: int) -> TokenText:
    if one.spans is None:
        return one
    return replace(one, spans=tuple((begin + offset, end + offset) for begin, end in one.spans))
