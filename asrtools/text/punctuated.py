"""A text that has its marks, as words and the class of the mark that follows each."""

from collections.abc import Iterator, Mapping, Sequence

from asrtools.text.punctuation_words import WordSplitter, split_words

# What people write, as the mark of a published list that it is taken for.
SAME_AS = {
    **dict.fromkeys(",;；:：", "，"),
    **dict.fromkeys(".!！…", "。"),
    "?": "？",
}
NO_MARK = ("_", "<unk>")


def words_and_marks(
    text: str, punc_list: Sequence[str], split: WordSplitter = split_words
) -> tuple[list[str], list[int]]:
    """The words of a text without its marks, and for each the place in `punc_list` of the mark after it.

    An ASCII mark inside of a word (3.5, o'clock, a:b) is part of the word. Of several marks the first one counts.
    """
    classes = {mark: number for number, mark in enumerate(punc_list)}
    nothing = next((classes[mark] for mark in NO_MARK if mark in classes), 0)
    words: list[str] = []
    found: list[int] = []
    for piece, mark in _pieces(text, classes):
        cut = [word.text for word in split(piece)]
        words += cut
        found += [nothing] * len(cut)
        if found and found[-1] == nothing and mark is not None:
            found[-1] = mark
    return words, found


def _pieces(text: str, classes: Mapping[str, int]) -> Iterator[tuple[str, int | None]]:
    """What stands between marks, and the class of the mark after it."""
    begin = 0
    for place, character in enumerate(text):
        mark = classes.get(character, classes.get(SAME_AS.get(character, "")))
        if mark is None or character in NO_MARK or (character.isascii() and _is_inside(text, place)):
            continue
        yield text[begin:place], mark
        begin = place + 1
    yield text[begin:], None


def _is_inside(text: str, place: int) -> bool:
    """Whether letters or digits of an alphabet stand on both sides."""
    return all(
        0 <= beside < len(text) and text[beside].isascii() and text[beside].isalnum()
        for beside in (place - 1, place + 1)
    )
