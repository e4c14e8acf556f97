"""Punctuation of the sentences of streams, each as soon as it is over."""

from dataclasses import dataclass

from asrtools.errors import AsrError
from asrtools.record import Utterance
from asrtools.tasks.punctuate import Punctuate, Punctuated
from asrtools.tasks.punctuate_stream import classes_of
from asrtools.tasks.punctuation_windows import LONGEST_SENTENCE
from asrtools.text.marks import closed


@dataclass(frozen=True, eq=False)
class StreamMarks:
    """A model of streams sees what went before, as far as no sentence has ended; any other sees each text by itself."""

    punctuate: Punctuate

    def __call__(
        self, record: Utterance, before: tuple[str, ...], is_last: bool
    ) -> tuple[Utterance, tuple[str, ...], str | None]:
        """The record with marks, the words that the next one goes on from, and why there are no marks.

        Its last mark is what the model says now, for the text is shown before more is heard; a full stop at the end.
        """
        if not record.text:
            return record, before, None
        try:
            if getattr(self.punctuate.network, "is_streaming", False):
                return *self._follow(record, before, is_last), None
            (punctuated,) = self.punctuate.texts([record.text])
        except AsrError as error:
            return record, (), str(error)
        return self.punctuate.marked(record, punctuated), (), None

    def _follow(self, record: Utterance, before: tuple[str, ...], is_last: bool) -> tuple[Utterance, tuple[str, ...]]:
        marks, source = self.punctuate.marks, record.text or ""
        words = self.punctuate.split(source)
        if not words:
            return record, before
        texts = [*before, *(word.text for word in words)]
        classes, _ = classes_of(self.punctuate, texts, len(before))
        if is_last:
            classes, _ = closed(classes, texts[-1], marks)
        own = Punctuated(source, words, classes[len(before) :], marks, goes_on=bool(before))
        ended = max((place + 1 for place, index in enumerate(classes) if index in marks.ends), default=0)
        return self.punctuate.marked(record, own), tuple(texts[ended:][-LONGEST_SENTENCE:])
