"""decode's stdout: each record in the style that was asked for, flushed as it comes."""

import json
import sys
from collections.abc import Iterable, Iterator

import click

from asrtools.record import Utterance

ONE_RECORDING = ("srt", "vtt")  # files of these hold one


def check_inputs(utterances: Iterator[Utterance], style: str) -> Iterator[Utterance]:
    """The inputs; a usage error when there are several for a style that holds one recording."""
    if style not in ONE_RECORDING:
        return utterances
    from itertools import chain, islice

    first = list(islice(utterances, 2))
    if len(first) > 1:
        raise click.UsageError(f"--format {style} holds one recording, and DATA has several; decode them one by one")
    return chain(first, utterances)


class Output:
    """Writes records to stdout; `close` writes what ends the file."""

    def __init__(self, style: str):
        self._write_one = {
            "kaldi": self._kaldi,
            "jsonl": self._jsonl,
            "txt": self._txt,
            "json": self._json,
            "srt": self._srt,
            "vtt": self._vtt,
            "ctm": self._ctm,
        }[style]
        self._style = style
        self._count = 0

    def add(self, utterance: Utterance) -> None:
        if self._style in ("jsonl", "json") or utterance.status != "error":
            _put(self._write_one(utterance))
            self._count += 1

    def close(self) -> None:
        if self._style == "json":
            _put(["\n]\n" if self._count else "[]\n"])

    def _kaldi(self, utterance: Utterance) -> Iterable[str]:
        yield f"{utterance.key} {utterance.text or ''}".rstrip() + "\n"

    def _txt(self, utterance: Utterance) -> Iterable[str]:
        yield f"{utterance.text or ''}\n"

    def _jsonl(self, utterance: Utterance) -> Iterable[str]:
        from asrtools.io.jsonl import to_line

        yield to_line(utterance) + "\n"

    def _json(self, utterance: Utterance) -> Iterable[str]:

        from asrtools.io.jsonl import to_object

        yield ",\n" if self._count else "[\n"
        yield json.dumps(to_object(utterance), ensure_ascii=False, allow_nan=False, indent=1)

    def _srt(self, utterance: Utterance) -> Iterable[str]:
        from asrtools.io.subtitles import to_srt
        from asrtools.tasks.subtitle import cues_of

        yield from to_srt(cues_of(utterance))

    def _vtt(self, utterance: Utterance) -> Iterable[str]:
        from asrtools.io.subtitles import to_vtt
        from asrtools.tasks.subtitle import cues_of

        yield from to_vtt(cues_of(utterance))

    def _ctm(self, utterance: Utterance) -> Iterable[str]:
        from asrtools.io.ctm import Word, to_line

        for token in utterance.tokens:
            if token.start_ms is not None and token.end_ms is not None:
                channel = "1" if utterance.channel is None else str(utterance.channel + 1)
                name = utterance.recording or utterance.key
                yield to_line(Word(name, token.start_ms, token.end_ms, token.text, token.confidence, channel)) + "\n"


def _put(pieces: Iterable[str]) -> None:
    for piece in pieces:
        sys.stdout.write(piece)
    sys.stdout.flush()
