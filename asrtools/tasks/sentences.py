"""Tokens and the text they stand in: which token a mark belongs to, and the sentences of a record.

A sentence ends at every mark, the comma too, as FunASR's `sentence_info` has it.
"""

from collections.abc import Sequence
from dataclasses import replace

from rapidfuzz.distance import Levenshtein

from asrtools.record import Sentence, Token
from asrtools.text.marks import PlacedMark
from asrtools.text.punctuation_words import may_take_mark
from asrtools.text.words import MARKS


def mark_tokens(tokens: Sequence[Token], text: str, placed: Sequence[PlacedMark]) -> tuple[Token, ...]:
    """Tokens of a text with the marks that were found in it; a mark goes to the token whose letters it follows."""
    if not tokens:
        return ()
    owners = owners_of(text, tokens)
    marked = list(tokens)
    for place, sign in placed:
        index = owners[place - 1]
        if index is not None:
            marked[index] = replace(marked[index], mark=marked[index].mark + sign)
    return tuple(marked)


def owners_of(text: str, tokens: Sequence[Token]) -> list[int | None]:
    """For each character of a text the index of the token it belongs to; blanks belong to the token before.

    Tokens need not spell the text: where it was written anew (numbers, capitals), the nearest way through is taken.
    """
    spelt, holders = [], []
    for index, token in enumerate(tokens):
        letters = [letter for letter in token.text + token.mark if not letter.isspace()]
        spelt += letters
        holders += [index] * len(letters)
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    shown = [text[place] for place in places]
    owners: list[int | None] = [None] * len(text)
    for place, at in zip(places, _counterparts(shown, spelt), strict=True):
        owners[place] = holders[at] if at is not None else None
    last = None
    for place, owner in enumerate(owners):
        owners[place] = last = last if owner is None else owner
    return owners


def _counterparts(shown: Sequence[str], spelt: Sequence[str]) -> list[int | None]:
    """For each letter that is shown the place of the one that spells it."""
    if len(shown) == len(spelt) and all(a == b or a.lower() == b.lower() for a, b in zip(shown, spelt, strict=True)):
        return list(range(len(shown)))
    found: list[int | None] = [None] * len(shown)
    lower, lower_spelt = [letter.lower() for letter in shown], [letter.lower() for letter in spelt]
    for tag, begin, end, from_, to in Levenshtein.opcodes(lower, lower_spelt):
        if tag in ("equal", "replace"):
            for offset in range(end - begin):
                found[begin + offset] = min(from_ + offset, to - 1)
    return found


def sentences_of(text: str, tokens: Sequence[Token] = (), speaker: str | None = None) -> tuple[Sentence, ...]:
    """The sentences of a text with marks, with the times and speakers of its tokens (which have their marks)."""
    owners = owners_of(text, tokens)
    sentences = []
    for begin, end in _stretches(text):
        shown = text[begin:end].strip()
        if not shown:
            continue
        place = begin + len(text[begin:end]) - len(text[begin:end].lstrip())
        first, last = owners[place], owners[end - 1]
        own = () if first is None or last is None else tokens[first : last + 1]
        sentences.append(_sentence(shown, own, speaker))
    return tuple(sentences)


def _stretches(text: str) -> list[tuple[int, int]]:
    """Where sentences begin and end: after marks, though not after one inside a word (3.14)."""
    cuts = [0]
    for place in range(1, len(text) + 1):
        is_last = text[place - 1] in MARKS and (place == len(text) or text[place] not in MARKS)
        if is_last and may_take_mark(text, place):
            cuts.append(place)
    if cuts[-1] < len(text):
        cuts.append(len(text))
    return list(zip(cuts, cuts[1:], strict=False))


def _sentence(text: str, tokens: Sequence[Token], speaker: str | None) -> Sentence:
    starts = [token.start_ms for token in tokens if token.start_ms is not None]
    ends = [token.end_ms for token in tokens if token.end_ms is not None]
    return Sentence(text, starts[0] if starts else None, ends[-1] if ends else None, _speaker(tokens) or speaker)


def _speaker(tokens: Sequence[Token]) -> str | None:
    """Who speaks most of the time; the first of two who speak as long."""
    spoken: dict[str, int] = {}
    for token in tokens:
        if token.speaker is not None:
            timed = token.start_ms is not None and token.end_ms is not None
            spoken[token.speaker] = spoken.get(token.speaker, 0) + (token.end_ms - token.start_ms if timed else 1)
    return max(spoken, key=spoken.__getitem__) if spoken else None
