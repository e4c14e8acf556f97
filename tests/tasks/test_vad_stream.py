"""Streams of samples: any packets, several at once, other rates, and what holds no speech."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from asrtools.features.frontend import WavFrontend
from asrtools.io.audio import load
from asrtools.models.fsmn_vad.options import VadOptions
from asrtools.record import Utterance
from asrtools.tasks.segment import Segmenter, open_segmenter, pair_events
from asrtools.tasks.vad_frames import Loudness, SpeechFrames
from asrtools.tasks.vad_stream import VadStream, funasr_schedule

EMPTY = np.zeros(0, dtype=np.float32)


@pytest.fixture(scope="module")
def segmenter(shared: Path) -> Segmenter:
    torch.set_num_threads(1)
    return open_segmenter(shared / "models/fsmn-vad", device="cpu", num_threads=1)


@pytest.fixture(scope="module")
def speech(oracle: Path) -> np.ndarray:
    return load(str(oracle / "wavs/vad_example.wav"), 16000).samples


def packets(samples: np.ndarray, rng: np.random.Generator, longest: int) -> Iterator[np.ndarray]:
    while len(samples):
        size = int(rng.integers(0, longest))
        yield samples[:size]
        samples = samples[size:]
    yield EMPTY


@pytest.mark.parametrize(("seed", "longest"), [(0, 640), (1, 20000), (2, 200000)])
@pytest.mark.parametrize("profile", ["config", "funasr-1.4"])
def test_random_packets_and_an_empty_last_one_give_the_segments_of_the_whole(
    segmenter: Segmenter, speech: np.ndarray, profile: str, seed: int, longest: int
) -> None:
    speech = speech[: 30 * 16000]
    segmenter = replace(segmenter, profile=profile, chunk_ms=5000)
    schedule = None if profile == "config" else funasr_schedule(5000)
    stream = VadStream(segmenter.model.frontend, segmenter.score, segmenter.options, schedule)
    events = []
    for packet in packets(speech, np.random.default_rng(seed), longest):
        events += stream.accept(packet)
    events += stream.accept(EMPTY, is_final=True)
    assert pair_events(events) == segmenter.segments(speech)


def test_packets_of_10_ms_give_the_segments_of_the_whole(segmenter: Segmenter, speech: np.ndarray) -> None:
    speech = speech[: 12 * 16000]  # a multiple of the packet, so that the last one is empty
    stream = segmenter.start(10)
    events = [event for packet in np.split(speech, len(speech) // 160) for event in stream.accept(packet)]
    assert events[0].start_ms == 70 and events[0].end_ms is None
    assert pair_events(events + stream.accept(EMPTY, is_final=True)) == segmenter.segments(speech)


def test_two_streams_on_one_model_do_not_touch(segmenter: Segmenter, oracle: Path, speech: np.ndarray) -> None:
    texts = [speech[: 20 * 16000], load(str(oracle / "wavs/mid.wav"), 16000).samples]
    alone = [segmenter.segments(samples) for samples in texts]
    streams = [segmenter.start(), segmenter.start()]
    found: list[list] = [[], []]
    for begin in range(0, max(map(len, texts)), 960):
        for stream, samples, events in zip(streams, texts, found, strict=True):
            events += stream.accept(samples[begin : begin + 960])
    for stream, events in zip(streams, found, strict=True):
        events += stream.accept(EMPTY, is_final=True)
    assert [pair_events(events) for events in found] == alone


def test_a_record_read_in_blocks_gives_the_segments_of_the_whole(
    segmenter: Segmenter, speech: np.ndarray, tmp_path: Path
) -> None:
    import soundfile

    long = np.tile(speech, 2)  # over several blocks
    soundfile.write(tmp_path / "long.flac", long, 16000, subtype="PCM_16")
    parts = segmenter.cut(Utterance("long", str(tmp_path / "long.flac")))
    stream = segmenter.start()
    assert [(part.start_ms, part.end_ms) for part in parts] == pair_events(stream.accept(long, is_final=True))


def loud_is_speech(feats: np.ndarray, state: object) -> tuple[np.ndarray, object]:
    """Stands for a network: frames with energy are not silence."""
    return np.where(feats.mean(1) > 5, 0.01, 0.99).astype(np.float32), state


def tone(rate: int) -> np.ndarray:
    seconds = np.arange(7 * rate) / rate
    is_on = ((seconds >= 1) & (seconds < 3)) | ((seconds >= 4.5) & (seconds < 5.5))
    noise = np.random.default_rng(0).standard_normal(len(seconds))
    return (noise * np.where(is_on, 0.1, 1e-5)).astype(np.float32)


def test_audio_of_8_khz_is_cut_at_the_same_times_as_of_16() -> None:
    found = {}
    for rate in (8000, 16000):
        frontend = WavFrontend(fs=rate, n_mels=40, lfr_m=5, lfr_n=1)
        options = VadOptions(sample_rate=rate, decibel_thres=-30, snr_thres=10)
        stream = VadStream(frontend, loud_is_speech, options)
        found[rate] = pair_events(stream.accept(tone(rate), is_final=True))
    assert found[8000] == found[16000]
    (first, last), (second, end) = found[8000]
    assert 700 <= first < 1000 and 3000 < last <= 3200 and second > last and 5500 < end <= 5700


def test_loudness_in_packets_is_that_of_whole_frames() -> None:
    samples = np.random.default_rng(0).standard_normal(16000 * 2 + 77).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160]
    wanted = 10 * np.log10(np.square(frames).sum(1) + 1e-6)
    loudness = Loudness(VadOptions())
    parts = [loudness.accept(packet) for packet in packets(samples, np.random.default_rng(1), 900)]
    assert np.allclose(np.concatenate(parts), wanted, atol=1e-4)


def test_frames_below_the_noise_are_no_speech_whatever_the_blocks() -> None:
    rng = np.random.default_rng(0)
    silence, levels = rng.random(500).astype(np.float32), rng.normal(-20, 10, 500)
    options = VadOptions(snr_thres=6, noise_frame_num_used_for_snr=20)
    wanted, noise = [], -100.0
    for one, level in zip(silence.astype(float), levels, strict=True):
        is_speech = 1 - one >= one + options.speech_noise_thres
        wanted.append(is_speech and level - noise >= 6)
        if not is_speech:
            noise = level if noise == -100 else (level + noise * 19) / 20
    for cuts in ([], [1, 2, 3, 250, 250, 499], list(range(1, 500))):
        decide = SpeechFrames(options).decide
        pairs = zip(np.split(silence, cuts), np.split(levels, cuts), strict=True)
        assert np.concatenate([decide(*pair) for pair in pairs]).tolist() == wanted


@pytest.mark.parametrize("num_samples", [0, 1, 100, 399, 400, 640, 16000])
def test_short_silence_and_noise_hold_no_speech(segmenter: Segmenter, num_samples: int) -> None:
    assert segmenter.segments(np.zeros(num_samples, dtype=np.float32)) == []
    noise = np.random.default_rng(0).standard_normal(num_samples).astype(np.float32)
    assert segmenter.segments(noise * np.float32(1e-3)) == []


def test_what_cannot_be_read_is_a_record_with_its_cause(segmenter: Segmenter, oracle: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio\n")
    good = Utterance("good", str(oracle / "wavs/odd.wav"))
    wrong = [
        Utterance("gone", "/no/such.wav"),
        Utterance("text", str(tmp_path / "text.wav")),
        Utterance("feats", "feats.ark:12"),
        Utterance("none"),
        Utterance("late", good.source, start_ms=60_000),
        Utterance("before", status="error", error="it was wrong already"),
    ]
    results = list(segmenter([*wrong, good]))
    assert [parts[0].status for parts in results[:-1]] == ["error"] * len(wrong)
    assert all(parts[0].error for parts in results[:-1])
    assert [(part.start_ms, part.end_ms) for part in results[-1]] == [(280, 2340)]


@pytest.mark.slow
def test_an_hour_of_audio_in_little_memory(segmenter: Segmenter, speech: np.ndarray, tmp_path: Path) -> None:
    import resource

    import soundfile

    with soundfile.SoundFile(tmp_path / "hour.flac", "w", 16000, 1, "PCM_16") as file:
        for _ in range(51):
            file.write(speech)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parts = segmenter.cut(Utterance("hour", str(tmp_path / "hour.flac")))
    assert len(parts) > 400 and parts[-1].end_ms > 59 * 60_000
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 100 * 1024  # KiB
