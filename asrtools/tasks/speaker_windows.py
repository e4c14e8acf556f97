"""The windows that speakers are told apart by: 1.5 s, one every 0.75 s."""

import numpy as np

WINDOW_S = 1.5
SHIFT_S = 0.75


def cut_windows(num_samples: int, rate: int = 16000) -> list[tuple[int, int]]:
    """First and past-the-last sample of each window of a segment.

    The last window is shifted back to end with the segment; a segment shorter than a window is one, to be padded.
    """
    size, shift = window_size(rate), int(SHIFT_S * rate)
    windows: list[tuple[int, int]] = []
    for start in range(0, num_samples, shift):
        end = min(start + size, num_samples)
        if windows and end <= windows[-1][1]:
            break
        windows.append((max(0, end - size), end))
    return windows


def window_size(rate: int = 16000) -> int:
    """Samples of a window."""
    return int(WINDOW_S * rate)


def padded(samples: np.ndarray, rate: int = 16000) -> np.ndarray:
    """Samples [N] with silence up to a whole window."""
    return np.pad(samples, (0, max(0, window_size(rate) - len(samples))))
