"""Recordings to their stretches of speech: one record in, one for each stretch out."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from asrtools.build import LoadedModel
from asrtools.errors import ConfigError, DataError, ModelError
from asrtools.io.ark import holds_features
from asrtools.io.audio import load_blocks
from asrtools.io.pcm_stream import read_packets
from asrtools.models.fsmn_vad.options import VadOptions
from asrtools.record import Utterance
from asrtools.tasks.merge_segments import Segment, merge_segments, pad_segments
from asrtools.tasks.open_model import open_model, scorer_of
from asrtools.tasks.vad_states import VadEvent
from asrtools.tasks.vad_stream import Score, SilenceSchedule, VadStream, funasr_schedule

PROFILES = ("config", "funasr-1.4")
BLOCK_MS = 30_000  # of audio in memory


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A voice activity model ready for recordings; holds constants only."""

    model: LoadedModel
    score: Score
    options: VadOptions
    profile: str = "config"  # funasr-1.4: the longer a segment, the less silence ends it
    chunk_ms: int | None = None  # how often the profile looks; None: its own
    merge_ms: float | None = None
    pad_ms: int = 0
    channel: str = "mix"
    fs: int = 16000  # of raw pcm and arrays
    held: Mapping[str, Any] = field(default_factory=dict)  # what is in memory already, by key

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ConfigError(f"VAD profile {self.profile!r} is not known; {' and '.join(PROFILES)} are")

    def start(self, chunk_ms: int | None = None) -> VadStream:
        """A new stream of samples; `chunk_ms`: its packets, which a profile goes by."""
        return VadStream(self.model.frontend, self.score, self.options, self._schedule(chunk_ms, True))

    def segments(self, samples: np.ndarray | Iterable[np.ndarray]) -> list[Segment]:
        """Samples at the model's rate, at once or in blocks, to begin and end of each stretch of speech in ms."""
        blocks = [samples] if isinstance(samples, np.ndarray) else samples
        stream = VadStream(self.model.frontend, self.score, self.options, self._schedule(self.chunk_ms, False))
        events: list[VadEvent] = []
        num_samples = 0
        for block in blocks:
            for piece in np.split(block, range(self._block, len(block), self._block)):
                events += stream.accept(piece)
                num_samples += len(piece)
        events += stream.accept(np.zeros(0, dtype=np.float32), is_final=True)
        found = pair_events(events)
        if self.merge_ms is not None:
            found = merge_segments(found, self.merge_ms)
        if self.pad_ms:
            found = pad_segments(found, self.pad_ms, num_samples * 1000 // self.model.frontend.fs)
        return found

    def __call__(self, utterances: Iterable[Utterance]) -> Iterator[list[Utterance]]:
        """For every record its segments, or the record itself with status no-speech or error."""
        for utterance in utterances:
            yield self.cut(utterance)

    def cut(self, utterance: Utterance) -> list[Utterance]:
        if utterance.status == "error":
            return [utterance]
        try:
            found = self.segments(self.blocks(utterance))
        except DataError as error:
            return [replace(utterance, status="error", error=str(error))]
        except MemoryError:
            cause = "there is not enough memory to read it; cut it into shorter recordings"
            return [replace(utterance, status="error", error=cause)]
        if not found:
            return [replace(utterance, status="no-speech")]
        return [part_of(utterance, begin, end) for begin, end in found]

    def blocks(self, utterance: Utterance) -> Iterator[np.ndarray]:
        """The samples of a record at the model's rate, float32 [N] at a time."""
        source = self.held.get(utterance.key, utterance.source)
        if isinstance(source, str) and holds_features(source):
            raise DataError(f"{source}: holds features; speech is looked for in audio")
        if isinstance(source, str) and not source:
            raise DataError(f"{utterance.key}: has no source; a recording is wanted")
        return load_blocks(
            source,
            self.model.frontend.fs,
            utterance.start_ms,
            utterance.end_ms,
            self.channel if utterance.channel is None else str(utterance.channel),
            self.fs,
            utterance.key,
            BLOCK_MS,
        )

    @property
    def _block(self) -> int:
        return BLOCK_MS * self.model.frontend.fs // 1000

    def _schedule(self, chunk_ms: int | None, is_streaming: bool) -> SilenceSchedule | None:
        if self.profile == "config":
            return None
        return funasr_schedule(chunk_ms or 60_000, is_streaming)


def part_of(utterance: Utterance, begin_ms: int, end_ms: int) -> Utterance:
    """The record of a stretch of a recording, whose times count from the begin of `utterance`."""
    begin_ms, end_ms = utterance.start_ms + begin_ms, utterance.start_ms + end_ms
    return replace(
        utterance,
        key=f"{utterance.key}-{begin_ms:08d}-{end_ms:08d}",
        recording=utterance.recording or utterance.key,
        start_ms=begin_ms,
        end_ms=end_ms,
        source_len=None,
    )


def hear(
    segmenter: Segmenter, utterance: Utterance, packet_ms: int, is_live: bool = False
) -> Iterator[tuple[str, int]]:
    """A record packet by packet to (begin or end, ms), each as soon as it is decided; `is_live`: raw PCM from stdin."""
    rate = segmenter.model.frontend.fs
    size = packet_ms * rate // 1000
    if is_live and segmenter.fs != rate:
        raise DataError(f"stdin: has {segmenter.fs} samples a second; the model hears {rate} (--fs {rate})")
    packets = read_packets(size) if is_live else _packets(segmenter.blocks(utterance), size)
    stream = segmenter.start(packet_ms)
    last = (np.zeros(0, dtype=np.float32), True)
    for packet, is_final in itertools.chain(((packet, False) for packet in packets), [last]):
        for event in stream.accept(packet, is_final):
            for name, time in zip(("begin", "end"), event, strict=True):
                if time is not None:
                    yield name, utterance.start_ms + time


def _packets(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    rest = np.zeros(0, dtype=np.float32)
    for block in blocks:
        block = np.concatenate([rest, block])
        whole = len(block) // size * size
        yield from block[:whole].reshape(-1, size)
        rest = block[whole:]
    yield rest


def pair_events(events: Iterable[VadEvent]) -> list[Segment]:
    """The segments of a stream that has ended."""
    segments = []
    open_from = 0
    for start_ms, end_ms in events:
        open_from = open_from if start_ms is None else start_ms
        if end_ms is not None:
            segments.append((open_from, end_ms))
    return segments


def open_segmenter(
    directory: str | Path,
    overrides: Mapping[str, Any] | None = None,
    device: str = "auto",
    num_threads: int | None = None,
    **how: Any,
) -> Segmenter:
    """Load a model that finds speech; `overrides` with flat keys, as users give them, `how` as Segmenter has it."""
    return segmenter_of(*open_model(directory, overrides, None, device, num_threads), **how)


def segmenter_of(model: LoadedModel, device: str, **how: Any) -> Segmenter:
    """A model that is loaded already."""
    check_rates(model)
    return Segmenter(model, scorer_of(model.network, device), model.network.options, **how)


def check_rates(model: LoadedModel) -> None:
    """The frontend and the rules must mean the same frames."""
    frontend, options = model.frontend, getattr(model.network, "options", None)
    if frontend is None or options is None:
        raise ModelError(f"{model.directory}: its model {model.name} does not find speech; fsmn-vad does")
    if frontend.fs != options.sample_rate:
        raise ConfigError(
            f"{model.directory}: frontend_conf.fs is {frontend.fs} and model_conf.sample_rate {options.sample_rate}; "
            "they should be the same"
        )
    step_ms = frontend.frame_shift * frontend.lfr_n
    if step_ms != options.frame_in_ms:
        raise ConfigError(
            f"{model.directory}: the frontend has a frame every {step_ms:g} ms and model_conf.frame_in_ms is "
            f"{options.frame_in_ms}; they should be the same"
        )
