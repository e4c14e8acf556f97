"""Low frame rate: m neighbouring frames become one row, every n frames."""

import numpy as np

from asrtools.errors import ConfigError

MOST_FRAMES = 1000  # in a row; more is a slip of the pen that would take all memory


def stack_frames(feats: np.ndarray, m: int, n: int) -> np.ndarray:
    """[T, D] to [ceil(T / n), m * D]; row t holds the frames n t - (m - 1) // 2 and on, the edge frames repeated."""
    check_lfr(m, n)
    if m == n == 1:
        return feats
    return _gather(feats, 0, range(num_rows(len(feats), n)), m, n, len(feats) - 1)


def num_rows(num_frames: int, n: int) -> int:
    return -(-num_frames // n)


def check_lfr(m: int, n: int) -> None:
    if not (1 <= m <= MOST_FRAMES and 1 <= n <= MOST_FRAMES):
        raise ConfigError(f"lfr_m is {m} and lfr_n is {n}; both are numbers of frames, 1 to {MOST_FRAMES}")


def _gather(feats: np.ndarray, offset: int, rows: range, m: int, n: int, last: int) -> np.ndarray:
    """Rows of stacked frames; `feats` begins at frame `offset`, and frames after `last` repeat it."""
    frames = np.arange(rows.start, rows.stop)[:, None] * n - (m - 1) // 2 + np.arange(m)
    frames = np.clip(frames, 0, max(last, 0)) - offset
    return np.take(feats, frames, axis=0).reshape(len(rows), m * feats.shape[1])


class LfrStream:
    """`stack_frames` of features that arrive piece by piece; one stream belongs to one utterance."""

    def __init__(self, m: int, n: int, dim: int):
        check_lfr(m, n)
        self.m, self.n = m, n
        self._kept = np.zeros((0, dim), dtype=np.float32)
        self._offset = 0  # number of the first kept frame
        self._next = 0  # row that comes next

    def accept(self, feats: np.ndarray) -> np.ndarray:
        """The rows that [t, D] more frames complete."""
        if self.m == self.n == 1:
            return feats
        self._kept = np.concatenate([self._kept, feats])
        whole = self._offset + len(self._kept) - self.m + (self.m - 1) // 2  # begin of the last window that lies inside
        return self._emit(whole // self.n + 1 if whole >= 0 else 0)

    def finish(self) -> np.ndarray:
        """The rows that end after the last frame."""
        if self.m == self.n == 1:
            return self._kept
        return self._emit(num_rows(self._offset + len(self._kept), self.n))

    def _emit(self, end: int) -> np.ndarray:
        rows = range(self._next, max(self._next, end))
        last = self._offset + len(self._kept) - 1
        out = _gather(self._kept, self._offset, rows, self.m, self.n, last)
        self._next = rows.stop
        # the last frame stays, because the rows at the end repeat it
        begin = max(0, min(self._next * self.n - (self.m - 1) // 2, last))
        self._kept = self._kept[begin - self._offset :]
        self._offset = begin
        return out
