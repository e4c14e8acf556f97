"""What FunASR's AutoModel says about the sentences of a recording: the text it punctuates, and `sentence_info` of it.

Where marks and times do not count the same words FunASR falls back to segments; here each mark goes to the word it
follows, so that there is nothing to fall back from.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from asrtools.record import Token
from asrtools.tasks.punctuate import Punctuated
from asrtools.tasks.sentences import owners_of
from asrtools.text.surface import Span

SIGNS = ("，", "。", "？", "、")  # of classes 2 to 5, whatever the model's own list says
ENGLISH_SIGNS = (",", ".", "?", ",")
NO_MARK = 1  # the class


def joined(texts: Iterable[str]) -> str:
    """The texts of segments as one, without a blank between two Chinese characters."""
    whole = ""
    for text in map(str.strip, texts):
        if whole and text and not (_is_chinese(whole[-1]) and _is_chinese(text[0])):
            whole += " "
        whole += text
    return whole


def classes_of_words(punctuated: Punctuated, words: Sequence[str]) -> list[int]:
    """The class of the mark after each word that the recogniser gave times for."""
    array = punctuated.punc_array or []
    if len(array) == len(words):
        return array
    owners = owners_of(punctuated.source, [Token(word) for word in words])
    classes = [NO_MARK] * len(words)
    for word, index in zip(punctuated.words, punctuated.classes, strict=True):
        owner = owners[word.end - 1]
        if owner is not None and punctuated.marks.sign(index):
            classes[owner] = index
    return classes


def sentence_info(
    words: Sequence[str],
    spans: Sequence[Span],
    classes: Sequence[int],
    with_raw_text: bool = False,
    is_english: bool = False,
) -> list[dict[str, Any]]:
    """A dict for each stretch up to a mark, as FunASR's `timestamp_sentence` (or `..._en`) makes it, habits included.

    A span and a class for each word. FunASR itself gives the pieces between blanks of the joined text as words; where
    segments meet without one these are too few, and its sentences slip against their times. What follows the last mark
    is a stretch too; FunASR loses it.
    """
    signs = ENGLISH_SIGNS if is_english else SIGNS
    found: list[dict[str, Any]] = []
    begin = 0
    for end in range(1, len(spans) + 1):
        index = classes[end - 1]
        if index <= NO_MARK and end < len(spans):
            continue
        text = _spelt(words[begin:end])
        sentence = {
            "text": (text.removeprefix(" ") if is_english else text) + (signs[index - 2] if index > NO_MARK else ""),
            "start": spans[begin][0],
            "end": spans[end - 1][1],
            "timestamp": [list(span) for span in spans[begin:end]],
        }
        if with_raw_text:
            sentence["raw_text"] = (" " if is_english else "").join(words[begin:end])
        found.append(sentence)
        begin = end
    return found


def _spelt(words: Sequence[str]) -> str:
    """Words one after another, a blank before a Latin one and after it."""
    text = ""
    for word in words:
        text += (" " if _is_latin(word[0]) or (text and _is_latin(text[-1])) else "") + word
    return text


def _is_latin(letter: str) -> bool:
    return "a" <= letter <= "z" or "A" <= letter <= "Z"


def _is_chinese(letter: str) -> bool:
    return "\u3400" <= letter <= "\u9fff"
