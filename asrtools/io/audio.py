"""Sound: how long a recording is, and its samples, whatever they are stored in.

16-bit samples become `int16 / 32768` by every route, to the bit. The length in a compressed file's header is believed
by `probe`; `load` finds out when there is less, and fails.
"""

import contextlib
import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from asrtools.errors import DataError
from asrtools.io import ffmpeg
from asrtools.io.audio_input import Encoded, locate, through_ffmpeg
from asrtools.io.samples import checked, from_pcm, to_float

OVERSHOOT_MS = 500  # how far a span may reach past the end; segments of Kaldi often do by some frames
RESAMPLE_MARGIN_MS = 100  # read around a span, so that it sounds as in the whole recording resampled
RATES = (1000, 768_000)  # what a header may say
MP3_SHORTFALL = 2 * 1152  # samples that its header may promise too many: encoder delay and padding
_UNKNOWN_FRAMES = 1 << 48


@dataclass(frozen=True)
class AudioInfo:
    num_samples: int
    rate: int
    channels: int


@dataclass(frozen=True, eq=False)
class Audio:
    samples: np.ndarray  # float32 [N], or [C, N] of channel "all"
    rate: int


class Recording(Protocol):
    where: str
    num_samples: int
    rate: int
    channels: int

    def read(self, first: int, last: int) -> np.ndarray:  # float32 [N, C]
        ...


def probe(source: object, fs: int = 16000, key: str = "") -> AudioInfo:
    """Length, rate and channels, from the header where the format has one; `fs` is the rate of raw PCM and arrays."""
    with _opened(source, fs, key, keep=False) as recording:
        return AudioInfo(recording.num_samples, recording.rate, recording.channels)


def load(
    source: object,
    rate: int | None = None,
    start_ms: int = 0,
    end_ms: int | None = None,
    channel: str | int = "mix",
    fs: int = 16000,
    key: str = "",
) -> Audio:
    """The samples of a recording or of a span of it, resampled to `rate`.

    `source`: path, URL, `cmd |`, `x.ark:1234`, `-`, bytes (of a file, or raw int16 PCM), an open binary file, or an
    array of samples. `channel`: mix (their mean), one of them counted from 0, or all ([C, N]). `fs`: the rate of raw
    PCM and arrays. A span may end up to half a second past the recording. `key` stands in errors where the source has
    no name.
    """
    if channel not in ("mix", "all") and not str(channel).isdecimal():
        raise DataError(f"channel {channel!r} is not known; should be mix, all, or a number from 0")
    is_span = start_ms != 0 or end_ms is not None
    with _opened(source, fs, key, keep=is_span) as recording:
        samples = _samples(recording, rate, start_ms, end_ms, channel)
        if channel == "all":
            samples = samples.T
        return Audio(np.ascontiguousarray(samples), rate or recording.rate)


def load_blocks(
    source: object,
    rate: int,
    start_ms: int = 0,
    end_ms: int | None = None,
    channel: str | int = "mix",
    fs: int = 16000,
    key: str = "",
    block_ms: int = 60_000,
) -> Iterator[np.ndarray]:
    """What `load` gives, float32 [N] piece by piece, so that hours of one or mixed channels take little memory."""
    with _opened(source, fs, key, keep=True) as recording:
        span_of(recording, recording.where, start_ms, end_ms)
        last_ms = recording.num_samples * 1000 // recording.rate
        last_ms = last_ms if end_ms is None else min(last_ms, end_ms)
        while start_ms + block_ms < last_ms:
            yield _samples(recording, rate, start_ms, start_ms + block_ms, channel)
            start_ms += block_ms
        yield _samples(recording, rate, start_ms, end_ms, channel)


def _samples(
    recording: Recording, rate: int | None, start_ms: int, end_ms: int | None, channel: str | int
) -> np.ndarray:
    if recording.rate == rate or rate is None:
        first, last = span_of(recording, recording.where, start_ms, end_ms)
        return _pick(recording.read(first, last), channel, recording)
    return _resampled(recording, rate, start_ms, end_ms, channel)


def span_of(
    recording: "AudioInfo | Recording", where: str, start_ms: int = 0, end_ms: int | None = None
) -> tuple[int, int]:
    """The first sample of a span and the one after its last; one outside the recording is a DataError."""
    total, rate = recording.num_samples, recording.rate
    shown = f"the span from {start_ms} ms to {'the end' if end_ms is None else f'{end_ms} ms'}"
    if start_ms < 0 or (end_ms is not None and end_ms <= start_ms):
        raise DataError(f"{where}: {shown} is no span; it should start at 0 or later and end after its start")
    first = start_ms * rate // 1000
    last = total if end_ms is None else end_ms * rate // 1000
    starts_late = start_ms > 0 and first >= total
    if starts_late or (last - total) * 1000 > OVERSHOOT_MS * rate:
        raise DataError(f"{where}: {shown} is outside the recording, which ends at {total * 1000 // rate} ms")
    return first, min(last, total)


def _pick(frames: np.ndarray, channel: str | int, recording: Recording) -> np.ndarray:
    """[N, C] to the channel or mix asked for, [N]; `all` keeps [N, C]."""
    if channel == "mix":
        columns = frames.T
        return columns[0] if len(columns) == 1 else sum(columns[1:], start=columns[0]) / np.float32(len(columns))
    if channel == "all":
        return frames
    count = frames.shape[1]
    if int(channel) >= count:
        should = "0, for there is one" if count == 1 else f"0 to {count - 1}"
        raise DataError(f"{recording.where}: has no channel {channel}; should be {should}")
    return frames[:, int(channel)]


def _resampled(recording: Recording, rate: int, start_ms: int, end_ms: int | None, channel: str | int) -> np.ndarray:
    """The span as it is in the whole recording resampled: read with a margin, on the common grid of both rates."""
    import soxr

    if rate <= 0:
        raise DataError(f"{recording.where}: cannot be resampled to {rate} Hz; the rate should be positive")
    first, last = span_of(recording, recording.where, start_ms, end_ms)
    divisor = math.gcd(recording.rate, rate)
    step_in, step_out = recording.rate // divisor, rate // divisor
    margin = RESAMPLE_MARGIN_MS * recording.rate // 1000
    steps = max(0, first - margin) // step_in
    frames = recording.read(steps * step_in, min(recording.num_samples, last + margin))
    samples = _pick(frames, channel, recording)
    if not len(samples):
        return samples
    resampled = soxr.resample(np.ascontiguousarray(samples), recording.rate, rate)
    begin = start_ms * rate // 1000 - steps * step_out
    if last == recording.num_samples:
        return resampled[begin:]
    return resampled[begin : end_ms * rate // 1000 - steps * step_out]


@contextlib.contextmanager
def _opened(source: object, fs: int, key: str, keep: bool) -> Iterator[Recording]:
    if fs <= 0:
        raise DataError(f"{key or 'audio'}: the rate fs is {fs}; should be positive")
    if hasattr(source, "__array__"):  # numpy's, torch's
        where = key or "samples"
        yield _InMemory(where, to_float(np.asarray(source), where)[:, None], fs)
        return
    found = locate(source, key, keep)
    if found.kind == "pcm":
        yield _Raw(found, fs)
        return
    with _sound_file(found, keep) as file:
        stored = _Stored(found.where, file)
        yield _of_unknown_length(stored) if stored.num_samples > _UNKNOWN_FRAMES else stored


def _sound_file(found: Encoded, keep: bool):
    import soundfile

    try:
        return soundfile.SoundFile(found.path if found.path is not None else io.BytesIO(found.data))
    except soundfile.LibsndfileError as error:
        if ffmpeg.has_ffmpeg():
            again = through_ffmpeg(found, keep)
            return soundfile.SoundFile(io.BytesIO(again.data))
        cause = error.error_string.strip().rstrip(".").lower()
        raise DataError(
            f"{found.where}: cannot be read as {found.kind} ({cause}); should be a whole audio file"
        ) from error


class _InMemory:
    def __init__(self, where: str, frames: np.ndarray, rate: int):
        self.where, self.rate, self._frames = where, rate, frames
        self.num_samples, self.channels = frames.shape

    def read(self, first: int, last: int) -> np.ndarray:
        return self._frames[first:last]


class _Raw:
    """16-bit PCM without a header."""

    channels = 1

    def __init__(self, found: Encoded, rate: int):
        self.where, self.rate, self._found = found.where, rate, found
        size = len(found.data) if found.data is not None else os.path.getsize(found.path)
        if size % 2:
            raise DataError(
                f"{self.where}: has {size} bytes, an odd number; 16-bit PCM should have two for every sample"
            )
        self.num_samples = size // 2

    def read(self, first: int, last: int) -> np.ndarray:
        if self._found.data is not None:
            return from_pcm(self._found.data[2 * first : 2 * last])[:, None]
        with open(self._found.path, "rb") as file:
            file.seek(2 * first)
            return from_pcm(file.read(2 * (last - first)))[:, None]


class _Stored:
    """A recording that libsndfile reads; it seeks to a span and decodes no more than that."""

    def __init__(self, where: str, file):
        self.where, self.file = where, file
        self.num_samples, self.rate, self.channels = file.frames, file.samplerate, file.channels
        if not RATES[0] <= self.rate <= RATES[1]:
            raise DataError(
                f"{where}: its header says {self.rate} samples a second; should be {RATES[0]} to {RATES[1]}"
            )

    def read(self, first: int, last: int) -> np.ndarray:
        import soundfile

        wanted = last - first
        try:
            if first != self.file.tell():
                self.file.seek(first)
            frames = self.file.read(wanted, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise self._cut_short(_count_samples(self.file, last)) from error
        missing = wanted - len(frames)
        if missing and not (self.file.subtype.startswith("MPEG_LAYER") and missing <= MP3_SHORTFALL):
            raise self._cut_short(first + len(frames))
        return checked(frames, self.where) if self.file.subtype in ("FLOAT", "DOUBLE") else frames

    def _cut_short(self, there: int) -> DataError:
        counts = f"{there} of {self.num_samples} samples can be decoded"
        return DataError(f"{self.where}: is cut short or damaged, {counts}; fetch or make the file again")


def _count_samples(file, limit: int) -> int:
    """How many samples decode before the trouble starts."""
    import soundfile

    count = 0
    with contextlib.suppress(soundfile.LibsndfileError):
        file.seek(0)
        while count < limit:
            read = len(file.read(min(4096, limit - count), dtype="int16", always_2d=True))
            if not read:
                break
            count += read
    return count


def _of_unknown_length(stored: _Stored) -> _InMemory:
    """A flac stream whose writer could not go back to fill in its length: decoded to see.

    libsndfile fails at the end of such a stream, after it has filled its part of the block; NaN marks the rest.
    """
    import soundfile

    blocks = []
    while True:
        block = np.full((65536, stored.channels), np.nan, dtype=np.float32)
        try:
            read = len(stored.file.read(dtype="float32", always_2d=True, out=block))
        except soundfile.LibsndfileError:
            read = int(np.isfinite(block[:, 0]).sum())
        blocks.append(block[:read])
        if read < len(block):
            return _InMemory(stored.where, np.concatenate(blocks), stored.rate)
