"""spk-diarize on a small network with drawn parameters: what it says is arbitrary, its form is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import kaldiio
import numpy as np
import pytest
import soundfile
import torch
import yaml
from click.testing import CliRunner

from asrtools.commands.spk_diarize import spk_diarize
from asrtools.io.rttm import read_rttm
from asrtools.models.campplus.model import CAMPPlus

SIZES = {"embedding_size": 16, "growth_rate": 4, "init_channels": 16}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("speakers")
    torch.manual_seed(0)
    torch.save(CAMPPlus(**SIZES).state_dict(), folder / "model.pt")
    config = {"model": "CAMPPlus", "model_conf": SIZES, "frontend": "WavFrontend", "frontend_conf": {"fs": 16000}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def diarize(model, tmp_path: Path, monkeypatch) -> Callable[..., Done]:
    """The command within this process, for each process would import torch anew."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, stdin: str = "") -> Done:
        argv = ["--model", str(model), "--ncpu", "1", *map(str, arguments)]
        result = CliRunner().invoke(spk_diarize, argv, input=stdin, standalone_mode=False)
        if result.exception is not None and not isinstance(result.exception, click.UsageError):
            raise result.exception
        code = 2 if result.exception else result.return_value
        return Done(code, result.stdout, result.stderr + str(result.exception or ""))

    return call


@pytest.fixture
def data(make_wav, tmp_path: Path) -> Path:
    """Two recordings with segments: out of order, overlapping, very short, one too late."""
    for name, seconds in (("a", 8), ("b", 5)):
        make_wav(f"{name}.wav", seconds)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "wav.scp").write_text("".join(f"{name} {tmp_path / name}.wav\n" for name in "ab"))
    spans = ["a2 a 2.5 7.0", "b1 b 0 5", "a1 a 0.5 3", "a3 a 7.2 7.21", "b9 b 50 51"]
    (folder / "segments").write_text("\n".join(spans) + "\n")
    return folder


def test_segments_become_rttm(run, model, data: Path, tmp_path: Path) -> None:
    done = run("spk-diarize", "--model", model, "--ncpu", 1, data)
    assert done.returncode == 1
    assert "b9: " in done.stderr and done.stderr.rstrip().endswith("4 of 5 ok, 1 error")
    (tmp_path / "out.rttm").write_text(done.stdout)
    turns = list(read_rttm(tmp_path / "out.rttm"))
    assert [turn.recording for turn in turns] == sorted(turn.recording for turn in turns)
    assert {turn.speaker for turn in turns} == {"spk0"}  # fewer than 20 windows
    assert (turns[0].start_ms, turns[-1].end_ms) == (500, 5000)


def test_records_keep_what_they_hold_and_gain_a_speaker(diarize, data: Path) -> None:
    done = diarize("--jsonl", "--num-speakers", 2, data)
    records = {one["key"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert list(records) == ["a2", "a1", "a3", "b1", "b9"]
    assert all(one["speaker"] in ("spk0", "spk1") for key, one in records.items() if key != "b9")
    assert records["b9"]["status"] == "error"
    assert "50000 ms" in records["b9"]["error"]
    again = diarize("--jsonl", "--num-speakers", 2, "-", stdin=done.stdout)
    assert again.stdout.splitlines()[:4] == done.stdout.splitlines()[:4]


def test_a_segments_file_says_where_a_list_holds_speech(diarize, data: Path) -> None:
    by_file = diarize("--segments", data / "segments", data / "wav.scp")
    assert by_file.stdout == diarize(data).stdout
    assert by_file.returncode == 1


def test_sentences_of_a_record_gain_their_speakers(diarize, data: Path, tmp_path: Path) -> None:
    sentences = [{"text": "x", "start_ms": 0, "end_ms": 900}, {"text": "y", "start_ms": 4000, "end_ms": 4800}]
    line = json.dumps({"key": "b", "source": str(tmp_path / "b.wav"), "text": "x y", "sentences": sentences, "more": 1})
    done = diarize("--vad-model", "none", "--jsonl", "-", stdin=line)
    (record,) = map(json.loads, done.stdout.splitlines())
    assert [one["speaker"] for one in record["sentences"]] == ["spk0", "spk0"]
    assert (record["text"], record["more"], record["status"]) == ("x y", 1, "ok")


def test_a_whole_recording_becomes_a_record_a_turn(diarize, data: Path) -> None:
    done = diarize("--vad-model", "none", "--jsonl", data / "wav.scp")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["recording"], one.get("start_ms", 0), one["end_ms"]) for one in records] == [
        ("a", 0, 8000),
        ("b", 0, 5000),
    ]
    assert all(one["speaker"] == "spk0" for one in records)
    assert done.returncode == 0


def test_any_batch_and_order_give_the_same(diarize, data: Path, tmp_path: Path) -> None:
    wanted = diarize("--num-speakers", 2, data).stdout
    assert wanted == diarize("--num-speakers", 2, "--batch-size", 3, data).stdout
    lines = (data / "segments").read_text().splitlines()
    (tmp_path / "turned").write_text("\n".join(lines[::-1]) + "\n")
    other = diarize("--num-speakers", 2, "--segments", tmp_path / "turned", data / "wav.scp").stdout
    assert sorted(other.splitlines()) == sorted(wanted.splitlines())


def test_embeddings_known_speakers_and_trials(diarize, data: Path, tmp_path: Path) -> None:
    (tmp_path / "known.scp").write_text(f"ann {tmp_path / 'a.wav'}\n")
    done = diarize("--vad-model", "none", "--embeddings", "x.ark", "--enroll", "known.scp", data / "wav.scp")
    assert {line.split()[7] for line in done.stdout.splitlines()} <= {"ann", "spk0"}
    vectors = dict(kaldiio.load_ark(str(tmp_path / "x.ark")))
    assert {key: vector.shape for key, vector in vectors.items()} == {"a": (16,), "b": (16,)}
    (tmp_path / "trials").write_text("ann a target\nann b nontarget\na a target\na nobody\n")
    scored = diarize("--trials", "trials", "--enroll", "known.scp", data / "wav.scp")
    assert scored.returncode == 1
    lines = [line.split() for line in scored.stdout.splitlines()]
    assert [line[:2] for line in lines] == [["ann", "a"], ["ann", "b"], ["a", "a"]]
    assert float(lines[0][2]) == pytest.approx(1, abs=1e-4)
    cosine = vectors["a"] @ vectors["b"] / np.linalg.norm(vectors["a"]) / np.linalg.norm(vectors["b"])
    assert float(lines[1][2]) == pytest.approx(cosine, abs=1e-4)
    assert "EER 0.00 %" in scored.stderr and "no embedding of nobody" in scored.stderr


def test_embeddings_of_a_broken_run_leave_no_archive(run, model, data: Path, tmp_path: Path) -> None:
    done = run("spk-diarize", "--model", model, "--embeddings", "x.ark", "--trials", "nothing", data / "wav.scp")
    assert done.returncode == 1
    assert "nothing: no such file" in done.stderr
    assert not (tmp_path / "x.ark").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "it takes DATA"),
        (("--min-speakers", "3", "--max-speakers", "2", "x.scp"), "3 to 2"),
        (("--channel", "all", "x.scp"), "voices are of one channel"),
        (("--trials", "t", "--jsonl", "x.scp"), "--trials prints scores"),
        (("--embeddings", "ark:-", "x.scp"), "stdout holds"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(diarize, tmp_path: Path, make_wav, arguments: tuple, said: str) -> None:
    make_wav("x.wav")
    (tmp_path / "x.scp").write_text("x x.wav\n")
    done = diarize(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_speech_is_looked_for_in_whole_recordings(diarize, shared: Path, tmp_path: Path) -> None:
    talk = shared / "data/speech/vad_example.wav"
    soundfile.write(tmp_path / "silence.wav", np.zeros(80000), 16000)
    (tmp_path / "wav.scp").write_text(f"talk {talk}\nsilence {tmp_path}/silence.wav\ngone {tmp_path}/gone.wav\n")
    spoken = diarize("--vad-model", shared / "models/fsmn-vad", "wav.scp")
    assert spoken.returncode == 1
    assert spoken.stderr.rstrip().endswith("1 of 3 ok, 1 no-speech, 1 error")
    by_hand = json.loads((shared / "oracle/fsmn_vad/expected.json").read_text())["offline_fixed800"]["vad_example"]
    segments = [f"talk-{i:03d} talk {a / 1000} {b / 1000}\n" for i, (a, b) in enumerate(by_hand[0]["value"])]
    (tmp_path / "segments").write_text("".join(segments))
    (tmp_path / "talk.scp").write_text(f"talk {talk}\n")
    assert diarize("--segments", "segments", "talk.scp").stdout == spoken.stdout
    records = diarize("--vad-model", shared / "models/fsmn-vad", "--jsonl", "wav.scp").stdout.splitlines()
    assert [json.loads(line)["status"] for line in records[-2:]] == ["no-speech", "error"]


def test_both_forms_stand_in_an_output_directory(diarize, data: Path, tmp_path: Path) -> None:
    printed = diarize("--output-dir", "out/deep", data)
    assert (tmp_path / "out/deep/rttm").read_text() == printed.stdout
    assert (tmp_path / "out/deep/records.jsonl").read_text() == diarize("--jsonl", data).stdout


def test_each_channel_of_a_recording_has_its_speakers(diarize, make_wav, tmp_path: Path) -> None:
    make_wav("two.wav", 4, channels=2)
    done = diarize("--vad-model", "none", "--channel", "each", "two.wav")
    assert [line.split()[1:5] for line in done.stdout.splitlines()] == [
        ["two", "1", "0.000", "4.000"],
        ["two", "2", "0.000", "4.000"],
    ]
