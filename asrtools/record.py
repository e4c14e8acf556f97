"""The record: one utterance is one line, and a command only adds to it.

Frozen; change with `dataclasses.replace`. Times are integer milliseconds from the start of the recording. Field names
are the keys of a jsonl line and those of the published training lists; `None` and empty fields are not written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Token:
    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    confidence: float | None = None
    mark: str = ""  # punctuation that follows it
    speaker: str | None = None


@dataclass(frozen=True)
class Sentence:
    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Hypothesis:
    text: str
    score: float | None = None
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True)
class Utterance:
    key: str
    source: str = ""  # path, url, "cmd |" or "feats.ark:1234"
    source_len: int | None = None  # in 10 ms frames, as in the published training lists
    start_ms: int = 0
    end_ms: int | None = None
    channel: int | None = None  # the one channel to take, counted from 0
    recording: str | None = None  # key of the recording a segment was cut from
    target: str | None = None  # reference text
    target_len: int | None = None
    text: str | None = None  # what was recognised
    tokens: tuple[Token, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    speaker: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)  # language, emotion, event, ...
    nbest: tuple[Hypothesis, ...] = ()
    status: str = ""  # "" (not looked at) | ok | empty | no-speech | error
    error: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # keys this code does not know, passed through
