"""TextGrid: words with their times, as Praat reads them."""

from collections.abc import Iterable

from asrtools.io.seconds import to_seconds

Interval = tuple[int, int, str]  # ms, ms, text


def to_textgrid(words: Iterable[Interval], end_ms: int) -> str:
    """One tier of words that fills 0 to `end_ms`, with empty intervals between them."""
    intervals: list[Interval] = []
    at = 0
    for start, end, text in words:
        start = max(at, start)  # a tier's intervals do not overlap, and none has no length
        if end <= start:
            continue
        if start > at:
            intervals.append((at, start, ""))
        intervals.append((start, end, text))
        at = end
    if at < end_ms or not intervals:
        intervals.append((at, max(end_ms, at + 1), ""))
    last = to_seconds(intervals[-1][1])
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0.000",
        f"xmax = {last}",
        "tiers? <exists>",
        "size = 1",
        "item []:",
        "    item [1]:",
        '        class = "IntervalTier"',
        '        name = "words"',
        "        xmin = 0.000",
        f"        xmax = {last}",
        f"        intervals: size = {len(intervals)}",
    ]
    for number, (start, end, text) in enumerate(intervals, 1):
        quoted = text.replace('"', '""')
        lines += [
            f"        intervals [{number}]:",
            f"            xmin = {to_seconds(start)}",
            f"            xmax = {to_seconds(end)}",
            f'            text = "{quoted}"',
        ]
    return "\n".join(lines) + "\n"
