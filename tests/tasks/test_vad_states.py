"""Begins and ends of segments: by rule, and the same for any way to cut the frames into blocks."""

from dataclasses import replace

import numpy as np
import pytest

from asrtools.errors import ConfigError
from asrtools.models.fsmn_vad.options import VadOptions
from asrtools.tasks.vad_states import VadEvent, VadStates


def run(frames: np.ndarray, options: VadOptions, cuts: list[int] | None = None) -> list[list[VadEvent]]:
    states = VadStates(options)
    blocks = np.split(frames, cuts or [])
    return [states.advance(block, index == len(blocks) - 1) for index, block in enumerate(blocks)]


def spans(events: list[list[VadEvent]]) -> list[tuple[int, int]]:
    flat = [event for some in events for event in some]
    starts = [event.start_ms for event in flat if event.start_ms is not None]
    ends = [event.end_ms for event in flat if event.end_ms is not None]
    return list(zip(starts, ends, strict=True))


def speech(*spans_of_frames: tuple[int, int], num: int) -> np.ndarray:
    frames = np.zeros(num, dtype=bool)
    for begin, end in spans_of_frames:
        frames[begin:end] = True
    return frames


def random_options(rng: np.random.Generator) -> VadOptions:
    return VadOptions(
        detect_mode=int(rng.random() < 0.8),
        max_end_silence_time=int(rng.choice([150, 255, 300, 800])),
        max_start_silence_time=int(rng.choice([300, 3000])),
        window_size_ms=int(rng.choice([10, 50, 200])),
        sil_to_speech_time_thres=int(rng.choice([10, 50, 150])),
        speech_to_sil_time_thres=int(rng.choice([0, 50, 150])),
        do_extend=int(rng.integers(2)),
        max_single_segment_time=int(rng.choice([100, 1000, 60000])),
    )


def test_a_stretch_begins_before_and_ends_after_what_the_window_sees() -> None:
    # 15 of 20 frames are speech from frame 114 on; 20 + 20 frames earlier is 74. After frame 300 no more than 15 are
    # speech from frame 304 on; 65 silent frames later it ends, 10 frames after the last
    assert spans(run(speech((100, 300), num=600), VadOptions())) == [(740, 3160)]


def test_a_stretch_is_open_until_the_end_of_the_stream() -> None:
    assert spans(run(speech((100, 300), num=300), VadOptions())) == [(740, 3000)]


def test_a_short_noise_is_no_speech_and_a_short_pause_no_end() -> None:
    assert spans(run(speech((100, 114), num=600), VadOptions())) == []
    assert len(spans(run(speech((100, 200), (250, 400), num=600), VadOptions()))) == 1
    assert len(spans(run(speech((100, 200), (300, 400), num=600), VadOptions()))) == 2


def test_a_long_stretch_is_cut_and_nothing_is_lost_between() -> None:
    options = VadOptions(max_single_segment_time=5000)
    found = spans(run(speech((0, 3000), num=3000), options))
    assert all(end - begin <= 5010 for begin, end in found)
    assert found[0][0] == 0 and found[-1][1] == 30000
    assert all(one[1] == two[0] for one, two in zip(found, found[1:], strict=False))


def test_seventy_minutes_without_a_pause_are_cut_every_minute() -> None:
    found = spans(run(np.ones(70 * 6000, dtype=bool), VadOptions()))
    assert len(found) == 70 and found[-1][1] == 70 * 60000


def test_the_first_stretch_only_with_detect_mode_0() -> None:
    frames = speech((100, 300), (600, 900), num=1200)
    assert spans(run(frames, VadOptions(detect_mode=0))) == [(740, 3160)]
    assert spans(run(frames, VadOptions(detect_mode=0, max_start_silence_time=500))) == []


@pytest.mark.parametrize("seed", range(40))
def test_any_blocks_give_the_same_segments(seed: int) -> None:
    rng = np.random.default_rng(seed)
    options = random_options(rng)
    length = int(rng.integers(1, 40))
    num = int(rng.integers(1, 2000))
    frames = np.repeat(rng.random(num // length + 1) < 0.5, length)[:num] ^ (rng.random(num) < 0.1)
    whole = spans(run(frames, options))
    assert spans(run(frames, options, list(range(1, num)))) == whole  # frame by frame
    cuts = sorted(rng.integers(0, num + 1, int(rng.integers(0, 20))).tolist())  # empty blocks among them
    assert spans(run(frames, options, cuts)) == whole
    assert all(begin < end for begin, end in whole)


def test_begin_and_end_within_one_block_come_as_one_event() -> None:
    assert run(speech((100, 300), num=600), VadOptions()) == [[VadEvent(740, 3160)]]
    cut = run(speech((100, 300), num=600), VadOptions(), [200])
    assert cut == [[VadEvent(740, None)], [VadEvent(None, 3160)]]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"window_size_ms": 5}, "window_size_ms is 5; 10 or more"),
        ({"detect_mode": 2}, "detect_mode is 2"),
        ({"sil_pdf_ids": []}, "sil_pdf_ids"),
        ({"silence_pdf_num": 2}, "silence_pdf_num is 2"),
        ({"speech_noise_thres": float("nan")}, "finite"),
        ({"max_end_silence_time": -1}, "max_end_silence_time is -1"),
    ],
)
def test_options_that_mean_nothing_are_refused(wrong: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        replace(VadOptions(), **wrong)
