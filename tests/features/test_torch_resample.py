import numpy as np
import pytest
import soxr

torch = pytest.importorskip("torch")

from asrtools.features import torch_resample  # noqa: E402
from asrtools.features.fbank import Fbank  # noqa: E402


def chirps() -> tuple["torch.Tensor", "torch.Tensor"]:
    time = np.arange(16000) / 16000
    rows = np.stack([np.sin(2 * np.pi * (200 + 2000 * k * time) * time) for k in range(3)]).astype(np.float32)
    return torch.from_numpy(rows), torch.tensor([16000, 9001, 0])


@pytest.mark.parametrize("new_rate", [8000, 44100, 16000])
def test_rows_are_resampled_as_they_would_be_alone(new_rate: int) -> None:
    samples, lens = chirps()
    samples[1, 9001:] = 7.0  # what lies in the padding has no effect
    resampled, new_lens = torch_resample.resample(samples, lens, 16000, new_rate)
    for row, one, size, new_size in zip(resampled, samples, lens.tolist(), new_lens.tolist(), strict=True):
        wanted = soxr.resample(one[:size].numpy(), 16000, new_rate) if size else np.zeros(0, np.float32)
        assert new_size == len(wanted)
        if new_rate != 16000:
            assert not row[new_size:].any()
        np.testing.assert_allclose(row[:new_size].numpy()[200:-200], wanted[200:-200], atol=2e-3)


def test_torchaudio_gives_the_samples_that_soxr_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch_resample.load_torchaudio() is None:
        pytest.skip("torchaudio cannot be imported beside this torch")
    samples, lens = chirps()
    ours, our_lens = torch_resample.resample(samples, lens, 16000, 8000)
    monkeypatch.setattr(torch_resample, "load_torchaudio", lambda: None)
    other, other_lens = torch_resample.resample(samples, lens, 16000, 8000)
    assert our_lens.tolist() == other_lens.tolist()
    assert float((ours - other)[:, 200:-200].abs().max()) < 2e-3


def test_torchaudios_filter_banks_are_ours(shared) -> None:
    torchaudio = torch_resample.load_torchaudio()
    if torchaudio is None:
        pytest.skip("torchaudio cannot be imported beside this torch")
    import soundfile
    from torchaudio.compliance import kaldi

    samples, _ = soundfile.read(shared / "data/speech/BAC009S0724W0121.wav", dtype="float32")
    wanted = kaldi.fbank(
        torch.from_numpy(samples)[None] * 32768, num_mel_bins=80, dither=0.0, energy_floor=0.0, window_type="hamming"
    )
    np.testing.assert_allclose(Fbank()(samples), wanted.numpy(), atol=1e-4)
