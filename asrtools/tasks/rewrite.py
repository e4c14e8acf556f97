"""Records whose numbers are written in digits, or spelt out; what did not change keeps its times."""

from collections.abc import Sequence
from dataclasses import replace

from asrtools.record import Sentence, Token, Utterance
from asrtools.tasks.sentences import owners_of
from asrtools.text.rewrite import Change, Rewriter, put_in
from asrtools.text.surface import reading_text


class Rewrite:
    """Texts of records, and their tokens, sentences and n-best lists with them; without a rewriter they stay."""

    def __init__(self, rewriter: Rewriter | None):
        self.rewriter = rewriter

    def record(self, record: Utterance) -> Utterance:
        if record.status == "error":
            return record
        if record.text is None and not record.tokens:
            if record.status:  # recognised, and nothing was said
                return record
            error = f"{record.key}: has no text; decode gives it one, and lines of `key text` have one"
            return replace(record, status="error", error=error)
        text = reading_text(record.tokens) if record.text is None else record.text
        status = record.status or ("ok" if text else "empty")
        if self.rewriter is None:
            return replace(record, text=text, status=status)
        text, tokens = self._text(text, record.tokens)
        return replace(
            record,
            text=text,
            tokens=tokens,
            sentences=tuple(self._sentence(sentence) for sentence in record.sentences),
            nbest=tuple(
                replace(one, text=new, tokens=own)
                for one in record.nbest
                for new, own in (self._text(one.text, one.tokens),)
            ),
            status=status,
        )

    def _text(self, text: str, tokens: Sequence[Token]) -> tuple[str, tuple[Token, ...]]:
        assert self.rewriter is not None
        changes = self.rewriter.changes(text)
        return put_in(text, changes), _tokens(text, tokens, changes)

    def _sentence(self, sentence: Sentence) -> Sentence:
        assert self.rewriter is not None
        return replace(sentence, text=self.rewriter.text(sentence.text))


def _tokens(text: str, tokens: Sequence[Token], changes: Sequence[Change]) -> tuple[Token, ...]:
    """Tokens of the text with its changes: one for each word that is new, over the time of those it stands for."""
    if not tokens or not changes:
        return tuple(tokens)
    owners = owners_of(text, tokens)
    found: list[Token] = []
    taken = 0  # tokens that are behind us
    for first, last, group in _touched(changes, owners):
        if first < taken:  # no token is left for it: it stands where the text begins or ends
            continue
        found += tokens[taken:first]
        found += _merged(tokens[first : last + 1], _spelt(text, owners, first, last, group))
        taken = last + 1
    return (*found, *tokens[taken:])


def _touched(changes: Sequence[Change], owners: Sequence[int | None]) -> list[tuple[int, int, list[Change]]]:
    """The first and last token of each change; changes that share a token are one."""
    found: list[tuple[int, int, list[Change]]] = []
    for change in changes:
        place = min(change.start, len(owners) - 1)
        held = [owner for owner in owners[place : max(change.end, place + 1)] if owner is not None]
        if not held:
            continue
        if found and held[0] <= found[-1][1]:
            first, last, group = found[-1]
            found[-1] = (first, max(last, held[-1]), [*group, change])
        else:
            found.append((held[0], held[-1], [change]))
    return found


def _spelt(text: str, owners: Sequence[int | None], first: int, last: int, changes: Sequence[Change]) -> str:
    """How the text of the tokens `first` to `last` reads after the changes."""
    places = [place for place, owner in enumerate(owners) if owner is not None and first <= owner <= last]
    begin, end = min(places[0], changes[0].start), max(places[-1] + 1, changes[-1].end)
    moved = [replace(change, start=change.start - begin, end=change.end - begin) for change in changes]
    return put_in(text[begin:end], moved)


def _merged(tokens: Sequence[Token], text: str) -> list[Token]:
    """One token a word, each with its part of the time; the least sure token says how sure they are."""
    mark = tokens[-1].mark
    text = text.strip()
    words = (text.removesuffix(mark) if mark else text).split()
    if not words:
        return list(tokens)
    starts = [token.start_ms for token in tokens if token.start_ms is not None]
    ends = [token.end_ms for token in tokens if token.end_ms is not None]
    sure = [token.confidence for token in tokens if token.confidence is not None]
    speakers = [token.speaker for token in tokens if token.speaker is not None]
    whole = Token("", confidence=min(sure, default=None), speaker=speakers[0] if speakers else None)
    if not starts or not ends:
        return [
            replace(whole, text=word, mark=mark if index == len(words) - 1 else "") for index, word in enumerate(words)
        ]
    start, end = starts[0], max(ends[-1], starts[0])
    lengths = [sum(map(len, words[:index])) for index in range(len(words) + 1)]
    cuts = [start + (end - start) * length // lengths[-1] for length in lengths]
    return [
        replace(whole, text=word, start_ms=cuts[index], end_ms=cuts[index + 1], mark="")
        if index < len(words) - 1
        else replace(whole, text=word, start_ms=cuts[index], end_ms=end, mark=mark)
        for index, word in enumerate(words)
    ]
