"""Streams: the same for any packets, alone or with others, in memory that does not grow."""

import random
from collections import deque
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asrtools.models.protocols import ChunkOptions, Decoded
from asrtools.tasks.recognition import Recognition, open_recognition
from asrtools.tasks.stream import RecognitionStream, WholeStreams, joined

OPTIONS = ChunkOptions(encoder_look_back=4, decoder_look_back=1)


@pytest.fixture(scope="module")
def recognition(tiny_stream_model: Path) -> Recognition:
    return open_recognition(tiny_stream_model, device="cpu", num_threads=1)


def new_stream(recognition: Recognition, options: ChunkOptions = OPTIONS) -> RecognitionStream:
    return RecognitionStream(recognition.stream_network, recognition.model.frontend, options)


def noise(seed: int, num_samples: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    loudness = np.repeat(generator.uniform(0, 0.5, num_samples // 1000 + 1), 1000)[:num_samples]
    return (generator.standard_normal(num_samples) * loudness).astype(np.float32)


def bytes_of(thing: Any) -> int:
    """Of all arrays and tensors that are kept in it, with what they are views of."""
    if isinstance(thing, torch.Tensor):
        return thing.untyped_storage().nbytes()
    if isinstance(thing, np.ndarray):
        return thing.nbytes if thing.base is None else max(thing.nbytes, bytes_of(thing.base))
    if isinstance(thing, dict):
        return sum(bytes_of(one) for one in thing.values())
    if isinstance(thing, list | tuple | deque):
        return sum(bytes_of(one) for one in thing)
    if is_dataclass(thing):
        return sum(bytes_of(getattr(thing, one.name)) for one in fields(thing))
    return sum(bytes_of(one) for one in vars(thing).values()) if type(thing).__module__.startswith("asrtools") else 0


def kept(stream: RecognitionStream) -> int:
    return bytes_of(stream.state) + bytes_of(stream._samples) + bytes_of(stream._chunks) + bytes_of(stream._features)


@pytest.mark.parametrize(
    "options", [ChunkOptions(), OPTIONS, ChunkOptions(5, 8, 4, -1, 2), ChunkOptions(0, 5, 5, 2, 3)]
)
def test_tokens_do_not_depend_on_the_packets(recognition: Recognition, options: ChunkOptions) -> None:
    samples = noise(0, 16000 * 6 + 123)
    whole = new_stream(recognition, options).accept(samples, is_final=True)
    assert len(whole.ids) > 10 and len(whole.frames) == len(whole.ids) == len(whole.log_probs)
    assert list(whole.frames) == sorted(whole.frames) and whole.frames[-1] <= 100
    cut = random.Random(1)
    for _ in range(3):
        stream, parts, begin = new_stream(recognition, options), [], 0
        while begin < len(samples):
            size = cut.choice([1, 160, 700, 9600, 20000])
            parts.append(stream.accept(samples[begin : begin + size]))
            begin += size
        parts.append(stream.accept(samples[:0], is_final=True))
        found = joined(parts)
        assert (found.ids, found.frames, found.log_probs) == (whole.ids, whole.frames, whole.log_probs)


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_interleaved_sessions_equal_separate_ones(recognition: Recognition, count: int) -> None:
    chosen = random.Random(2)
    recordings = [noise(seed, chosen.randrange(1, 16000 * 4)) for seed in range(count)]
    separate = [new_stream(recognition).accept(one, is_final=True) for one in recordings]
    assert len({one.ids for one in separate}) > 0.6 * count
    streams = [new_stream(recognition) for _ in recordings]
    places = [0] * count
    open_ones = set(range(count))
    parts: list[list[Decoded]] = [[] for _ in recordings]
    while open_ones:
        for index in chosen.sample(sorted(open_ones), min(len(open_ones), 30)):
            begin, end = places[index], places[index] + chosen.randrange(0, 12000)
            streams[index].push(recordings[index][begin:end], is_final=end >= len(recordings[index]))
            places[index] = end
            if end >= len(recordings[index]):
                open_ones.remove(index)
        while waiting := [index for index in range(count) if streams[index].is_waiting]:
            batch = chosen.sample(waiting, min(len(waiting), 8))
            found = recognition.stream_network.advance([streams[index].pop() for index in batch])
            for index, one in zip(batch, found, strict=True):
                parts[index].append(one)
    together = [joined(one) for one in parts]
    assert [(one.ids, one.frames) for one in together] == [(one.ids, one.frames) for one in separate]
    for one, other in zip(together, separate, strict=True):
        assert np.allclose(one.log_probs, other.log_probs, atol=1e-4)


def test_recordings_heard_together_are_heard_as_alone(recognition: Recognition) -> None:
    recordings = [noise(seed, 3000 + 7001 * seed)[:, None] for seed in range(9)]
    hear = WholeStreams(recognition.stream_network, recognition.model.frontend, OPTIONS)
    together = [one[0].ids for one in hear(recordings, None)]
    assert together == [hear([one], None)[0][0].ids for one in recordings]


@pytest.mark.parametrize("minutes", [6, pytest.param(120, marks=pytest.mark.slow)])
def test_what_a_stream_keeps_does_not_grow(recognition: Recognition, minutes: int) -> None:
    stream, block = new_stream(recognition), noise(3, 16000 * 60)
    sizes, num_tokens = [], 0
    for minute in range(minutes):
        for begin in range(0, len(block), 48000):
            num_tokens += len(stream.accept(block[begin : begin + 48000]).ids)
        if minute:
            sizes.append(kept(stream))
    assert num_tokens > 100 * minutes
    assert max(sizes) == min(sizes) < 500_000


@pytest.mark.parametrize("dtype", ["bf16", "int8"])
def test_lowered_networks_hear_streams_together_as_alone(tiny_stream_model: Path, dtype: str) -> None:
    lowered = open_recognition(tiny_stream_model, device="cpu", num_threads=1, dtype=dtype)
    recordings = [noise(seed, 30000 + 9000 * seed)[:, None] for seed in range(5)]
    hear = WholeStreams(lowered.stream_network, lowered.model.frontend, OPTIONS)
    together = [one[0].ids for one in hear(recordings, None)]
    assert all(together) and together == [hear([one], None)[0][0].ids for one in recordings]


def test_a_stream_of_silence_is_a_stream(recognition: Recognition) -> None:
    stream = new_stream(recognition)
    found = stream.accept(np.zeros(16000 * 3, np.float32), is_final=True)
    assert np.isfinite(found.score)


def test_tokens_that_are_taken_back_are_replaced() -> None:
    first = Decoded((1, 2), -1.0, (-0.5, -0.5), frames=(0, 1))
    both = joined([first, Decoded((3,), -1.0, (-1.0,), frames=(1,), num_revised=1)])
    assert (both.ids, both.score, both.log_probs, both.frames) == ((1, 3), -2.0, (-0.5, -1.0), (0, 1))
    assert both.num_revised == 0
    assert joined([Decoded((5,), num_revised=3)]).num_revised == 3
