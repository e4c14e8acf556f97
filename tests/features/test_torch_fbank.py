"""The torch face computes what the numpy frontend computes."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from asrtools.errors import ConfigError, DataError  # noqa: E402
from asrtools.features.cmvn import Cmvn  # noqa: E402
from asrtools.features.frontend import WavFrontend  # noqa: E402
from asrtools.features.torch_fbank import TorchFrontend  # noqa: E402

SIZES = [5000, 0, 16001, 399, 400, 1, 8000, 60]
CONFS = [
    {"lfr_m": 7, "lfr_n": 6},
    {"lfr_m": 5, "lfr_n": 1},
    {"window": "povey", "snip_edges": False},
    {"snip_edges": False, "lfr_m": 7, "lfr_n": 6},
    {"upsacle_samples": False, "fs": 8000, "n_mels": 40},
]


def utterances() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, size).astype(np.float32) for size in SIZES]


def padded(samples: list[np.ndarray], fill: float = 0.0) -> tuple:
    batch = torch.full((len(samples), max(len(one) for one in samples) + 77), fill)
    for row, one in zip(batch, samples, strict=True):
        row[: len(one)] = torch.from_numpy(one)
    return batch, torch.tensor([len(one) for one in samples])


def assert_equal_up_to_float32(ours: torch.Tensor, wanted: np.ndarray) -> None:
    """1e-4, but for the rare filter in a spectral null, where float32 transforms disagree by a few times that."""
    ours = np.asarray(ours)
    assert ours.shape == wanted.shape
    if wanted.size:
        difference = np.abs(ours - wanted)
        assert difference.max() < 5e-4 and np.mean(difference > 1e-4) < 1e-3
        assert np.sqrt(np.mean(difference**2)) < 1e-5


@pytest.mark.parametrize("conf", CONFS)
def test_each_row_is_what_numpy_makes_of_it_and_zero_after_its_end(conf: dict) -> None:
    frontend = WavFrontend(**conf)
    feats, lens = TorchFrontend(frontend, "cpu")(*padded(utterances()))
    assert feats.dtype == torch.float32 and feats.shape[1] == lens.max()
    for row, length, samples in zip(feats, lens.tolist(), utterances(), strict=True):
        wanted = frontend(samples)
        assert length == len(wanted)
        assert_equal_up_to_float32(row[:length], wanted)
        assert not row[length:].any()


@pytest.mark.parametrize("conf", CONFS)
def test_neither_padding_nor_batch_mates_matter(conf: dict) -> None:
    face = TorchFrontend(WavFrontend(**conf))
    feats, lens = face(*padded(utterances()))
    again, _ = face(*padded(utterances(), fill=float("nan")))
    torch.testing.assert_close(again, feats, rtol=0, atol=0)
    for row, length, samples in zip(feats, lens.tolist(), utterances(), strict=True):
        if length:
            alone, _ = face(*padded([samples]))
            torch.testing.assert_close(alone[0], row[:length], rtol=0, atol=2e-5)


def test_cmvn_and_int16_are_those_of_numpy(tmp_path: Path) -> None:
    (tmp_path / "am.mvn").write_text(Cmvn(np.linspace(-12, -8, 560), np.linspace(0.1, 0.2, 560)).as_text())
    frontend = WavFrontend(cmvn_file=tmp_path / "am.mvn", lfr_m=7, lfr_n=6)
    integers = (np.random.default_rng(0).normal(0, 0.1, 9000).clip(-1, 0.999) * 32768).astype(np.int16)
    feats, _ = TorchFrontend(frontend)(torch.from_numpy(integers)[None], torch.tensor([9000]))
    assert_equal_up_to_float32(feats[0], frontend(integers))


def test_reduced_precision_settings_of_training_do_not_touch_the_features() -> None:
    frontend = WavFrontend()
    samples, lens = padded(utterances()[:1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        feats, _ = TorchFrontend(frontend)(samples, lens)
    assert feats.dtype == torch.float32
    assert_equal_up_to_float32(feats[0], frontend(utterances()[0]))


def test_an_empty_batch_gives_an_empty_batch() -> None:
    feats, lens = TorchFrontend(WavFrontend())(torch.zeros(0, 100), torch.zeros(0, dtype=torch.int64))
    assert feats.shape == (0, 0, 80) and lens.shape == (0,)


def test_what_cannot_be_used_is_said() -> None:
    face = TorchFrontend(WavFrontend())
    with pytest.raises(DataError, match="utterance 1 of the batch"):
        face(torch.tensor([[0.0] * 500, [float("inf")] * 500]), torch.tensor([500, 3]))
    with pytest.raises(DataError, match="rows hold 500"):
        face(torch.zeros(1, 500), torch.tensor([501]))
    with pytest.raises(DataError, match=r"\(500,\)"):
        face(torch.zeros(500), torch.tensor([500]))
    with pytest.raises(DataError, match="int64"):
        face(torch.zeros(1, 500, dtype=torch.int64), torch.tensor([500]))
    with pytest.raises(ConfigError, match="dither is 1.0"):
        TorchFrontend(WavFrontend(dither=1.0))


def test_samples_of_another_rate_are_resampled_first(monkeypatch: pytest.MonkeyPatch) -> None:
    import soxr

    from asrtools.features import torch_resample

    monkeypatch.setattr(torch_resample, "load_torchaudio", lambda: None)
    frontend = WavFrontend(lfr_m=7, lfr_n=6)
    feats, lens = TorchFrontend(frontend, "cpu")(*padded(utterances()), rate=8000)
    for row, length, samples in zip(feats, lens.tolist(), utterances(), strict=True):
        wanted = frontend(soxr.resample(samples, 8000, 16000) if len(samples) else samples)
        assert_equal_up_to_float32(row[:length], wanted)
