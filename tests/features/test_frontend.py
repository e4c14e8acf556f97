"""WavFrontend: whole utterances, batches and streams are one function."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrtools.errors import ConfigError, DataError
from asrtools.features.cmvn import Cmvn
from asrtools.features.frontend import WavFrontend
from asrtools.register import tables

CONFS = [
    {"lfr_m": 7, "lfr_n": 6},
    {"lfr_m": 5, "lfr_n": 1},
    {},
    {"snip_edges": False, "window": "povey"},
    {"snip_edges": False, "lfr_m": 7, "lfr_n": 6},
    {"fs": 8000, "frame_length": 20, "frame_shift": 30, "n_mels": 23, "snip_edges": False},  # gaps between frames
    {"fs": 8000, "frame_length": 20, "frame_shift": 30, "n_mels": 23, "lfr_m": 3, "lfr_n": 2},
    {"upsacle_samples": False, "dither": 1e-4},
    {"dither": 1.0, "lfr_m": 7, "lfr_n": 6},
]
FRONTENDS = [WavFrontend(**conf) for conf in CONFS]


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, num_samples).astype(np.float32)


def streamed(frontend: WavFrontend, samples: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    stream, pieces, begin = frontend.stream(), [], 0
    for size in [*sizes, max(0, len(samples) - sum(sizes))]:
        pieces.append(stream.accept(samples[begin : begin + size]))
        begin += size
    return [*pieces, stream.finish()]


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(range(len(FRONTENDS))),
    st.integers(0, 6000),
    st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2500)), max_size=12),
)
def test_a_stream_in_any_pieces_equals_the_whole(which: int, num_samples: int, sizes: list[int]) -> None:
    frontend = FRONTENDS[which]
    samples = noise(num_samples, seed=num_samples)
    whole = frontend(samples)
    pieces = streamed(frontend, samples, sizes)
    assert all(piece.dtype == np.float32 and piece.shape[1] == frontend.output_size() for piece in pieces)
    joined = np.concatenate(pieces)
    assert joined.shape == whole.shape == (frontend.num_frames(num_samples), frontend.output_size())
    np.testing.assert_allclose(joined, whole, atol=1e-5)


@pytest.mark.parametrize("which", range(len(FRONTENDS)))
def test_one_sample_at_a_time_equals_the_whole(which: int) -> None:
    samples = noise(1800)
    pieces = streamed(FRONTENDS[which], samples, [1] * 1800)
    np.testing.assert_allclose(np.concatenate(pieces), FRONTENDS[which](samples), atol=1e-5)


def test_a_stream_gives_rows_as_soon_as_they_are_complete_and_keeps_little() -> None:
    stream = WavFrontend(lfr_m=7, lfr_n=6).stream()
    counts = [len(stream.accept(noise(960, seed=i))) for i in range(100)]
    assert counts == [1] * 100  # a row every 60 ms; the first needs 4 frames, 55 ms
    assert stream._fbank._kept.size <= 960 and len(stream._lfr._kept) <= 14


def test_int16_streams_equal_float_streams() -> None:
    integers = (noise(5000) * 32767).astype(np.int16)
    frontend = WavFrontend(lfr_m=7, lfr_n=6)
    floats = integers / np.float32(32768)
    np.testing.assert_array_equal(frontend(integers), frontend(floats))
    pieces, float_pieces = (streamed(frontend, samples, [777, 1]) for samples in (integers, floats))
    np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate(float_pieces))


def test_a_stream_of_nothing_finishes_with_nothing() -> None:
    stream = WavFrontend(lfr_m=7, lfr_n=6).stream()
    assert stream.finish().shape == (0, 560)


def test_a_finished_stream_takes_no_more() -> None:
    stream = WavFrontend().stream()
    stream.accept(noise(500))
    stream.finish()
    for call in (lambda: stream.accept(noise(10)), stream.finish):
        with pytest.raises(DataError, match="finished"):
            call()


def test_nonsense_in_a_stream_is_refused() -> None:
    stream = WavFrontend().stream()
    with pytest.raises(DataError, match="nan"):
        stream.accept(np.full(3, np.nan, np.float32))


def test_two_streams_and_whole_utterances_do_not_disturb_each_other() -> None:
    frontend = WavFrontend(lfr_m=7, lfr_n=6)
    a, b = noise(5000, 1), noise(4000, 2)
    one, other = frontend.stream(), frontend.stream()
    rows = [one.accept(a[:1000]), one.accept(a[1000:])]
    other_rows = [other.accept(b)]
    frontend(b)
    np.testing.assert_allclose(np.concatenate([*rows, one.finish()]), frontend(a), atol=1e-5)
    np.testing.assert_allclose(np.concatenate([*other_rows, other.finish()]), frontend(b), atol=1e-5)


def test_a_batch_is_the_single_utterances_padded_with_zeros() -> None:
    frontend = WavFrontend(lfr_m=7, lfr_n=6)
    utterances = [noise(4000, 1), noise(0), noise(9000, 2), noise(300, 3)]
    feats, lens = frontend.batch(utterances)
    assert feats.shape == (4, max(lens), 560) and lens.dtype == np.int64
    for row, length, samples in zip(feats, lens, utterances, strict=True):
        np.testing.assert_array_equal(row[:length], frontend(samples))
        assert not row[length:].any()
    empty, none = frontend.batch([])
    assert empty.shape == (0, 0, 560) and none.shape == (0,)


def test_ready_filter_banks_are_stacked_and_normalised_alike(tmp_path: Path) -> None:
    (tmp_path / "am.mvn").write_text(Cmvn(np.full(560, -8.0), np.full(560, 0.15)).as_text())
    frontend = WavFrontend(cmvn_file=str(tmp_path / "am.mvn"), lfr_m=7, lfr_n=6)
    plain = WavFrontend()(noise(5000))
    before = plain.copy()
    np.testing.assert_array_equal(frontend.from_fbank(plain), frontend(noise(5000)))
    np.testing.assert_array_equal(plain, before)
    assert frontend.from_fbank(plain[:0]).shape == (0, 560)
    with pytest.raises(DataError, match=r"\(31, 40\).*\[T, 80\]"):
        frontend.from_fbank(np.zeros((31, 40), np.float32))


def test_the_cmvn_of_a_stream_is_that_of_the_whole(tmp_path: Path) -> None:
    (tmp_path / "am.mvn").write_text(Cmvn(np.linspace(-12, -8, 400), np.linspace(0.1, 0.2, 400)).as_text())
    frontend = WavFrontend(cmvn_file=tmp_path / "am.mvn", lfr_m=5)
    pieces = streamed(frontend, noise(5000), [100, 2000])
    np.testing.assert_allclose(np.concatenate(pieces), frontend(noise(5000)), atol=1e-5)


def test_published_names_are_registered_and_keywords_are_attributes() -> None:
    for name in ("WavFrontend", "wav_frontend", "WavFrontendOnline"):
        assert tables.frontend_classes.find(name) is WavFrontend
    frontend = WavFrontend(fs=8000, frame_length=32, filter_length_max=2000, lfr_m=3, lfr_n=3)
    assert (frontend.fs, frontend.n_mels, frontend.frame_length, frontend.frame_shift) == (8000, 80, 32, 10)
    assert (frontend.lfr_m, frontend.lfr_n, frontend.dither, frontend.filter_length_max) == (3, 3, 0.0, 2000)
    assert frontend.output_size() == 240 and frontend.cmvn is None


def test_it_is_shared_by_threads_and_sent_to_processes() -> None:
    frontend = WavFrontend(lfr_m=7, lfr_n=6)
    inputs = [noise(3000 + 500 * i, seed=i) for i in range(8)]
    alone = [frontend(samples) for samples in inputs]
    with ThreadPoolExecutor(4) as pool:
        for feats, wanted in zip(pool.map(frontend, inputs), alone, strict=True):
            np.testing.assert_array_equal(feats, wanted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frontend))(inputs[0]), alone[0])


def test_bad_settings_stop_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lfr_n is 0"):
        WavFrontend(lfr_n=0)
    with pytest.raises(ConfigError, match="window 'boxcar'"):
        WavFrontend(window="boxcar")
    with pytest.raises(DataError, match=r"none\.mvn"):
        WavFrontend(cmvn_file=tmp_path / "none.mvn")
