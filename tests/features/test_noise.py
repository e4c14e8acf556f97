import numpy as np
import pytest

from asrtools.features.noise import add_noise, reverberate


@pytest.mark.parametrize("length", [500, 16000, 40000])
@pytest.mark.parametrize("snr", [-5.0, 0.0, 12.0])
def test_noise_lies_as_far_below_the_speech_as_was_asked(length, snr) -> None:
    rng = np.random.default_rng(0)
    speech, noise = (rng.standard_normal(size).astype(np.float32) * 0.1 for size in (16000, length))
    added = add_noise(speech, noise, snr, rng) - speech
    assert len(added) == 16000
    assert 10 * np.log10(np.mean(speech**2) / np.mean(added**2)) == pytest.approx(snr, abs=0.05)


def test_silence_and_no_noise_change_nothing() -> None:
    rng = np.random.default_rng(0)
    silence, speech = np.zeros(100, np.float32), rng.standard_normal(100).astype(np.float32)
    assert np.array_equal(add_noise(silence, speech, 5, rng), silence)
    assert np.array_equal(add_noise(speech, silence, 5, rng), speech)
    assert np.array_equal(reverberate(speech, silence), speech)


def test_a_room_keeps_time_length_and_level() -> None:
    rng = np.random.default_rng(1)
    speech = rng.standard_normal(8000).astype(np.float32)
    room = np.zeros(900, np.float32)
    room[300] = 1.0  # nothing but a delay
    assert np.allclose(reverberate(speech, room), speech, atol=1e-4)
    room[301:] = 0.2 * rng.standard_normal(599)
    heard = reverberate(speech, room)
    assert len(heard) == 8000 and not np.allclose(heard, speech, atol=0.1)
    assert np.mean(heard**2) == pytest.approx(np.mean(speech**2), rel=1e-3)


def test_int16_samples_are_taken_for_what_they_mean() -> None:
    rng = np.random.default_rng(2)
    speech = (rng.standard_normal(1000) * 3000).astype(np.int16)
    noise = rng.standard_normal(1000).astype(np.float32)
    assert np.abs(add_noise(speech, noise, 40, rng) - speech / 32768).max() < 0.01
