"""Words with times to the lines of subtitles."""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import replace

from asrtools.io.subtitles import Cue
from asrtools.record import Token, Utterance
from asrtools.text.surface import is_unspaced, reading_text

LONGEST_MS = 7000
PAUSE_MS = 700  # between two words, at which a line ends
WIDEST = 42  # columns; a Chinese character takes two
ENDS = "。？！.?!"
PAUSES = "，、；,;:："


def cues_of(utterance: Utterance) -> Iterator[Cue]:
    """A line a sentence where the record has sentences with times, else as many words as can be read at once."""
    words = [word for word in _voiced(utterance) if word.start_ms is not None and word.end_ms is not None]
    timed = [one for one in utterance.sentences if one.start_ms is not None and one.end_ms is not None and one.text]
    if words:
        yield from _by_words(words)
    elif timed:
        for one in timed:
            yield Cue(one.start_ms, one.end_ms, _named(one.speaker, one.text))
    elif utterance.text and utterance.end_ms is not None:
        yield Cue(utterance.start_ms, utterance.end_ms, utterance.text)


def _voiced(utterance: Utterance) -> Sequence[Token]:
    """The words, each with the speaker of its sentence where it has none of its own."""
    turns = [one for one in utterance.sentences if one.speaker is not None and one.start_ms is not None]
    if not turns:
        return utterance.tokens
    starts = [one.start_ms for one in turns]
    return [
        replace(word, speaker=turns[max(0, bisect.bisect_right(starts, word.start_ms) - 1)].speaker)
        if word.speaker is None and word.start_ms is not None
        else word
        for word in utterance.tokens
    ]


def _by_words(words: Sequence[Token]) -> Iterator[Cue]:
    first = 0
    for index in range(len(words)):
        following = words[index + 1] if index + 1 < len(words) else None
        if following is None or _ends(words[first : index + 1], following):
            line = words[first : index + 1]
            yield Cue(
                line[0].start_ms, max(line[0].start_ms, line[-1].end_ms), _named(line[0].speaker, reading_text(line))
            )
            first = index + 1


def _ends(line: Sequence[Token], following: Token) -> bool:
    last = line[-1]
    width = _width(reading_text(line))
    return (
        last.mark.endswith(tuple(ENDS))
        or last.speaker != following.speaker
        or following.start_ms - last.end_ms >= PAUSE_MS
        or following.end_ms - line[0].start_ms > LONGEST_MS
        or width + _width(following.text) > WIDEST
        or (last.mark.endswith(tuple(PAUSES)) and width > WIDEST // 2)
    )


def _width(text: str) -> int:
    return sum(2 if is_unspaced(character) else 1 for character in text)


def _named(speaker: str | None, text: str) -> str:
    return text if speaker is None else f"[{speaker}] {text}"
