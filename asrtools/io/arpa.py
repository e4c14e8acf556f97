"""ARPA files, the text format of n-gram language models; gzip is seen by its first bytes."""

import math
from dataclasses import dataclass

from asrtools.errors import DataError
from asrtools.io.text_file import Line, StrPath, read_lines

FILE_BEGIN, FILE_END = "\\data\\", "\\end\\"


@dataclass(frozen=True)
class Arpa:
    """Natural logarithms."""

    order: int
    log_probs: dict[tuple[str, ...], float]
    backoffs: dict[tuple[str, ...], float]  # those that are not 0


def read_arpa(path: StrPath) -> Arpa:
    lines = (line for line in read_lines(path) if line.text.strip())
    counts: dict[int, int] = {}
    log_probs: dict[tuple[str, ...], float] = {}
    backoffs: dict[tuple[str, ...], float] = {}
    section = -1  # -1 before \data\, 0 in it, else the length of the n-grams that follow
    num_read = 0
    for line in lines:
        text = line.text.strip()
        if text.startswith("\\"):
            if section > 0:
                _check_count(path, line, section, num_read, counts)
            if text == FILE_END:
                section = 0
                break
            section, num_read = _section(path, line, text, counts, section), 0
        elif section == 0:
            counts.update([_count(path, line, text)])
        elif section > 0:
            words, log_prob, backoff = _entry(path, line, text, section)
            log_probs[words] = log_prob
            if backoff:
                backoffs[words] = backoff
            num_read += 1
    else:
        raise DataError(f"{path}: does not end with {FILE_END}, so it is cut short or no ARPA file")
    if not log_probs:
        raise DataError(f"{path}: holds no n-grams")
    return Arpa(max(counts), log_probs, backoffs)


def _section(path: StrPath, line: Line, text: str, counts: dict[int, int], section: int) -> int:
    if text == FILE_BEGIN and section < 0:
        return 0
    length = text.removeprefix("\\").removesuffix("-grams:")
    if section < 0 or not length.isdigit() or int(length) not in counts:
        raise DataError(f"{path}:{line.number}: {text!r} is out of place; {FILE_BEGIN} and then \\1-grams: are wanted")
    return int(length)


def _count(path: StrPath, line: Line, text: str) -> tuple[int, int]:
    name, _, count = text.partition("=")
    length = name.removeprefix("ngram").strip()
    if not name.startswith("ngram") or not length.isdigit() or not count.strip().isdigit():
        raise DataError(f"{path}:{line.number}: {text!r} is no count; `ngram 1=123` is wanted")
    return int(length), int(count)


def _entry(path: StrPath, line: Line, text: str, length: int) -> tuple[tuple[str, ...], float, float]:
    if line.error:
        raise DataError(f"{path}:{line.number}: {line.error}")
    fields = text.split()
    try:
        if not length + 1 <= len(fields) <= length + 2:
            raise ValueError
        log_prob = float(fields[0])
        backoff = float(fields[length + 1]) if len(fields) > length + 1 else 0.0
        if math.isnan(log_prob) or math.isnan(backoff):
            raise ValueError
    except ValueError as error:
        wanted = f"a log10 probability, {length} words and perhaps a back-off are wanted"
        raise DataError(f"{path}:{line.number}: {text!r} is no {length}-gram; {wanted}") from error
    scale = math.log(10.0)
    return tuple(fields[1 : length + 1]), log_prob * scale, backoff * scale


def _check_count(path: StrPath, line: Line, section: int, num_read: int, counts: dict[int, int]) -> None:
    if num_read != counts[section]:
        raise DataError(
            f"{path}:{line.number}: {num_read} {section}-grams stand there and {counts[section]} are announced; "
            "the file is damaged"
        )
