"""UEM: which parts of recordings are scored."""

from asrtools.errors import DataError
from asrtools.io.scp import split_columns
from asrtools.io.seconds import to_ms
from asrtools.io.text_file import StrPath, display_name, read_lines


def read_uem(path: StrPath) -> dict[str, list[tuple[int, int]]]:
    """The spans of each recording in ms; `;;` comments are passed over, a bad line is a DataError."""
    name = display_name(path)
    spans: dict[str, list[tuple[int, int]]] = {}
    for line in read_lines(path):
        if line.error:
            raise DataError(line.error)
        if line.text.startswith(";;"):
            continue
        where = f"{name}:{line.number}"
        columns = split_columns(line.text)
        if len(columns) < 4:
            raise DataError(f"{where}: has {len(columns)} columns; should be `recording channel start end`")
        try:
            start_ms, end_ms = to_ms(columns[2]), to_ms(columns[3])
        except ValueError as error:
            raise DataError(f"{where}: has the time {error}; should be seconds") from error
        if start_ms < 0 or end_ms <= start_ms:
            raise DataError(f"{where}: goes from {columns[2]} s to {columns[3]} s; should end after it starts")
        spans.setdefault(columns[0], []).append((start_ms, end_ms))
    return spans
