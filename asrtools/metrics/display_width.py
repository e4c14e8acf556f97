"""How many columns of a terminal a text takes."""

import unicodedata


def display_width(text: str) -> int:
    """Chinese characters and their like take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
