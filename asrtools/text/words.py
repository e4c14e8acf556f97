"""From a model's tokens to the words that people, punctuation and subtitles want, each with its time.

A word is a character of Chinese or Japanese, or a run of another script. Tokens may be characters, `@@` pieces or
sentencepieces (`▁` begins a word).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from asrtools.record import Token
from asrtools.text.surface import BEGINS, CONTINUES, SILENT_TOKENS, Span, is_ascii_letter, is_unspaced

SPACE_TOKEN = "<space>"
BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")  # of sentencepiece: one byte of a character that has no piece
MARKS = ",.?!:;，。？！：；、…"


@dataclass(frozen=True)
class _Timed:
    text: str
    span: Span | None = None
    confidence: float | None = None


def words_of(
    tokens: Sequence[str],
    spans: Sequence[Span] | None = None,
    confidences: Sequence[float] | None = None,
    are_sentencepieces: bool = False,
) -> tuple[Token, ...]:
    """The words of a text. A word begins with its first token, ends with its last and is as sure as the least of them.

    A token of several Chinese characters gives each an equal part of its time; marks become marks of the word before
    them; single letters in a row are one abbreviation, unless the tokens say themselves where words begin. What has no
    span (there are too few) has no time.
    """
    has_spaces = are_sentencepieces or any(BEGINS in token or token == SPACE_TOKEN for token in tokens)
    words: list[Token] = []
    is_inside = False  # a word that the next token may go on with
    for one in _characters(tokens, spans, confidences):
        if one.text == SPACE_TOKEN:
            is_inside = False
            continue
        goes_on = CONTINUES in one.text
        text = one.text.replace(CONTINUES, "").replace(BEGINS, " ")
        is_inside = is_inside and not text.startswith(" ")
        for part in _stretches(text, one):
            _add(words, part, is_inside)
            is_inside = False
        is_inside = goes_on or (has_spaces and not text.endswith(" "))
    return tuple(words if has_spaces else _abbreviated(words))


def _characters(
    tokens: Sequence[str], spans: Sequence[Span] | None, confidences: Sequence[float] | None
) -> list[_Timed]:
    """Tokens with what belongs to them, without those that are not shown; bytes in a row become their characters."""
    found: list[_Timed] = []
    held: list[tuple[int, _Timed]] = []
    for index, token in enumerate(tokens):
        span = spans[index] if spans is not None and index < len(spans) else None
        sure = confidences[index] if confidences is not None and index < len(confidences) else None
        byte = BYTE.fullmatch(token)
        if byte:
            held.append((int(byte[1], 16), _Timed("", span, sure)))
            continue
        found += _decoded(held)
        held.clear()
        if token not in SILENT_TOKENS:
            found.append(_Timed(token, span, sure))
    return found + _decoded(held)


def _decoded(held: Sequence[tuple[int, _Timed]]) -> list[_Timed]:
    if not held:
        return []
    parts = [part for _, part in held]
    text = bytes(byte for byte, _ in held).decode("utf-8", errors="replace")
    first, last = parts[0].span, parts[-1].span
    return [_Timed(text, (first[0], last[1]) if first and last else None, _least(*(one.confidence for one in parts)))]


def _stretches(text: str, whole: _Timed) -> list[_Timed]:
    """Each character of an unspaced script and each run of others between spaces; marks go with what is before them."""
    runs: list[str] = []
    is_open = False
    for character in text:
        is_mark = character in MARKS and bool(runs)
        if character.isspace():
            is_open = False
        elif is_mark or (is_open and not is_unspaced(character) and not is_unspaced(runs[-1][0])):
            runs[-1] += character
        else:
            runs.append(character)
            is_open = True
    if whole.span is None:
        return [_Timed(run, None, whole.confidence) for run in runs]
    start, end = whole.span
    total = sum(len(run) for run in runs)
    edges = [start + (end - start) * sum(len(run) for run in runs[:n]) // total for n in range(len(runs))] + [end]
    return [_Timed(run, (edges[n], edges[n + 1]), whole.confidence) for n, run in enumerate(runs)]


def _add(words: list[Token], part: _Timed, is_inside: bool) -> None:
    """Append a part as a word of its own, or to the word that it is inside of."""
    start, end = part.span or (None, None)
    text = part.text.rstrip(MARKS)
    mark = part.text[len(text) :]
    more = Token(text, start, end, part.confidence, mark)
    before = words[-1].text + words[-1].mark if words else ""
    if before and not text:
        words[-1] = replace(words[-1], mark=words[-1].mark + mark)
    elif not text:
        words.append(replace(more, text=mark, mark=""))
    elif before and is_inside and not is_unspaced(before[-1]) and not is_unspaced(text[0]):
        words[-1] = _joined(words[-1], more)
    else:
        words.append(more)


def _joined(word: Token, more: Token) -> Token:
    """One word of two parts, with the mark that turned out to stand inside it (3.5)."""
    return replace(
        word,
        text=word.text + word.mark + more.text,
        start_ms=word.start_ms if word.start_ms is not None else more.start_ms,
        end_ms=more.end_ms if more.end_ms is not None else word.end_ms,
        confidence=_least(word.confidence, more.confidence),
        mark=more.mark,
    )


def _least(*confidences: float | None) -> float | None:
    return min((one for one in confidences if one is not None), default=None)


def _abbreviated(words: Sequence[Token]) -> list[Token]:
    """Single letters in a row as one word in capitals."""
    shown: list[Token] = []
    is_run = False
    for word in words:
        is_letter = is_ascii_letter(word.text)
        if is_letter and shown and not shown[-1].mark and (is_run or is_ascii_letter(shown[-1].text)):
            joined = _joined(shown[-1], word)
            shown[-1] = replace(joined, text=joined.text.upper())
            is_run = True
        else:
            shown.append(word)
            is_run = False
    return shown
