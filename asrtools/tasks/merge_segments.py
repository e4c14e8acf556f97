"""Segments of speech put together or made longer."""

from collections.abc import Sequence

Segment = tuple[int, int]  # ms


def merge_segments(segments: Sequence[Segment], longest_ms: float) -> list[Segment]:
    """Cut the whole of a recording, pauses and all, at borders of segments into pieces below `longest_ms`.

    FunASR's merge_vad: the first piece begins at 0, and a piece ends at the last border before it would reach that
    length; a single segment longer than that stays.
    """
    if len(segments) <= 1:
        return list(segments)
    borders = sorted({time for segment in segments for time in segment})
    merged = []
    begin = 0
    for border, following in zip(borders, borders[1:], strict=False):
        if following - begin >= longest_ms:
            if border > begin:
                merged.append((begin, border))
            begin = border
    merged.append((begin, borders[-1]))
    return merged


def pad_segments(segments: Sequence[Segment], pad_ms: int, end_ms: int) -> list[Segment]:
    """Each segment longer by `pad_ms` at both ends, as far as half of the pause to its neighbour, 0 and `end_ms`."""
    padded = []
    for index, (begin, end) in enumerate(segments):
        low = (segments[index - 1][1] + begin) // 2 if index else 0
        high = (end + segments[index + 1][0]) // 2 if index + 1 < len(segments) else max(end, end_ms)
        padded.append((max(low, begin - pad_ms), min(high, end + pad_ms)))
    return padded
