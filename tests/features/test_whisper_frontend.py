"""WhisperFrontend against Whisper's formula, written out with torch.stft."""

from pathlib import Path

import numpy as np
import pytest

from asrtools.errors import ConfigError, DataError
from asrtools.features.mel import slaney_mel_banks
from asrtools.features.whisper_frontend import WhisperFrontend
from asrtools.register import tables


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 0.1, num_samples) * np.linspace(0.01, 1, num_samples)).astype(np.float32)


def whisper_formula(samples: np.ndarray, n_mels: int) -> np.ndarray:
    torch = pytest.importorskip("torch")
    spectrum = torch.stft(torch.from_numpy(samples), 400, 160, window=torch.hann_window(400), return_complex=True)
    power = spectrum[:, :-1].abs() ** 2
    mel = torch.from_numpy(slaney_mel_banks(n_mels, 400, 16000)) @ power
    log_mel = mel.clamp(min=1e-10).log10()
    log_mel = torch.maximum(log_mel, log_mel.max() - 8)
    return ((log_mel + 4) / 4).numpy()


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("num_samples", [400, 4000, 10239, 10240, 10241, 20400])
def test_features_are_what_the_formula_says(n_mels: int, num_samples: int) -> None:
    feats = WhisperFrontend(n_mels=n_mels, do_pad_trim=False)(noise(num_samples))
    assert feats.shape == (n_mels, num_samples // 160)
    assert feats.dtype == np.float32 and feats.flags.c_contiguous
    np.testing.assert_allclose(feats, whisper_formula(noise(num_samples), n_mels), atol=1e-4)


@pytest.mark.parametrize("seconds", [1, 31])
def test_utterances_are_padded_or_trimmed_to_30_s(seconds: int) -> None:
    samples = noise(seconds * 16000)
    feats = WhisperFrontend()(samples)
    assert feats.shape == (80, 3000)
    fitted = np.concatenate([samples, np.zeros(29 * 16000, np.float32)])[:480000]
    np.testing.assert_allclose(feats, whisper_formula(fitted, 80), atol=1e-4)


def test_permute_puts_time_first() -> None:
    feats = WhisperFrontend(do_pad_trim=False)(noise(5000))
    permuted = WhisperFrontend(do_pad_trim=False, permute=True)(noise(5000))
    np.testing.assert_array_equal(permuted, feats.T)


def test_large_models_have_128_mels() -> None:
    for name in ("large-v3", "large"):
        assert WhisperFrontend(whisper_model=name).output_size() == 128
    assert WhisperFrontend(whisper_model="large-v2").output_size() == 80


@pytest.mark.parametrize("num_samples", [0, 1, 2, 159, 160, 200, 201])
def test_no_length_fails(num_samples: int) -> None:
    feats = WhisperFrontend(do_pad_trim=False)(noise(num_samples))
    assert feats.shape == (80, num_samples // 160) and np.isfinite(feats).all()
    assert WhisperFrontend()(noise(num_samples)).shape == (80, 3000)


def test_int16_silence_and_nonsense() -> None:
    frontend = WhisperFrontend(do_pad_trim=False)
    integers = (noise(4000) * 32768).astype(np.int16)
    np.testing.assert_array_equal(frontend(integers), frontend(integers / np.float32(32768)))
    np.testing.assert_allclose(frontend(np.zeros(1600, np.float32)), -1.5, atol=1e-6)
    with pytest.raises(DataError, match="nan"):
        frontend(np.full(1600, np.nan, np.float32))


def test_a_batch_is_the_single_utterances_padded_with_zeros() -> None:
    frontend = WhisperFrontend(do_pad_trim=False)
    feats, lens = frontend.batch([noise(1600), noise(4000)])
    assert feats.shape == (2, 80, 25) and lens.tolist() == [10, 25]
    np.testing.assert_array_equal(feats[0, :, :10], frontend(noise(1600)))
    assert not feats[0, :, 10:].any()
    feats, lens = WhisperFrontend(permute=True).batch([noise(1600), noise(500000)])
    assert feats.shape == (2, 3000, 80) and lens.tolist() == [10, 3000]


def test_filters_of_a_file_are_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "mel.npz", mel_80=2 * slaney_mel_banks(80, 400, 16000), mel_128=np.zeros((3, 3)))
    feats = WhisperFrontend(do_pad_trim=False, filters_path=tmp_path / "mel.npz")(noise(4000))
    np.testing.assert_allclose(feats, WhisperFrontend(do_pad_trim=False)(noise(4000)) + np.log10(2) / 4, atol=1e-5)
    (tmp_path / "text.npz").write_text("no archive")
    for n_mels, name, says in (
        (40, "mel", "no mel_40"),
        (128, "mel", r"\(3, 3\)"),
        (80, "text", "text"),
        (80, "no", "no"),
    ):
        with pytest.raises(DataError, match=says):
            WhisperFrontend(n_mels=n_mels, filters_path=tmp_path / f"{name}.npz")


def test_another_rate_is_refused_and_the_name_is_registered() -> None:
    with pytest.raises(ConfigError, match="fs is 8000"):
        WhisperFrontend(fs=8000)
    with pytest.raises(DataError, match="takes recordings"):
        WhisperFrontend().from_fbank(np.zeros((3, 80), np.float32))
    assert tables.frontend_classes.find("WhisperFrontend") is WhisperFrontend
