"""STM: who said what, and when."""

from collections.abc import Iterator
from typing import NamedTuple

from asrtools.errors import DataError
from asrtools.io.seconds import to_ms
from asrtools.io.text_file import BLANK, StrPath, display_name, read_lines


class Saying(NamedTuple):
    recording: str
    speaker: str
    start_ms: int
    text: str


def read_stm(path: StrPath) -> Iterator[Saying]:
    """The lines `recording channel speaker start end [<label>] words`; `;;` comments are passed over."""
    name = display_name(path)
    for line in read_lines(path):
        if line.error:
            raise DataError(line.error)
        if line.text.startswith(";;"):
            continue
        where = f"{name}:{line.number}"
        columns = line.text.split(maxsplit=5)
        if len(columns) < 5:
            raise DataError(
                f"{where}: has {len(columns)} columns; should be `recording channel speaker start end [<label>] words`"
            )
        try:
            start_ms = to_ms(columns[3])
        except ValueError as error:
            raise DataError(f"{where}: has the time {error}; should be seconds") from error
        text = columns[5] if len(columns) > 5 else ""
        if text.startswith("<") and not text.startswith(("<s>", "<unk>")):  # <o,f0,female>
            text = text.partition(">")[2].strip(BLANK)
        yield Saying(columns[0], columns[2], start_ms, text)
