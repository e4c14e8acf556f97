"""decode --streaming as a user runs it, with a small model drawn at random."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrtools.commands.decode import main

Lines = list[dict]


Done = subprocess.CompletedProcess[str]


@pytest.fixture
def decode(tiny_stream_model: Path, tmp_path: Path, monkeypatch, capfd):
    """decode in this process, for starting one takes longer than all that is tested here."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, stdin: bytes = b"", model: Path | None = None) -> Done:
        argv = ["decode", "--ncpu", 1, "--device", "cpu", "--model", model or tiny_stream_model, *arguments]
        monkeypatch.setattr(sys, "argv", list(map(str, argv)))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        return Done(sys.argv, stop.value.code, *capfd.readouterr())

    return call


@pytest.fixture
def stream(decode):
    """The lines of decode --streaming, and how it ended."""

    def call(*arguments: object, **more: object) -> tuple[Lines, Done]:
        done = decode("--streaming", *arguments, **more)
        return [json.loads(line) for line in done.stdout.splitlines()], done

    return call


@pytest.fixture(autouse=True)
def signals_as_before():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def wavs(tmp_path: Path, make_wav: Callable[..., Path]) -> Path:
    lines = []
    for index in range(5):
        make_wav(f"wavs/{index}.wav", 0.7 + 0.6 * index, rate=(16000, 8000, 44100)[index % 3], channels=1 + index % 2)
        lines.append(f"utt-{index} wavs/{index}.wav\n")
    path = tmp_path / "wav.scp"
    path.write_text("".join(lines))
    return path


def plain(lines: Lines) -> Lines:
    return [{name: value for name, value in line.items() if name != "latency_ms"} for line in lines]


def finals(lines: Lines) -> dict[str, str]:
    return {line["key"]: line["final"] for line in lines if "final" in line}


def pcm_of(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def test_a_list_is_told_line_by_line_and_written_as_usual(stream, decode, wavs: Path, tmp_path: Path) -> None:
    lines, done = stream("wav.scp", "--output-dir", "out", "--look-back", "0,0")
    assert done.returncode == 0, done.stderr
    assert [line["key"] for line in lines] == sorted(line["key"] for line in lines)
    assert list(finals(lines)) == [f"utt-{index}" for index in range(5)]
    growing = [line.get("partial", line.get("final")) for line in lines if line["key"] == "utt-4"]
    assert len(growing) >= 5 and all(len(one) <= len(other) for one, other in zip(growing, growing[1:], strict=False))
    assert all(line["start_ms"] == 0 and line["latency_ms"] >= 0 for line in lines)
    whole = decode("wav.scp")
    assert dict(line.split(" ", 1) for line in whole.stdout.splitlines()) == finals(lines)
    names = {path.name for path in (tmp_path / "out/1best_recog").iterdir()}
    assert {"text", "token", "score", "rtf"} <= names
    assert len((tmp_path / "out/1best_recog/text").read_text().splitlines()) == 5


def test_the_lines_are_the_same_for_any_number_of_streams_at_a_time(stream, wavs: Path) -> None:
    alone, _ = stream("wav.scp")
    assert plain(stream("wav.scp", "--num-streams", 3)[0]) == plain(alone)
    assert plain(stream("wav.scp", "--num-streams", 8)[0]) == plain(alone)


def test_more_streams_than_a_shell_allows_files(stream, wavs: Path, monkeypatch) -> None:
    import resource

    wanted = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: wanted.append(limits))
    _, done = stream("wav.scp", "--num-streams", 1000)
    assert done.returncode == 0 and wanted == [(1200, 4096)]


def test_chunks_may_be_given_in_milliseconds_or_frames(stream, wavs: Path) -> None:
    one, _ = stream("wav.scp", "--chunk", "480ms")
    assert plain(one) == plain(stream("wav.scp", "--chunk", "0,8,4")[0])
    assert plain(one) != plain(stream("wav.scp", "--chunk", "600ms")[0])
    lines, done = stream("wav.scp", "--chunk", "100ms")
    assert (lines, done.returncode) == ([], 1) and "multiple of the model's 60 ms" in done.stderr


def test_the_report_has_errors_latency_and_flicker(stream, wavs: Path, tmp_path: Path) -> None:
    lines, _ = stream("wav.scp")
    words = finals(lines)
    words["utt-1"] += " 中"
    (tmp_path / "text").write_text("".join(f"{key} {text}\n" for key, text in words.items()) + "utt-9 零\n")
    _, done = stream("wav.scp", "--ref", "text", "--output-dir", "out")
    told = json.loads((tmp_path / "out/run.json").read_text())["streaming"]
    assert told["errors"] == told["errors"] | {"deleted": 2, "inserted": 0, "references": 6, "without_hypothesis": 1}
    assert 0 < told["error_rate"] < 20 and f"%WER {told['error_rate']:.2f}" in done.stderr
    assert told["first_word_latency_ms"]["p50"] > 0 and told["last_word_latency_ms"]["p50"] > 0
    assert told["partial_words"] > 10 and 0 <= told["flicker"] < 0.2
    assert "first word shown after" in done.stderr and "flicker" in done.stderr


def test_a_data_directory_brings_its_references(stream, wavs: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/wav.scp").write_text(wavs.read_text())
    (tmp_path / "data/text").write_text("utt-0 一\n")
    _, done = stream("data")
    assert done.returncode == 0 and "%WER" in done.stderr and "1 references" in done.stderr


def test_one_bad_recording_costs_no_other_anything(stream, wavs: Path, tmp_path: Path) -> None:
    good, _ = stream("wav.scp")
    (tmp_path / "empty.wav").write_bytes(b"")
    wavs.write_text("gone nowhere.wav\n" + wavs.read_text() + "empty empty.wav\n")
    lines, done = stream("wav.scp", "--num-streams", 4, "--output-dir", "out")
    assert done.returncode == 1 and "gone" in done.stderr
    assert {line["key"] for line in lines if "error" in line} == {"gone", "empty"}
    assert plain([line for line in lines if "error" not in line]) == plain(good)
    assert len((tmp_path / "out/errors.jsonl").read_text().splitlines()) == 2


def test_a_pipe_is_heard_as_the_file_is(stream, tmp_path: Path) -> None:
    samples = np.random.default_rng(5).uniform(-0.3, 0.3, 16000 * 3 + 77)
    (tmp_path / "one.pcm").write_bytes(pcm_of(samples))
    lines, done = stream("--input-type", "pcm", "-", stdin=pcm_of(samples))
    assert done.returncode == 0, done.stderr
    file, _ = stream("--input-type", "pcm", "one.pcm")
    assert [line | {"key": ""} for line in plain(lines)] == [line | {"key": ""} for line in plain(file)]
    assert len(lines) > 3


def test_a_pipe_of_another_rate_is_resampled(stream, tmp_path: Path) -> None:
    samples = np.random.default_rng(6).uniform(-0.3, 0.3, 8000 * 2)
    soundfile.write(tmp_path / "one.wav", samples, 8000, subtype="PCM_16")
    lines, done = stream("--input-type", "pcm", "--sample-rate", 8000, "-", stdin=pcm_of(samples))
    assert done.returncode == 0, done.stderr
    [final] = [line for line in lines if "final" in line]
    assert abs(final["end_ms"] - 2000) <= 1 and final["final"]


@pytest.mark.parametrize("num_samples", [0, 1, 160, 9600, 19200])
def test_the_end_may_fall_anywhere(stream, num_samples: int) -> None:
    samples = np.random.default_rng(7).uniform(-0.3, 0.3, num_samples)
    lines, done = stream("--input-type", "pcm", "-", stdin=pcm_of(samples))
    assert done.returncode == 0, done.stderr
    assert [line["end_ms"] for line in lines if "final" in line] == [num_samples // 16]


def test_a_pipe_that_ends_within_a_sample_keeps_what_was_heard(stream) -> None:
    samples = np.random.default_rng(7).uniform(-0.3, 0.3, 20000)
    whole, _ = stream("--input-type", "pcm", "-", stdin=pcm_of(samples))
    lines, done = stream("--input-type", "pcm", "-", stdin=pcm_of(samples) + b"1")
    assert plain(lines) == plain(whole) and "final" in lines[-1]
    assert done.returncode == 0 and "\ndecode: stdin: has an odd number of bytes" in f"\n{done.stderr}"


def test_a_wav_file_in_the_place_of_samples_is_named(stream, make_wav) -> None:
    lines, done = stream("--input-type", "pcm", "-", stdin=make_wav("a.wav", 0.5).read_bytes())
    assert done.returncode == 1 and [list(line) for line in lines] == [["key", "error"]]
    assert "is a wav file" in done.stderr


def test_silence_is_a_result(stream, oracle: Path) -> None:
    lines, done = stream("--input-type", "pcm", "-", stdin=bytes(2 * 16000 * 3))
    assert done.returncode == 0 and len([line for line in lines if "final" in line]) == 1
    lines, done = stream("--vad-model", oracle / "fsmn_vad", "--input-type", "pcm", "-", stdin=bytes(2 * 16000 * 3))
    assert done.returncode == 0 and lines == [{"key": "stdin", "final": "", "start_ms": 0}]
    assert done.stderr.splitlines()[-1] == "decode: 0 of 1 ok, 1 no-speech"


def test_the_second_pass_gives_what_decode_gives(stream, decode, oracle: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(oracle / "wavs/vad_example.wav", stop=16000 * 13)
    soundfile.write("talk.wav", samples, rate, subtype="PCM_16")
    vad = ("--vad-model", oracle / "fsmn_vad")
    lines, done = stream(*vad, "--two-pass", oracle / "paraformer", "--output-dir", "out", "talk.wav")
    assert done.returncode == 0, done.stderr
    last = [line for line in lines if "final" in line]
    assert len(last) > 1 and all(line["end_ms"] > line["start_ms"] for line in last)
    decode(*vad, "--output-dir", "whole", "talk.wav", model=oracle / "paraformer")
    for name in ("text", "token", "vad"):
        ours, theirs = (tmp_path / folder / "1best_recog" / name for folder in ("out", "whole"))
        assert ours.read_text() == theirs.read_text()


def test_sentences_do_not_depend_on_streams_beside_them(stream, oracle: Path, tmp_path: Path) -> None:
    names = ("vad_crop12", "mid", "aishell", "odd")
    (tmp_path / "wav.scp").write_text("".join(f"{name} {oracle}/wavs/{name}.wav\n" for name in names))
    more = ["wav.scp", "--vad-model", oracle / "fsmn_vad", "--two-pass", oracle / "paraformer"]
    assert plain(stream(*more)[0]) == plain(stream(*more, "--num-streams", 4)[0])


def test_a_model_of_whole_recordings_is_refused(stream, tiny_model: Path, wavs: Path) -> None:
    lines, done = stream("wav.scp", model=tiny_model)
    assert (lines, done.returncode) == ([], 1) and "does not hear streams" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ("--nbest", "2"),
        ("--format", "srt"),
        ("--jsonl",),
        ("--spk-model", "cam++", "--vad-model", "fsmn-vad"),
        ("--num-speakers", "2"),
        ("--remote-code", "m.py"),
        ("--merge-segments",),
        ("--merge-seconds", "3"),
        ("--max-segment-seconds", "9"),
        ("--hotword", "a"),
        ("--language", "zh"),
        ("--use-itn",),
        ("--decoding-ctc-weight", "0.3"),
        ("--lm-weight", "0.1"),
        ("--lm-file", "lm.arpa"),
        ("--batch-size", "3"),
        ("--batch-seconds", "3"),
        ("--beam-size", "3"),
        ("--greedy",),
        ("--decoding-mode", "fast"),
        ("--channel", "all"),
        ("--input-type", "fbank"),
        ("--resume",),
    ],
)
def test_what_means_nothing_to_a_stream_is_refused(stream, wavs: Path, wrong: tuple[str, ...]) -> None:
    lines, done = stream("wav.scp", *wrong)
    assert (lines, done.returncode) == ([], 2) and wrong[0] in done.stderr


@pytest.mark.parametrize("wrong", [("--num-streams", "2"), ("--channel", "1"), ("--shard", "1/1"), ("--resume",)])
def test_what_means_nothing_to_a_pipe_is_refused(stream, wrong: tuple[str, ...]) -> None:
    _, done = stream("--input-type", "pcm", "-", "--output-dir", "out", *wrong)
    assert done.returncode == 2 and f"{wrong[0]} has no meaning" in done.stderr


@pytest.mark.parametrize(
    "wrong", [("--two-pass", "m"), ("--num-streams", "2"), ("--ref", "text"), ("--chunk", "600ms")]
)
def test_options_of_streams_want_streaming(decode, wrong: tuple[str, ...]) -> None:
    done = decode(*wrong, "a.wav")
    assert done.returncode == 2 and "goes with --streaming" in done.stderr


def test_final_lines_have_the_times_of_their_words(stream, decode, oracle: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(oracle / "wavs/vad_example.wav", stop=16000 * 9)
    soundfile.write("talk.wav", samples, rate, subtype="PCM_16")
    lines, done = stream("--vad-model", oracle / "fsmn_vad", "--output-dir", "out", "talk.wav")
    assert done.returncode == 0, done.stderr
    last = [line for line in lines if line.get("final")]
    assert len(last) > 1
    for line in last:
        times = [(token["start_ms"], token["end_ms"]) for token in line["tokens"]]
        assert line["start_ms"] <= times[0][0] and times[-1][1] <= line["end_ms"]
        assert all(begin <= end for begin, end in times)
        assert all(end <= begin for (_, end), (begin, _) in zip(times, times[1:], strict=False))
        assert "".join(token["text"] for token in line["tokens"]) == line["final"].replace(" ", "")
    assert not any("tokens" in line for line in lines if "partial" in line)
    ((key, spans),) = [line.split(" ", 1) for line in Path("out/1best_recog/time_stamp").read_text().splitlines()]
    assert key == "talk" and len(json.loads(spans)) > 50
    whole = decode("--format", "ctm", "talk.wav")
    assert len(whole.stdout.splitlines()) > 10


@pytest.mark.parametrize("name", ["ct_punc", "ct_punc_streaming"])
def test_finished_sentences_get_marks(stream, oracle: Path, name: str) -> None:
    samples, rate = soundfile.read(oracle / "wavs/vad_example.wav", stop=16000 * 9)
    soundfile.write("talk.wav", samples, rate, subtype="PCM_16")
    vad = ("--vad-model", oracle / "fsmn_vad", "talk.wav")
    plain_lines, _ = stream(*vad)
    lines, done = stream(*vad, "--punc-model", oracle / name, "--output-dir", "out")
    assert done.returncode == 0, done.stderr
    marked, unmarked = ([one["final"] for one in many if "final" in one] for many in (lines, plain_lines))
    bare = ["".join(letter for letter in one if letter not in "，。？、,.? ").lower() for one in marked]
    assert bare == [one.replace(" ", "").lower() for one in unmarked] and marked != unmarked
    assert [one for one in plain(lines) if "partial" in one] == [one for one in plain(plain_lines) if "partial" in one]
    assert marked[-1][-1] in "。？.?"
    text = Path("out/1best_recog/text_with_punc").read_text().split(" ", 1)[1]
    assert text.replace(" ", "").strip() == "".join(marked).replace(" ", "")


def test_an_interrupted_run_is_gone_on_with(stream, wavs: Path, tmp_path: Path) -> None:
    whole, _ = stream("wav.scp", "--output-dir", "whole")
    stream("wav.scp", "--output-dir", "out")
    journal = tmp_path / "out/journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]))  # its head and two inputs
    lines, done = stream("wav.scp", "--output-dir", "out", "--resume", "--num-streams", "2", "--ref", "ref")
    assert done.returncode == 1 and "ref" in done.stderr
    (tmp_path / "ref").write_text("utt-0 一\n")
    lines, done = stream("wav.scp", "--output-dir", "out", "--resume", "--num-streams", "2", "--ref", "ref")
    assert done.returncode == 0 and "2 inputs were heard by an earlier run" in done.stderr
    assert done.stderr.splitlines()[-1] == "decode: 5 of 5 ok"
    assert finals(lines) == finals(whole) and {line["key"] for line in lines if "partial" in line} == {
        "utt-2",
        "utt-3",
        "utt-4",
    }
    for name in ("text", "token", "time_stamp"):
        assert (tmp_path / "out/1best_recog" / name).read_text() == (tmp_path / "whole/1best_recog" / name).read_text()


class Live:
    """decode on a pipe that stays open."""

    def __init__(self, root: Path, model: Path):
        argv = [sys.executable, str(root / "bin/decode"), "--streaming", "--ncpu", "1", "--model", str(model)]
        self.process = subprocess.Popen(
            [*argv, "--input-type", "pcm", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def say(self, seconds: float, packet_ms: int = 10) -> None:
        samples = np.random.default_rng(8).uniform(-0.3, 0.3, round(16000 * seconds))
        for begin in range(0, len(samples), 16 * packet_ms):
            self.process.stdin.write(pcm_of(samples[begin : begin + 16 * packet_ms]))
            self.process.stdin.flush()

    def line(self) -> dict:
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def live(root: Path, tiny_stream_model: Path):
    opened = Live(root, tiny_stream_model)
    yield opened
    opened.process.kill()
    opened.process.wait()


def test_words_come_while_the_pipe_is_open_and_ctrl_c_ends_the_stream(live: Live) -> None:
    live.say(1.3)
    assert live.line()["partial"] and live.line()["partial"]
    live.process.send_signal(signal.SIGINT)
    assert live.process.wait(30) == 130
    assert live.process.stderr.read().decode().strip().endswith("decode: 1 of 1 ok\ndecode: interrupted")
    *_, last = [json.loads(line) for line in live.process.stdout.read().splitlines()]
    assert last["final"] and last["tokens"] and last["end_ms"] >= 1200


def test_a_reader_that_goes_away_ends_it(live: Live) -> None:
    live.say(0.7)
    live.line()
    live.process.stdout.close()
    with pytest.raises(BrokenPipeError):
        for _ in range(200):
            live.say(0.6)
            time.sleep(0.02)
    assert live.process.wait(30) == 141


def test_help_says_how_and_loads_nothing(root: Path) -> None:
    argv = [sys.executable, "-X", "importtime", str(root / "bin/decode"), "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"})
    assert "--streaming" in done.stdout and "--two-pass" in done.stdout
    assert " torch" not in done.stderr and " numpy" not in done.stderr
