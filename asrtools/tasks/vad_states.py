"""Where speech begins and ends: from frames that are speech or not to segments, a block of frames at a time.

The rules are those that published models are used with. A window slides over the frames; when enough of them are speech
a segment begins, some time before that; when few are and it stays so for long enough, it ends. Python's part is one
step a change, not one a frame.
"""

import math
from typing import NamedTuple

import numpy as np

from asrtools.models.fsmn_vad.options import ONE, VadOptions

NEVER = 1 << 60  # a frame that does not come


class VadEvent(NamedTuple):
    """What a block of frames decided about a segment: its begin, its end, or both."""

    start_ms: int | None
    end_ms: int | None


class VadStates:
    """The segments of one stream."""

    def __init__(self, options: VadOptions):
        self.options = options
        self.end_silence_ms: float = options.end_silence_ms  # may change from block to block
        self._window = _Window(
            options.frames(options.window_size_ms),
            options.frames(options.sil_to_speech_time_thres),
            options.frames(options.speech_to_sil_time_thres),
        )
        self._start: int | None = None  # first frame of the segment that is open
        self._is_speech = False  # what the window says
        self._silent_since = 0  # frame at which it last said so
        self._free_from = 0  # frames before belong to the segments that are over
        self._reset_at = -1  # frame at which the last one ended
        self._is_over = False  # detect_mode 0: there will be no more
        self._is_new = False  # the open segment began in this block

    @property
    def is_open(self) -> bool:
        """Whether a segment has begun and not ended."""
        return self._start is not None

    def advance(self, is_speech: np.ndarray, is_final: bool = False) -> list[VadEvent]:
        """bool [T], the next frames, to what they decide; `is_final`: there are no more, an open segment ends."""
        first = self._window.end
        end = self._window.extend(is_speech)
        events: list[VadEvent] = []
        self._is_new = False
        frame = first
        while frame < end and not self._is_over:
            if self._start is None:
                frame = self._search(frame, end) + 1
            else:
                at, end_frame = self._follow(frame, end)
                if end_frame is not None:
                    events.append(self._end(at, end_frame))
                frame = at + 1
        if self._start is not None and is_final:
            events.append(self._end(end - 1, end - 1))
        if self._start is not None and self._is_new:
            events.append(VadEvent(self._start * self.options.frame_in_ms, None))
        return events

    def _search(self, frame: int, end: int) -> int:
        """Begin a segment at the next frame at which the window finds speech, if that is before `end`."""
        found = self._window.next_rise(frame)
        if self.options.detect_mode == ONE:
            too_late = self._reset_at + self.options.frames(self.options.max_start_silence_time) + 1
            if too_late < min(found, end):
                self._is_over = True
                return too_late
        if found >= end:
            return end
        self._start = max(self._free_from, found - self.options.latency)
        self._is_speech = True
        self._is_new = True
        return found

    def _follow(self, frame: int, end: int) -> tuple[int, int | None]:
        """The frame of the next change in an open segment, and the segment's last frame if it is over."""
        options = self.options
        too_long = max(frame, self._start + options.frames(options.max_single_segment_time))
        if self._is_speech:
            change, silent = self._window.next_fall(frame), NEVER
        else:
            change = self._window.next_rise(frame)
            silent = max(frame, self._silent_since + max(1, math.ceil(self.end_silence_ms / options.frame_in_ms)))
        at = min(change, silent, too_long)
        if at >= end:
            return end, None
        if at == silent != change:
            return at, at - self._lookback()
        if at == too_long:
            return at, at
        self._is_speech = not self._is_speech
        if not self._is_speech:
            self._silent_since = at
        return at, None

    def _lookback(self) -> int:
        """Frames of the silence at its end that are no part of a segment."""
        frames = self.options.frames(self.end_silence_ms)
        if self.options.do_extend:
            frames -= self.options.frames(self.options.lookahead_time_end_point) + 1
        return max(0, frames)

    def _end(self, at: int, end_frame: int) -> VadEvent:
        frame_ms = self.options.frame_in_ms
        start = self._start * frame_ms if self._is_new else None
        taken = self._taken_before(at)
        self._free_from = end_frame + 1 if end_frame > taken else taken + 2
        self._start, self._is_new, self._is_speech = None, False, False
        self._reset_at = at
        self._window.reset(at)
        self._is_over = self.options.detect_mode == ONE
        return VadEvent(start, (end_frame + 1) * frame_ms)

    def _taken_before(self, at: int) -> int:
        """The last frame that was already part of the segment when frame `at` ended it."""
        if self._is_speech:
            return at - 1
        more = self.options.frames(self.options.lookahead_time_end_point) if self.options.do_extend else 0
        return self._silent_since + min(max(0, at - 1 - self._silent_since), more)


class _Window:
    """How many of the last `size` frames are speech, and where that number reaches its thresholds.

    Frames are numbered from the begin of the stream. `reset` makes a window forget what it saw.
    """

    def __init__(self, size: int, rise: int, fall: int):
        self.size, self.rise, self.fall = size, rise, fall
        self.end = 0  # frames seen
        self._first = 0  # of the last block
        self._history = np.zeros(size - 1, dtype=bool)  # before it
        self._block = np.zeros(0, dtype=bool)
        self._rises = self._falls = np.zeros(0, dtype=np.int64)
        self._fresh_from = 0  # frames before are forgotten, where they are not yet out of the window

    def extend(self, block: np.ndarray) -> int:
        """Take in [T] more frames; how many there are now."""
        seen = np.concatenate([self._history, self._block])[len(self._block) :]
        forgotten = self._fresh_from - (self.end - len(seen))
        if forgotten > 0:
            seen[:forgotten] = False
        self._history, self._block, self._first = seen, np.asarray(block, dtype=bool), self.end
        sums = np.zeros(self.size + len(block), dtype=np.int64)
        np.cumsum(np.concatenate([seen, self._block]), out=sums[1:])
        counts = sums[self.size :] - sums[: len(block)]
        self._rises = np.flatnonzero(counts >= self.rise) + self._first
        self._falls = np.flatnonzero(counts <= self.fall) + self._first
        self.end += len(block)
        return self.end

    def reset(self, frame: int) -> None:
        """Forget the frames up to this one."""
        self._fresh_from = frame + 1

    def next_rise(self, frame: int) -> int:
        """The first frame from `frame` on at which the window holds enough speech; NEVER within the block."""
        return self._next(frame, self._rises, lambda counts: counts >= self.rise)

    def next_fall(self, frame: int) -> int:
        return self._next(frame, self._falls, lambda counts: counts <= self.fall)

    def _next(self, frame: int, known: np.ndarray, wanted) -> int:
        full = self._fresh_from + self.size - 1  # from here on no window reaches back over the reset
        begin = self._fresh_from - self._first
        if frame < full and begin > 0:  # a reset within this block, which `known` does not know of
            counts = np.cumsum(self._block[begin : full - self._first])
            found = np.flatnonzero(wanted(counts[frame - self._fresh_from :]))
            if len(found):
                return frame + int(found[0])
            frame = full
        place = int(known.searchsorted(frame))
        return int(known[place]) if place < len(known) else NEVER
