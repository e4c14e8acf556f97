"""Seconds, as Kaldi and NIST files have them, to whole milliseconds and back."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation


def to_ms(*seconds: str) -> int:
    """The sum of seconds as written, in whole milliseconds, halves up; ValueError where one is no number."""
    try:
        total = sum(map(Decimal, seconds), Decimal(0))
        return int((total * 1000).quantize(Decimal(1), ROUND_HALF_UP))
    except (InvalidOperation, ValueError) as error:  # no number, infinite, absurdly large; int() of NaN
        raise ValueError(" + ".join(seconds)) from error


def to_seconds(ms: int) -> str:
    """Milliseconds as seconds with three decimals."""
    return f"{ms // 1000}.{ms % 1000:03d}"
