"""vad-segment, by what a user sees."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(root: Path, shared: Path) -> Run:
    def call(*args: str, model: Path = shared / "models/fsmn-vad", **how: object) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, str(root / "bin/vad-segment"), "--device", "cpu", "--ncpu", "1", "--model", str(model)]
        return subprocess.run([*argv, *args], capture_output=True, text=True, timeout=120, **how)  # type: ignore[call-overload,no-any-return]

    return call


@pytest.fixture
def wavs(oracle: Path) -> Path:
    return oracle / "wavs"


def test_segments_go_to_stdout_and_every_input_is_counted(run: Run, wavs: Path, tmp_path: Path) -> None:
    scp = tmp_path / "wav.scp"
    scp.write_text(f"a {wavs}/aishell.wav\nnone {wavs}/tiny40ms.wav\ngone /no/such.wav\nb {wavs}/odd.wav\n")
    done = run(str(scp))
    assert done.returncode == 1
    assert done.stdout == "a-00000180-00004260 a 0.180 4.260\nb-00000280-00002340 b 0.280 2.340\n"
    assert "gone: /no/such.wav: no such file" in done.stderr
    assert done.stderr.splitlines()[-1] == "vad-segment: 2 of 4 ok, 1 no-speech, 1 error"


def test_records_say_what_became_of_every_input(run: Run, wavs: Path) -> None:
    done = run("--jsonl", *(str(wavs / f"{name}.wav") for name in ("odd", "tiny40ms")))
    odd, tiny = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert (odd["recording"], odd["start_ms"], odd["end_ms"]) == ("odd", 280, 2340)
    assert (tiny["key"], tiny["status"]) == ("tiny40ms", "no-speech")


def test_rttm_and_the_files_of_an_output_directory(run: Run, wavs: Path, tmp_path: Path) -> None:
    done = run("--rttm", "--output-dir", str(tmp_path / "out"), str(wavs / "odd.wav"), str(wavs / "tiny40ms.wav"))
    line = "SPEAKER odd 1 0.280 2.060 <NA> <NA> speech <NA> <NA>\n"
    assert done.stdout == line
    assert (tmp_path / "out/rttm").read_text() == line
    assert (tmp_path / "out/segments").read_text() == "odd-00000280-00002340 odd 0.280 2.340\n"
    assert (tmp_path / "out/1best_recog/text").read_text() == "odd [[280, 2340]]\ntiny40ms []\n"


def test_a_segment_of_a_data_directory_keeps_the_times_of_its_recording(run: Run, wavs: Path, tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text(f"rec {wavs}/vad_example.wav\n")
    (tmp_path / "segments").write_text("part rec 6 24\n")
    done = run(str(tmp_path))
    columns = [line.split() for line in done.stdout.splitlines()]
    assert {row[1] for row in columns} == {"rec"}
    assert all(6 <= float(row[2]) < float(row[3]) <= 24.05 for row in columns)
    assert columns[0][0] == "part-00006400-00023980"


def test_options_have_their_published_names_with_either_sign(run: Run, wavs: Path, oracle: Path) -> None:
    stored = json.loads((oracle / "fsmn_vad/expected.json").read_text())["variants"]["max_end_silence_time=300"]
    wanted = [f"{begin / 1000:.3f} {end / 1000:.3f}" for begin, end in stored[0]["value"]]
    for option in ("++max_end_silence_time=300", "--min-silence-ms=300"):
        done = run(option, str(wavs / "vad_example.wav"))
        assert [line.split(" ", 2)[2] for line in done.stdout.splitlines()] == wanted, option


def test_longer_and_merged_segments(run: Run, wavs: Path) -> None:
    rows = [
        line.split()[2:]
        for line in run("--pad-ms=100", "--max-segment-seconds=1", str(wavs / "odd.wav")).stdout.splitlines()
    ]
    assert rows == [["0.180", "1.290"], ["1.290", "2.361"]]
    rows = [line.split()[2:] for line in run("--merge-seconds=15", str(wavs / "vad_example.wav")).stdout.splitlines()]
    assert rows[:2] == [["0.000", "6.480"], ["6.480", "23.670"]] and rows[-1][1] == "70.450"


def test_events_come_while_the_stream_goes_on(run: Run, root: Path, wavs: Path, shared: Path) -> None:
    pcm = (wavs / "vad_example.wav").read_bytes()[44:]
    argv = [sys.executable, str(root / "bin/vad-segment"), "--device=cpu", "--ncpu=1", "--streaming", "--chunk-size=10"]
    argv += ["--input-type=pcm", f"--model={shared / 'models/fsmn-vad'}", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(pcm[: 3 * 32000])
        process.stdin.flush()
        begun = [process.stdout.readline().decode() for _ in range(2)]  # while stdin is open
        rest, stderr = process.communicate(pcm[3 * 32000 : 5 * 32000])
    assert begun == ["stdin begin 0.070\n", "stdin end 2.340\n"]
    assert rest.decode().startswith("stdin begin 2.620\n") and process.returncode == 0
    assert stderr.decode().splitlines()[-1] == "vad-segment: 1 of 1 ok"


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["++max_end_silence_tme=3"], 1, "did you mean ++max_end_silence_time?"),
        (["--detect-mode=3"], 1, "detect_mode is 3"),
        (["--window-size-ms=5"], 1, "window_size_ms is 5; 10 or more"),
        (["--sil-pdf-ids=900"], 1, "the network has 248 outputs"),
        (["--sil-pdf-ids=x"], 2, "not a list of numbers"),
        (["++sample_rate=8000"], 1, "they should be the same"),
        (["--vad-profile=funasr-1.4", "--min-silence-ms=300"], 2, "keep one of both"),
        (["--min-silence-ms=300", "--max-end-silence-time=300"], 2, "mean one thing"),
        (["--jsonl", "--rttm"], 2, "keep one"),
        (["--streaming", "--pad-ms=5"], 2, "whole recordings"),
        (["--channel=all"], 2, "one channel"),
        (["--chunk-size=5"], 2, "5 is not in the range"),
    ],
)
def test_what_cannot_be_meant_is_one_line(run: Run, wavs: Path, args: list[str], code: int, words: str) -> None:
    done = run(*args, str(wavs / "odd.wav"))
    assert done.returncode == code
    assert words in done.stderr and len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_a_model_of_another_kind_is_refused(run: Run, oracle: Path, wavs: Path) -> None:
    done = run(str(wavs / "odd.wav"), model=oracle / "ct_punc")
    assert done.returncode == 1 and "fsmn-vad" in done.stderr


def test_channels_of_a_recording_are_looked_at_one_by_one(run: Run, wavs: Path, tmp_path: Path) -> None:
    import soundfile

    speech, rate = soundfile.read(wavs / "odd.wav", dtype="float32")
    soundfile.write(tmp_path / "two.wav", np.stack([speech, np.zeros_like(speech)], 1), rate)
    done = run("--channel=each", str(tmp_path / "two.wav"))
    assert done.stdout == "two-0-00000280-00002340 two 0.280 2.340 0\n"
    assert "1 of 2 ok, 1 no-speech" in done.stderr


def test_it_stops_when_nobody_reads(root: Path, shared: Path, wavs: Path) -> None:
    argv = [sys.executable, str(root / "bin/vad-segment"), "--device=cpu", f"--model={shared / 'models/fsmn-vad'}"]
    argv += ["--ncpu=1", str(wavs / "vad_example.wav")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        started = time.time()
        assert process.wait(60) == 141 and time.time() - started < 60
        assert process.stderr.read() == b""
