"""Streams of ParaformerStreaming, chunk by chunk, against the stored texts of the oracle."""

import json
from pathlib import Path

import pytest
import soundfile

from asrtools.tasks.recognition import Recognition, open_recognition
from asrtools.tasks.stream import RecognitionStream, chunk_options
from asrtools.text.surface import auto_model_text

NAME = "paraformer_streaming"


@pytest.fixture(scope="module")
def recognition(oracle: Path) -> Recognition:
    return open_recognition(oracle / NAME, device="cpu", num_threads=1)


def options_of(case: str):
    sizes, look_back = case.split("|")[-2:]
    return chunk_options([int(one) for one in sizes.split(",")], *map(int, look_back.split(",")))


def cases(oracle: Path) -> dict:
    return json.loads((oracle / NAME / "expected.json").read_text())["results"]


def test_every_chunk_gives_the_text_of_the_oracle(oracle: Path, recognition: Recognition) -> None:
    num_checked = 0
    for case, wanted in cases(oracle).items():
        if "filepath" in case:
            continue
        options = options_of(case)
        samples, _ = soundfile.read(oracle / "wavs" / f"{case.split('|')[0]}.wav", dtype="float32")
        size = 3333 if "packets3333" in case else options.size * 960
        stream = RecognitionStream(recognition.stream_network, recognition.model.frontend, options)
        texts = []
        for start in range(0, size * len(wanted), size):
            is_final = start + size >= size * len(wanted)
            decoded = stream.accept(samples[start : start + size], is_final)
            tokens = recognition.model.tokenizer.ids2tokens(decoded.ids)
            texts.append(auto_model_text(recognition.model.name, tokens).text)
        assert texts == wanted, case
        num_checked += 1
    assert num_checked > 10


def test_a_file_is_a_stream_that_is_there_at_once(oracle: Path, recognition: Recognition) -> None:
    from asrtools.record import Utterance
    from asrtools.tasks.funasr_text import surface_of

    for case, results in cases(oracle).items():
        if "filepath" in case:
            transcribe = recognition.transcriber(chunks=options_of(case))
            (done,) = transcribe([Utterance("a", str(oracle / "wavs" / f"{case.split('|')[0]}.wav"))])
            assert surface_of(done.best[0], recognition.model.name).text == results[0]["text"]


@pytest.mark.parametrize("size", [1, 160, 1000, 9601, 10**9])
def test_texts_do_not_depend_on_the_packets(oracle: Path, recognition: Recognition, size: int) -> None:
    samples, _ = soundfile.read(oracle / "wavs" / "odd.wav", dtype="float32")
    samples = samples[: 3 * 9600] if size == 1 else samples
    options = chunk_options()

    def ids(size: int) -> tuple[int, ...]:
        stream = RecognitionStream(recognition.stream_network, recognition.model.frontend, options)
        found = [stream.accept(samples[n : n + size]) for n in range(0, len(samples), size)]
        return tuple(index for one in [*found, stream.accept(samples[:0], is_final=True)] for index in one.ids)

    assert ids(size) == ids(9600)


def test_an_empty_stream_gives_nothing(recognition: Recognition) -> None:
    import numpy as np

    stream = RecognitionStream(recognition.stream_network, recognition.model.frontend)
    assert stream.accept(np.zeros(0, np.float32), is_final=True).ids == ()
