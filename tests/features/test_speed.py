"""Speed perturbation: length, pitch and loudness."""

import numpy as np
import pytest

from asrtools.errors import ConfigError, DataError
from asrtools.features.speed import SpeedPerturb, perturb


def sine(hz: float, num_samples: int = 16000) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(num_samples) / 16000)).astype(np.float32)


def loudest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 17))
    return float(spectrum.argmax() * 16000 / (1 << 17))


@pytest.mark.parametrize("factor", [0.9, 1.1, 0.5, 2.0, 1.03])
def test_a_sine_moves_by_the_factor_and_keeps_its_height(factor: float) -> None:
    samples = perturb(sine(1000), factor)
    assert samples.dtype == np.float32 and len(samples) == round(16000 / factor)
    assert loudest_hz(samples) == pytest.approx(1000 * factor, abs=1)
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("num_samples", [0, 1, 2, 7, 399, 12345])
def test_the_length_is_exact_for_any_input(num_samples: int) -> None:
    for factor in (0.9, 1.1):
        wanted = max(1, round(num_samples / factor)) if num_samples else 0
        assert len(perturb(sine(300, num_samples), factor)) == wanted


def test_factor_one_changes_nothing_and_int16_stays_int16() -> None:
    np.testing.assert_array_equal(perturb(sine(500), 1.0), sine(500))
    integers = (sine(500) * 32767).astype(np.int16)
    faster = perturb(integers, 1.1)
    assert faster.dtype == np.int16 and abs(int(np.abs(faster).max()) - 16383) < 400


def test_the_chooser_draws_every_factor_and_the_seed_decides() -> None:
    choose = SpeedPerturb([0.9, 1.0, 1.1])
    rng = np.random.default_rng(0)
    lengths = [len(choose(sine(500, 9900), rng)) for _ in range(60)]
    assert set(lengths) == {11000, 9900, 9000}
    rng = np.random.default_rng(0)
    assert [len(choose(sine(500, 9900), rng)) for _ in range(60)] == lengths
    np.testing.assert_array_equal(SpeedPerturb()(sine(500), rng), sine(500))


def test_nonsense_is_refused() -> None:
    for factor in (0, -1, 100, float("nan")):
        with pytest.raises(ConfigError, match="speed factor"):
            SpeedPerturb([factor])
        with pytest.raises(ConfigError, match="speed factor"):
            perturb(sine(500), factor)
    with pytest.raises(DataError):
        perturb(np.zeros((2, 10), np.float32), 1.1)
