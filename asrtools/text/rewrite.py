"""Numbers, dates, money and units: from how they are spoken to how they are written (itn), and back (tn).

The grammars are wetext's. Only the stretches that they name are replaced; whatever else stands in a text, blanks and
capitals too, stays as it is. A stretch that a grammar cannot take, or makes nothing of, stays as it is as well.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from asrtools.errors import ConfigError
from asrtools.text.surface import is_unspaced

LANGUAGES = ("zh", "en", "ja")
ITN, TN = "itn", "tn"

# No grammar of Chinese or Japanese rewrites what has none of these
_NUMERAL = re.compile(r"[0-9０-９〇零一二三四五六七八九十百千万亿億两兩幺半点點]")
_DIGIT = re.compile(r"\d")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")  # a string of C, and UTF-8, cannot hold it
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# Where no number goes on: a stretch between two of these is rewritten by itself, so that one that fails costs no other
_BREAKS = {
    ("zh", ITN): re.compile(r"[。！？；，、：“”‘’（）…,.!?;:\"()\n]+"),
    ("zh", TN): re.compile(r"[。！？；，、“”‘’（）…\"\n]+"),
    ("en", ITN): re.compile(r"(?:(?<=\s)|^)[\"'“‘(\[<]+|[,.?!;:\"'”’)\]>…]+(?=\s|$)|[。！？；，、：\n]+"),
    ("en", TN): re.compile(r"[?!;\"“”()…。！？；，、：\n]+"),
}
_TOKEN = re.compile(r'\s*([a-z_]+) \{((?:\s*[a-z_]+: "(?:[^"\\]|\\.)*")*)\s*\}')
_VALUE = re.compile(r'[a-z_]+: "((?:[^"\\]|\\.)*)"')
_PLAIN = frozenset({"char", "word", "w", "p", "punctuation"})  # what the grammars call text that they leave alone
_UNIT = re.compile(r"\s+|[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
LONGEST = 400  # characters a grammar is given at once: its time grows faster than the text


@dataclass(frozen=True)
class Change:
    """`text` stands in place of the characters `start` to `end`."""

    start: int
    end: int
    text: str


class Rewriter:
    """What `operator` (itn or tn) does to texts of a language."""

    def __init__(self, operator: str, language: str):
        if language not in LANGUAGES:
            raise ConfigError(f"language {language!r} has no grammar; should be one of {', '.join(LANGUAGES)}")
        self.operator = operator
        self.language = language
        self._grammar = _grammar(operator, language)
        self._breaks = _BREAKS["en" if language == "en" else "zh", operator]
        self._may_change: Callable[[str], object] = (
            re.compile(r"\S").search if language == "en" else (_NUMERAL if operator == ITN else _DIGIT).search
        )

    def text(self, text: str) -> str:
        return put_in(text, self.changes(text))

    def changes(self, text: str) -> list[Change]:
        """What is different, in order, in as small pieces as can be told apart."""
        found: list[Change] = []
        for begin, end in self._stretches(text):
            for change in self._rewritten(text[begin:end]):
                found += _refined(text[begin + change.start : begin + change.end], change.text, begin + change.start)
        return found

    def _stretches(self, text: str) -> Iterator[tuple[int, int]]:
        begin = 0
        for match in (*self._breaks.finditer(text), None):
            end = match.start() if match else len(text)
            while end - begin > LONGEST:
                cut = _cut_near(text, begin + LONGEST, begin)
                yield begin, cut
                begin = cut
            if self._may_change(text[begin:end]):
                yield begin, end
            begin = match.end() if match else end

    def _rewritten(self, text: str) -> list[Change]:
        changes = self._whole(text)
        if changes is not None:
            return changes
        words = [match.span() for match in re.finditer(r"\S+", text)]
        if len(words) < 2:
            return []
        # what a word that no grammar takes stands in is rewritten around it
        bad = [index for index, (start, end) in enumerate(words) if self._whole(text[start:end]) is None]
        cuts = sorted({0, *bad, *(index + 1 for index in bad), len(words)}) if bad else [0, len(words) // 2, len(words)]
        found: list[Change] = []
        for first, last in zip(cuts, cuts[1:], strict=False):
            if first in bad:
                continue
            start, end = words[first][0], words[last - 1][1]
            found += [Change(start + c.start, start + c.end, c.text) for c in self._rewritten(text[start:end])]
        return found

    def _whole(self, text: str) -> list[Change] | None:
        """The changes in a stretch; None where the grammar does not take it."""
        dropped = {match.start() for match in _THOUSANDS.finditer(text)} if self._drops_thousands else set()
        places = [place for place, letter in enumerate(text) if not letter.isspace() and place not in dropped]
        if not places:
            return []
        given = "".join(letter for place, letter in enumerate(text) if place not in dropped)
        given = re.sub(r"\s+", " ", given).strip()
        if self.language == "en" and self.operator == ITN:
            given = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in given)
        pieces = self._grammar(given)
        if pieces is None:
            return None
        return _located("".join(given.split()), pieces, places)

    @property
    def _drops_thousands(self) -> bool:
        return self.operator == TN and self.language != "en"


def put_in(text: str, changes: Sequence[Change]) -> str:
    parts, place = [], 0
    for change in changes:
        parts += [text[place : change.start], change.text]
        place = change.end
    return "".join(parts) + text[place:]


def rewriter_of(text: str, operator: str) -> Rewriter | None:
    """The one for the script of a text: Chinese, or English where there is no Han; none for kana."""
    if re.search(r"[\u3040-\u30ff]", text):
        return None
    return _rewriter(operator, "zh" if re.search(r"[\u3400-\u9fff]", text) else "en")


def spell_out(text: str) -> str:
    """Numbers and units as words, in Chinese or English as the text is."""
    rewriter = rewriter_of(text, TN)
    return rewriter.text(text) if rewriter else text


@cache
def _rewriter(operator: str, language: str) -> Rewriter:
    return Rewriter(operator, language)


@dataclass(frozen=True)
class _Piece:
    """A run of text that stays, or what stands in place of one."""

    text: str
    is_new: bool
    spoken: str = ""  # the run itself, as far as the grammar tells


def _grammar(operator: str, language: str) -> Callable[[str], list[_Piece] | None]:
    try:
        from wetext.utils import reorder, tag, verbalize
    except ImportError as error:
        raise ConfigError(
            f"{operator}: wetext cannot be imported ({error}); utils/setup.sh installs it, or pip install wetext"
        ) from error

    def pieces(text: str) -> list[_Piece] | None:
        if _NOT_TEXT.search(text):
            return None
        tagged = tag(text, language, operator, enable_0_to_9=False)
        found: list[_Piece] = []
        place = 0
        while place < len(tagged):
            match = _TOKEN.match(tagged, place)
            if match is None:
                return None
            place = match.end()
            values = [re.sub(r"\\(.)", r"\1", value) for value in _VALUE.findall(match[2])]
            spoken = "".join("".join(values).split())
            if match[1] in _PLAIN:
                found.append(_Piece(spoken, False))
                continue
            written = verbalize(reorder(match[0].strip(), language, operator), language, operator)
            if not written.strip():
                return None
            found.append(_Piece(re.sub(r"\\(.)", r"\1", written.strip()), True, spoken))
        return found or None

    return pieces


def _located(given: str, pieces: Sequence[_Piece], places: Sequence[int]) -> list[Change] | None:
    """The changes of a text without blanks; `places`: where its characters stand in the text with them.

    A run that stays is looked for behind what is new, as early as can be: that finds a way through where there is one.
    """
    found: list[Change] = []
    at = 0
    index = 0
    while index < len(pieces):
        if not pieces[index].is_new:
            if not given.startswith(pieces[index].text, at):
                return None
            at += len(pieces[index].text)
            index += 1
            continue
        last = index
        while last < len(pieces) and (pieces[last].is_new or not pieces[last].text):  # or a blank
            last += 1
        after = last
        while after < len(pieces) and not pieces[after].is_new:
            after += 1
        stays = "".join(piece.text for piece in pieces[last:after])
        spoken = "".join(piece.spoken for piece in pieces[index:last])
        if after == len(pieces):
            end = len(given) - len(stays)
        elif given.startswith(spoken + stays, at):
            end = at + len(spoken)
        else:
            end = given.find(stays, at + 1)
        if end <= at or not given.startswith(stays, end) or end > len(places):
            return None
        text = _joined([piece.text for piece in pieces[index:last]])
        found.append(Change(places[at], places[end - 1] + 1, text))
        at, index = end + len(stays), after
    return found if at == len(given) else None


def _joined(parts: Sequence[str]) -> str:
    """Two numbers that follow each other stay two; a blank between them (an empty part) stays."""
    text = ""
    was_blank = False
    for part in parts:
        needs_blank = text and part and (was_blank or not (is_unspaced(text[-1]) or is_unspaced(part[0])))
        text += (" " if needs_blank else "") + part
        was_blank = not part
    return text


def _refined(old: str, new: str, start: int) -> list[Change]:
    """The change of `old` to `new` without the words and Chinese characters that both have."""
    olds, news = _UNIT.findall(old), _UNIT.findall(new)
    ends = [0]
    for unit in olds:
        ends.append(ends[-1] + len(unit))
    places = [0]
    for unit in news:
        places.append(places[-1] + len(unit))
    found: list[Change] = []
    matcher = difflib.SequenceMatcher(None, [_alike(u) for u in olds], [_alike(u) for u in news], autojunk=False)
    before = before_new = 0
    # a blank alone is in both by chance
    for begin, begin_new, size in (*matcher.get_matching_blocks()[:-1], (len(olds), len(news), 0)):
        if size and all(unit.isspace() for unit in olds[begin : begin + size]):
            continue
        if before < begin or before_new < begin_new:
            text = new[places[before_new] : places[begin_new]]
            found.append(Change(start + ends[before], start + ends[begin], text))
        before, before_new = begin + size, begin_new + size
    return found


def _alike(unit: str) -> str:
    return " " if unit.isspace() else unit.lower()


def _cut_near(text: str, place: int, begin: int) -> int:
    """Where a text may be cut, not far before `place`: at a blank, or between two characters that are no numerals."""
    for cut in range(place, max(begin + 1, place - LONGEST // 2), -1):
        if text[cut].isspace():
            return cut
        if is_unspaced(text[cut]) and not _NUMERAL.match(text[cut]) and not _NUMERAL.match(text[cut - 1]):
            return cut
    return place
