"""The windows in which a punctuation model sees a text: 20 words at a time, after the sentence that is unfinished yet.

What a window settles reaches to its last full stop or question mark; the rest comes again with the next one. A sentence
of more than 200 words is cut at its last comma, which becomes a full stop.
"""

from collections.abc import Sequence

import numpy as np

from asrtools.text.marks import MarkSet

WINDOW_WORDS = 20
LONGEST_SENTENCE = 200  # words, where it has a comma
LONGEST_WINDOW = 1000  # words without any mark, of which FunASR takes any number, in time that grows with their square


class WindowRule:
    """What windows of one model have in common."""

    def __init__(self, marks: MarkSet, size: int = WINDOW_WORDS):
        self.size = size
        self.sentence_end_id = marks.sentence_end_id
        self.is_end = np.array([index in marks.ends for index in range(len(marks.punc_list))])
        self.is_comma = np.array([index in marks.commas for index in range(len(marks.punc_list))])

    def settle(self, classes: np.ndarray) -> tuple[int, np.ndarray]:
        """How many words of a window that is not the last are settled, and as what.

        The first two words and the last end no sentence here, as published.
        """
        inner = classes[2:-1]
        ends = np.flatnonzero(self.is_end[inner])
        if len(ends):
            return int(ends[-1]) + 3, classes
        commas = np.flatnonzero(self.is_comma[inner])
        if len(classes) > LONGEST_SENTENCE and len(commas):
            last = int(commas[-1]) + 2
            classes = classes.copy()
            classes[last] = self.sentence_end_id
            return last + 1, classes
        return max(0, len(classes) - LONGEST_SENTENCE) if len(classes) > LONGEST_WINDOW else 0, classes


class Windows:
    """One text on its way through the model: `ids` is the window to look at, until all words are settled."""

    def __init__(self, rule: WindowRule, ids: Sequence[int]):
        self._rule = rule
        self._all = ids
        self._begin = 0  # of the window
        self._end = min(rule.size, len(ids))
        self._classes = np.zeros(len(ids), dtype=np.int64)
        self.starts: list[int] = []  # the words with which stretches that were settled at once begin

    @property
    def is_done(self) -> bool:
        return self._begin == len(self._all)

    @property
    def ids(self) -> Sequence[int]:
        return self._all[self._begin : self._end]

    @property
    def classes(self) -> list[int]:
        """Of the words that are settled."""
        return self._classes[: self._begin].tolist()

    def take(self, classes: np.ndarray) -> None:
        """What the model said about the window, int64 [N]; goes on to the next one."""
        num_settled = len(classes)
        if self._end < len(self._all):
            num_settled, classes = self._rule.settle(classes)
        if num_settled:
            self.starts.append(self._begin)
            self._classes[self._begin : self._begin + num_settled] = classes[:num_settled]
            self._begin += num_settled
        self._end = min(self._end + self._rule.size, len(self._all))
