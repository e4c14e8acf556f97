import io

import numpy as np
import pytest
import soundfile

from asrtools.errors import DataError
from asrtools.io.audio import AudioInfo, load, probe


@pytest.fixture
def stereo(tmp_path, speech):
    """Two channels: speech, and zeros."""
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([speech, np.zeros_like(speech)], axis=1), 16000)
    return path


def test_probe_tells_length_rate_and_channels(wave, stereo):
    assert probe(wave) == AudioInfo(num_samples=8000, rate=16000, channels=1)
    assert probe(stereo).channels == 2


def test_probe_takes_the_rate_of_raw_samples_from_fs(speech):
    assert probe(speech, fs=8000) == AudioInfo(8000, 8000, 1)
    assert probe(speech.tobytes()[2000:], fs=8000) == AudioInfo(7000, 8000, 1)


def test_channels_are_mixed_picked_or_kept(stereo, speech):
    want = speech.astype(np.float32) / 32768
    assert np.array_equal(load(stereo).samples, want / 2)
    assert np.array_equal(load(stereo, channel="0").samples, want)
    assert not load(stereo, channel=1).samples.any()
    assert load(stereo, channel="all").samples.shape == (2, 8000)
    assert load(stereo, channel="all").samples.flags["C_CONTIGUOUS"]


def test_one_channel_mixed_kept_or_picked_is_the_same(wave):
    assert np.array_equal(load(wave).samples, load(wave, channel="all").samples[0])
    assert np.array_equal(load(wave).samples, load(wave, channel="0").samples)


def test_samples_may_be_changed_in_place(wave, speech):
    for source in (wave, wave.read_bytes(), speech.astype(np.float32) / 32768, speech.tobytes()):
        load(source).samples[0] = 0
    assert speech[0] == -32768


SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"]


@pytest.mark.parametrize(
    ("container", "subtype"), [("WAV", "MS_ADPCM"), *((kind, name) for kind in ("WAV", "WAVEX") for name in SUBTYPES)]
)
def test_every_common_wave_is_read(tmp_path, speech, subtype, container):
    path = tmp_path / "a.wav"
    soundfile.write(path, speech / 32768, 16000, subtype=subtype, format=container)
    samples = load(path).samples
    assert samples.dtype == np.float32
    tolerance = {"PCM_U8": 2**-7, "ULAW": 2**-5, "MS_ADPCM": 1}.get(subtype, 0)
    assert np.abs(samples[:8000] - speech / 32768).max() <= tolerance
    assert probe(path).num_samples == len(samples)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "opus"])
def test_a_span_is_what_the_whole_has_there(tmp_path, speech, kind):
    path = tmp_path / f"a.{kind}"
    options = {"format": "OGG", "subtype": "OPUS"} if kind == "opus" else {}
    soundfile.write(path, np.tile(speech, 4), 16000, **options)
    whole, span = load(path).samples, load(path, start_ms=700, end_ms=1300).samples
    assert span.shape == (9600,)
    assert np.abs(span - whole[11200:20800]).max() < 1e-6


@pytest.mark.parametrize(
    ("stored", "wanted"), [(44100, 16000), (48000, 16000), (8000, 16000), (16000, 8000), (11025, 16000)]
)
def test_a_resampled_span_is_what_the_resampled_whole_has_there(tmp_path, stored, wanted):
    samples = np.random.default_rng(0).standard_normal(stored * 2).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "a.wav", samples, stored, subtype="FLOAT")
    whole = load(tmp_path / "a.wav", wanted)
    assert whole.rate == wanted
    assert whole.samples.shape == (wanted * 2,)
    for start_ms, end_ms in ((0, 333), (333, 1001), (1001, None)):
        span = load(tmp_path / "a.wav", wanted, start_ms, end_ms).samples
        want = whole.samples[start_ms * wanted // 1000 : None if end_ms is None else end_ms * wanted // 1000]
        assert span.shape == want.shape
        assert np.abs(span - want).max() < 1e-5


def test_resampled_channels_stay_apart(stereo):
    samples = load(stereo, 8000, channel="all").samples
    assert samples.shape == (2, 4000)
    assert samples[0].any()
    assert not samples[1].any()


def test_spans_that_touch_leave_out_and_repeat_nothing(tmp_path):
    samples = np.arange(22050, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 22050)
    cuts = [0, 7, 333, 334, 999, 1000]
    parts = [load(tmp_path / "a.wav", None, *pair).samples for pair in zip(cuts, cuts[1:], strict=False)]
    assert np.array_equal(np.concatenate(parts) * 32768, samples)


def test_a_span_may_end_a_little_past_the_recording(wave):
    assert load(wave, start_ms=100, end_ms=1000).samples.shape == (6400,)
    assert load(wave, 8000, start_ms=100, end_ms=1000).samples.shape == (3200,)


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "sentence"),
    [
        (100, 1001, "the span from 100 ms to 1001 ms is outside the recording, which ends at 500 ms"),
        (500, None, "the span from 500 ms to the end is outside the recording, which ends at 500 ms"),
        (200, 100, "the span from 200 ms to 100 ms is no span"),
        (-1, None, "the span from -1 ms to the end is no span"),
    ],
)
def test_a_span_elsewhere_is_an_error_with_both_numbers(wave, start_ms, end_ms, sentence):
    for rate in (None, 8000):
        with pytest.raises(DataError, match=f"speech.wav: {sentence}"):
            load(wave, rate, start_ms, end_ms)


def test_no_samples_at_all_are_an_empty_array(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0, np.int16), 16000)
    assert probe(tmp_path / "a.wav").num_samples == 0
    assert load(tmp_path / "a.wav").samples.shape == (0,)
    assert load(tmp_path / "a.wav", 8000).samples.shape == (0,)
    assert load(np.zeros(0, np.int16)).samples.shape == (0,)


def test_an_mp3_of_a_real_corpus_is_read(shared):
    path = shared / "data" / "speech" / "common_voice_en_651325.mp3"
    audio = load(path, 16000)
    assert abs(len(audio.samples) - probe(path).num_samples / 3) < 1000
    assert 0.1 < np.abs(audio.samples).max() < 1


def test_a_flac_whose_writer_did_not_know_its_length_is_read_whole(speech):
    file = io.BytesIO()
    soundfile.write(file, np.tile(speech, 10), 16000, format="FLAC")
    data = bytearray(file.getvalue())
    fields = int.from_bytes(data[18:26], "big") >> 36 << 36  # the number of samples in STREAMINFO to 0
    data[18:26] = fields.to_bytes(8, "big")
    assert probe(bytes(data)).num_samples == 80000
    assert np.array_equal(load(bytes(data), start_ms=500).samples * 32768, np.tile(speech, 9))


def test_segments_of_one_pipe_run_it_once(tmp_path, wave):
    command = f"echo run >> {tmp_path}/runs; cat {wave} |"
    for start_ms in (0, 100, 200):
        assert load(command, start_ms=start_ms, end_ms=start_ms + 100).samples.shape == (1600,)
    assert (tmp_path / "runs").read_text() == "run\n"


def test_an_open_file_can_be_probed_and_then_loaded(wave):
    with open(wave, "rb") as file:
        assert probe(file).num_samples == len(load(file).samples) == 8000


def test_stdin_can_be_probed_and_then_loaded(type_in, wave):
    type_in(wave.read_bytes())
    assert probe("-").num_samples == len(load("-").samples) == 8000
    type_in(wave.read_bytes()[44:1044])
    assert len(load("-").samples) == 500
