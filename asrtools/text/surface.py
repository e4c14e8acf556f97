"""Three surfaces of one text, from a model's tokens.

`auto_model_text`: the string and the times that FunASR's AutoModel returns, to the letter, its habits included.
`recog_text`: the line of `1best_recog/text`, which FunASR's recipes score.
`reading_text`: for people. Chinese is unspaced, words of other scripts stand apart (the words: `asrtools.text.words`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asrtools.record import Token

Span = tuple[int, int]  # start and end in ms

SILENT_TOKENS = ("<s>", "</s>", "<unk>", "<OOV>")  # never shown
CONTINUES = "@@"  # a piece that goes on in the next token
BEGINS = "\u2581"  # of sentencepiece: a word begins here
SPACE = " "  # between words, while they are put together

# Families whose string is the bare tokens one after another, `@@` and all.
BARE_TEXT = ("Transducer",)
BARE_RECOG_LINE = ("Transducer", "ContextualParaformer")


@dataclass(frozen=True)
class Surface:
    """A text, its words and, where times were given, the times of these words."""

    text: str
    words: tuple[str, ...]
    spans: tuple[Span, ...] | None = None


def auto_model_text(model: str, tokens: Sequence[str], spans: Sequence[Span] | None = None) -> Surface:
    """What AutoModel returns for a model of this registered name."""
    surface = funasr_surface(tokens, spans)
    return Surface("".join(tokens), surface.words, surface.spans) if model in BARE_TEXT else surface


def recog_text(model: str, tokens: Sequence[str], spans: Sequence[Span] | None = None) -> str:
    """The line of `1best_recog/text` that FunASR 1.x writes for a model of this registered name."""
    return "".join(tokens) if model in BARE_RECOG_LINE else funasr_surface(tokens, spans).text


def funasr_surface(tokens: Sequence[str], spans: Sequence[Span] | None = None) -> Surface:
    """FunASR's string: `@@` pieces joined, single letters in a row an abbreviation; spaced throughout if it has times.

    It is right for comparison only. A piece that is never finished jumps over what follows it, and a token that is not
    shown leaves its time to the next; the words of `asrtools.text.words` do neither.
    """
    shown = [token for token in tokens if token not in SILENT_TOKENS]
    if _is_chinese(shown):
        pieces, times = [token.replace(" ", "") for token in shown], list(spans or ())
    elif _is_latin(shown):
        pieces, times = [piece for token in shown for piece in (token, SPACE)], list(spans or ())[: len(shown)]
    else:
        pieces, times = _join_mixed(shown, spans)
    pieces, times = _abbreviate(pieces, times)
    words = tuple(piece for piece in pieces if piece != SPACE)
    if spans is None:
        return Surface("".join(pieces).strip(), words)
    return Surface(SPACE.join(words).strip(), words, tuple(times))


def sentencepiece_surface(text: str, pieces: Sequence[str], spans: Sequence[Span]) -> Surface:
    """`text` as the tokenizer decodes it, with the words that FunASR gives times to: a word of `▁` pieces ends at every
    piece that is not of ASCII letters."""
    words: list[str] = []
    times: list[Span] = []
    for piece, span in zip(pieces, spans, strict=False):
        word = piece.removeprefix(BEGINS)
        if not word:
            continue
        goes_on = words and not piece.startswith(BEGINS) and _is_ascii_word(words[-1]) and _is_ascii_word(word)
        if goes_on:
            words[-1], times[-1] = words[-1] + word, (times[-1][0], span[1])
        else:
            words.append(word)
            times.append(span)
    return Surface(text, tuple(words), tuple(times))


def reading_text(words: Iterable[Token]) -> str:
    """The text for people: words with their marks, spaces where both neighbours are of a script that has them."""
    text = ""
    for word in words:
        shown = word.text + word.mark
        if text and shown and not is_unspaced(text[-1]) and not is_unspaced(shown[0]):
            text += SPACE
        text += shown
    return text


def is_unspaced(character: str) -> bool:
    """Whether it is of a script written without spaces: Han, kana, and the full-width signs that go with them."""
    code = ord(character)
    return (
        0x2E80 <= code <= 0x30FF  # radicals, CJK signs, kana
        or 0x31C0 <= code <= 0x9FFF  # strokes, kana extensions, Han
        or 0xF900 <= code <= 0xFAFF
        or 0xFE30 <= code <= 0xFE4F
        or 0xFF00 <= code <= 0xFFEF
        or 0x20000 <= code <= 0x3FFFF
    ) and not 0x3130 <= code <= 0x318F  # Hangul letters


def is_ascii_letter(text: str) -> bool:
    return len(text) == 1 and text.isascii() and text.isalpha()


def _is_ascii_word(text: str) -> bool:
    return text.isascii() and text.isalpha()


def _join_mixed(tokens: Sequence[str], spans: Sequence[Span] | None) -> tuple[list[str], list[Span]]:
    pieces: list[str] = []
    times: list[Span] = []
    unfinished, is_open, is_after_word = "", False, False
    begin = end = -1
    for index, token in enumerate(tokens):
        has_time = spans is not None and index < len(spans)
        if has_time and not is_open:
            begin, end = spans[index]
        if _is_chinese(token):
            if is_after_word:
                pieces.pop()
            pieces.append(token)
            is_open = is_after_word = False
        elif CONTINUES in token:
            unfinished += token.replace(CONTINUES, "")
            is_open, is_after_word = True, False
            end = spans[index][1] if has_time else end
            continue
        elif _is_latin(token):
            pieces += [unfinished + token, SPACE]
            unfinished, is_open, is_after_word = "", False, True
            end = spans[index][1] if has_time else end
        else:
            pieces.append(token)
            continue
        if has_time:
            times.append((begin, end))
    return pieces, times


def _abbreviate(pieces: Sequence[str], times: Sequence[Span]) -> tuple[list[str], list[Span]]:
    """Runs of single letters, a space between each two, as one word in capitals; the time of the whole run is its."""
    shown: list[str] = []
    shown_times: list[Span] = []
    start = place = 0  # in pieces; among words
    while start < len(pieces):
        last = start
        if is_ascii_letter(pieces[start]):
            while last + 2 < len(pieces) and pieces[last + 1] == SPACE and is_ascii_letter(pieces[last + 2]):
                last += 2
        run = [piece for piece in pieces[start : last + 1] if piece != SPACE]
        shown.append("".join(run).upper() if len(run) > 1 else pieces[start])
        ending = place + len(run) - 1
        if run and ending < len(times):
            shown_times.append((times[place][0], times[ending][1]))
        place += len(run)
        start = last + 1
    return shown, shown_times


def _is_chinese(parts: Sequence[str]) -> bool:
    """Of a text its characters, of a list its tokens: FunASR compares whole tokens with the ends of the range."""
    bare = [_bare(part) for part in parts]
    return bool(bare) and all("\u4e00" <= one <= "\u9fff" or "0" <= one <= "9" or one == "@" for one in bare)


def _is_latin(parts: Sequence[str]) -> bool:
    bare = [_bare(part) for part in parts]
    return bool(bare) and all(one == "'" or (one.isalpha() and not _is_chinese([one])) for one in bare)


def _bare(part: str) -> str:
    part = part.replace(" ", "")
    for token in ("</s>", "<s>", "<unk>", "<OOV>"):
        part = part.replace(token, "")
    return part
