"""The loop over records, with a network that only pretends: it says how long its input is."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrtools.errors import DataError
from asrtools.features.frontend import WavFrontend
from asrtools.models.protocols import Decoded, DecodeOptions, Firing
from asrtools.record import Utterance
from asrtools.tasks.batching import BatchLimits
from asrtools.tasks.network_input import InputLoader
from asrtools.tasks.transcribe import Transcriber

LETTERS = "零一二三四五六七八九"


class Tokenizer:
    def ids2tokens(self, ids):
        return [LETTERS[index] for index in ids]


def digits(number: int) -> tuple[int, ...]:
    return tuple(int(digit) for digit in str(number))


class LengthReader:
    """Hypotheses: the number of frames in digits, then that number plus one."""

    def __init__(self, most_frames: float = math.inf, poison: int = -1):
        self.most_frames = most_frames
        self.poison = poison
        self.sizes: list[int] = []

    def __call__(self, feats, options):
        if len(feats) * max(map(len, feats)) > self.most_frames:
            raise MemoryError
        if any(len(one) == self.poison for one in feats):
            raise DataError("the network failed on it")
        self.sizes.append(len(feats))
        return [self.of(len(one), options) for one in feats]

    def of(self, num_frames, options):
        weights = np.full(num_frames, 0.25, np.float32)
        timing = Firing(weights) if options.timestamps else None
        return tuple(
            Decoded(digits(number), -float(rank), (-0.5,) * len(digits(number)), timing)
            for rank, number in enumerate((num_frames, num_frames + 1, num_frames + 2))
        )


@pytest.fixture
def recordings(tmp_path: Path) -> list[Utterance]:
    found = []
    for index in range(30):
        path = tmp_path / f"{index}.wav"
        samples = np.random.default_rng(index).standard_normal(1600 * (3 + index * 7 % 11)) * 0.1
        soundfile.write(path, samples, 16000, subtype="PCM_16")
        found.append(Utterance(f"utt{index}", str(path)))
    return found


def transcriber(network, **settings) -> Transcriber:
    options = settings.pop("options", DecodeOptions())
    limits = settings.pop("limits", BatchLimits(8, 60.0))
    return Transcriber(network, Tokenizer(), InputLoader(WavFrontend(), **settings), options, limits)


def frames_of(utterance: Utterance) -> str:
    count = (soundfile.info(utterance.source).frames - 400) // 160 + 1
    return "".join(LETTERS[digit] for digit in digits(count))


def test_every_record_gets_its_own_text_in_the_order_of_the_input(recordings) -> None:
    network = LengthReader()
    done = list(transcriber(network)(recordings))
    assert [one.utterance.key for one in done] == [one.key for one in recordings]
    assert [one.utterance.text for one in done] == [frames_of(one) for one in recordings]
    assert all(one.utterance.status == "ok" for one in done)
    assert max(network.sizes) > 1


def test_tokens_have_times_and_confidences(recordings) -> None:
    token = next(transcriber(LengthReader())(recordings)).utterance.tokens[0]
    assert token.text == frames_of(recordings[0])[0]
    assert token.start_ms is not None and token.end_ms > token.start_ms >= 0
    assert token.confidence == round(math.exp(-0.5), 4)


def test_times_count_from_the_start_of_the_recording(recordings) -> None:
    source = recordings[3].source
    whole = Utterance("whole", source, end_ms=300)
    later = Utterance("later", source, start_ms=200, end_ms=500, recording="r")
    first, second = (one.utterance.tokens for one in transcriber(LengthReader())([whole, later]))
    assert [(token.start_ms + 200, token.end_ms + 200) for token in first] == [
        (token.start_ms, token.end_ms) for token in second
    ]


def test_without_times_there_are_none_and_the_text_is_the_same(recordings) -> None:
    done = list(transcriber(LengthReader(), options=DecodeOptions(timestamps=False))(recordings))
    assert [one.utterance.text for one in done] == [frames_of(one) for one in recordings]
    assert all(token.start_ms is None for one in done for token in one.utterance.tokens)


def test_nbest_are_in_the_record_best_first(recordings) -> None:
    done = next(transcriber(LengthReader(), options=DecodeOptions(nbest=2))(recordings))
    assert [one.score for one in done.utterance.nbest] == [0.0, -1.0]
    assert done.utterance.nbest[0].text == done.utterance.text
    assert len(done.best) == 2
    assert next(transcriber(LengthReader())(recordings)).utterance.nbest == ()


def test_a_bad_input_is_a_record_with_its_cause_and_costs_nothing(tmp_path: Path, recordings) -> None:
    (tmp_path / "empty.wav").touch()
    bad = [
        Utterance("zero", str(tmp_path / "empty.wav")),
        Utterance("missing", str(tmp_path / "nowhere.wav")),
        Utterance("broken", status="error", error="line 3 is broken"),
        Utterance("nothing", ""),
        Utterance("beyond", recordings[0].source, start_ms=9000),
    ]
    mixed = [*bad[:2], *recordings[:5], *bad[2:], *recordings[5:]]
    done = {one.utterance.key: one.utterance for one in transcriber(LengthReader())(mixed)}
    assert list(done) == [one.key for one in mixed]
    assert {key for key, one in done.items() if one.status == "error"} == {one.key for one in bad}
    assert "0 bytes" in done["zero"].error and "no such file" in done["missing"].error
    assert done["broken"].error == "line 3 is broken"
    assert [done[one.key].text for one in recordings] == [frames_of(one) for one in recordings]


def test_a_batch_too_large_for_the_memory_is_halved(recordings) -> None:
    network = LengthReader(most_frames=230)
    done = list(transcriber(network)(recordings))
    assert [one.utterance.text for one in done] == [frames_of(one) for one in recordings]
    assert max(network.sizes) > 1


def test_one_that_is_too_large_by_itself_is_an_error(recordings) -> None:
    network = LengthReader(most_frames=100)
    done = [one.utterance for one in transcriber(network)(recordings)]
    failed = [one for one in done if one.status == "error"]
    assert failed and all("not enough memory" in one.error for one in failed)
    assert all(one.text == frames_of(one) for one in done if one.status == "ok")
    assert {one.status for one in done} == {"ok", "error"}


def test_one_that_the_network_fails_on_is_found_in_its_batch(recordings) -> None:
    lengths = [int("".join(str(LETTERS.index(c)) for c in frames_of(one))) for one in recordings]
    network = LengthReader(poison=lengths[4])
    done = [one.utterance for one in transcriber(network)(recordings)]
    failed = {one.key for one in done if one.status == "error"}
    assert failed == {one.key for one, length in zip(recordings, lengths, strict=True) if length == lengths[4]}
    assert all(one.text == frames_of(one) for one in done if one.status == "ok")


class Silent(LengthReader):
    def of(self, num_frames, options):
        return (Decoded(),)


def test_no_text_is_a_status_of_its_own(recordings) -> None:
    done = [one.utterance for one in transcriber(Silent())(recordings[:3])]
    assert [(one.text, one.status) for one in done] == [("", "empty")] * 3


def test_features_of_either_width_are_taken_and_others_named(tmp_path: Path) -> None:
    frontend = WavFrontend(lfr_m=7, lfr_n=6)
    loader = InputLoader(frontend)
    np.save(tmp_path / "mel.npy", np.zeros((60, 80), np.float32))
    np.save(tmp_path / "ready.npy", np.zeros((10, 560), np.float32))
    np.save(tmp_path / "odd.npy", np.zeros((10, 81), np.float32))
    np.save(tmp_path / "nan.npy", np.full((10, 560), np.nan, np.float32))
    mel, ready, odd, nan = (loader(Utterance(n, str(tmp_path / f"{n}.npy"))) for n in ("mel", "ready", "odd", "nan"))
    assert mel.feats.shape == ready.feats.shape == (10, 560)
    assert mel.seconds == ready.seconds == pytest.approx(0.6)
    assert odd.feats is None and "81" in odd.utterance.error
    assert "80" in odd.utterance.error and "560" in odd.utterance.error
    assert "nan" in nan.utterance.error


def test_what_is_in_memory_stands_for_the_source() -> None:
    samples = (np.random.default_rng(0).standard_normal(8000) * 3000).astype(np.int16)
    loader = InputLoader(WavFrontend(), fs=8000, held={"a": samples})
    assert len(loader(Utterance("a")).feats) == len(WavFrontend()(np.zeros(16000, np.float32)))
    assert loader(Utterance("b")).utterance.status == "error"
