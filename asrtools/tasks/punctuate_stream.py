"""Text that comes piece by piece: each piece gets its marks once the next one is there to tell what its last mark is.

The state is the sentence that is not finished, whose words are looked at again with the next piece.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from asrtools.build import LoadedModel
from asrtools.tasks.punctuate import Punctuate
from asrtools.tasks.punctuation_windows import WINDOW_WORDS, Windows
from asrtools.text.punctuation_words import split_words


@dataclass(frozen=True)
class StreamState:
    """What one stream keeps between pieces; a new stream begins with `StreamState()`."""

    pre_words: tuple[str, ...] = ()  # of the unfinished sentence, Latin ones with the blank before them


@dataclass(frozen=True)
class Piece:
    """A piece with marks, after the last mark of the piece before it where it had one; both as FunASR's string."""

    text: str
    punc_array: tuple[int, ...]  # of the words of the last window, the unfinished sentence's among them
    state: StreamState


def classes_of(whole: Punctuate, words: Sequence[str], num_before: int) -> tuple[list[int], list[int]]:
    """The marks of words, of which the first `num_before` came in earlier pieces; and of those of the last window."""
    windows = Windows(whole.rule, whole.tokenizer.tokens2ids(words))
    last: list[int] = []
    while not windows.is_done:
        found = whole.network.punctuate([windows.ids], [num_before])[0]
        windows.take(found)
        last = found.tolist()
    return windows.classes, last


class PunctuateStream:
    """The punctuation of texts that come in pieces, by a model such as CTTransformerStreaming."""

    def __init__(self, model: LoadedModel, split_size: int = WINDOW_WORDS):
        self._whole = Punctuate(model, split_size=split_size)

    def push(self, text: str, state: StreamState | None = None) -> Piece:
        """The marks of the next piece of a stream, and the state for the one after it."""
        state = state or StreamState()
        num_before = len(state.pre_words)
        words = [word.text for word in split_words("".join(state.pre_words) + " " + text)]
        if len(words) == num_before:
            return Piece("", (), state)
        marks = self._whole.marks
        classes, last = classes_of(self._whole, words, num_before)
        spaced = [
            " " + word if place and word[0].isascii() and words[place - 1][-1].isascii() else word
            for place, word in enumerate(words)
        ]
        signs = ["" if marks.punc_list[index] == "_" else marks.punc_list[index] for index in classes]
        shown = signs[num_before - 1] if num_before else ""
        shown += "".join(word + sign for word, sign in zip(spaced[num_before:], signs[num_before:], strict=True))
        ends = [place for place in range(2, len(words) - 1) if classes[place] in marks.ends]
        kept = ends[-1] + 1 if ends else 0
        return Piece(
            shown[:-1] if shown[-1] in marks.punc_list else shown,
            tuple(last),
            StreamState(tuple(spaced[kept:])),
        )
