"""decode as a user runs it, with a small model drawn at random."""

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

NAMES = ("text", "token", "score", "rtf", "time_stamp", "timestamp")


@pytest.fixture
def wavs(tmp_path: Path, make_wav: Callable[..., Path]) -> Path:
    """A list of 12 recordings of 0.3 to 2.5 seconds, of several rates."""
    lines = []
    for i in range(12):
        make_wav(f"wavs/{i}.wav", 0.3 + 0.2 * (i * 5 % 12), rate=(16000, 8000, 44100)[i % 3], channels=1 + i % 2)
        lines.append(f"utt-{i:02d} wavs/{i}.wav\n")
    path = tmp_path / "wav.scp"
    path.write_text("".join(lines))
    return path


def lines_by_key(text: str) -> dict[str, str]:
    return {line.split(" ", 1)[0]: line.partition(" ")[2] for line in text.splitlines()}


@pytest.fixture
def decode(tiny_model: Path, tmp_path: Path, monkeypatch, capfd):
    """decode in this process, for starting one takes longer than all that is tested here."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, stdin: str = "", has_model: bool = True) -> subprocess.CompletedProcess[str]:
        model = ["--model", str(tiny_model)] if has_model else []
        monkeypatch.setattr(sys, "argv", ["decode", *model, *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin.encode()))))
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(sys.argv, stop.value.code, out, err)

    return call


@pytest.fixture(autouse=True)
def signals_as_before():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_every_input_has_its_line_in_order(decode, wavs: Path) -> None:
    done = decode("wav.scp")
    assert done.returncode == 0, done.stderr
    assert list(lines_by_key(done.stdout)) == [f"utt-{i:02d}" for i in range(12)]
    assert done.stderr == "decode: 12 of 12 ok\n"


def test_a_model_is_named_by_the_place_of_its_configuration_too(decode, wavs: Path, tiny_model: Path) -> None:
    place = (f"--config-path={tiny_model}", "--config-name", "config.yaml")
    parameters = f"++init_param={tiny_model / 'model.pt'}"
    done = decode(*place, parameters, "++vad_model=null", "++input=wav.scp", has_model=False)
    assert (done.returncode, done.stdout) == (0, decode("wav.scp").stdout), done.stderr


def test_the_text_is_the_same_for_any_batch_size_and_way_to_name_the_input(decode, wavs: Path, tmp_path: Path) -> None:
    one = decode("--batch-size", 1, "wav.scp").stdout
    assert decode("--batch-size", 8, "wav.scp").stdout == one
    assert decode("--batch-seconds", 3, "-", stdin=wavs.read_text()).stdout == one
    assert decode(f"++input={wavs}", "++batch_size_s=60").stdout == one
    parts = [decode("--shard", f"{n}/3", "wav.scp").stdout.splitlines() for n in (1, 2, 3)]
    assert [parts[i % 3][i // 3] for i in range(12)] == one.splitlines()
    records = "".join(json.dumps({"key": f"utt-{i:02d}", "source": f"wavs/{i}.wav"}) + "\n" for i in range(12))
    assert decode("-", stdin=records).stdout == one


def test_what_is_wrong_with_one_input_costs_no_other(decode, tmp_path: Path, make_wav) -> None:
    good = make_wav("good.wav", 1.5)
    (tmp_path / "empty.wav").touch()
    make_wav("tiny.wav", 0.04)
    samples, _ = soundfile.read(good)
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    soundfile.write(tmp_path / "whole.flac", samples, 16000)
    data = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    soundfile.write(tmp_path / "music.mp3", samples, 16000, format="MP3")
    make_wav("stereo.wav", 1.0, rate=8000, channels=2)
    names = ["good.wav", "empty.wav", "tiny.wav", "silence.wav", "missing.wav", "cut.flac", "music.mp3", "stereo.wav"]
    (tmp_path / "wav.scp").write_text("".join(f"{name.partition('.')[0]} {name}\n" for name in names))
    done = decode("--jsonl", "--output-dir", "out", "wav.scp")
    assert done.returncode == 1
    records = {record["key"]: record for record in map(json.loads, done.stdout.splitlines())}
    assert list(records) == [name.partition(".")[0] for name in names]
    failed = {key for key, record in records.items() if record["status"] == "error"}
    assert failed == {"empty", "missing", "cut"}
    for key in failed:
        assert f"decode: {records[key]['error']}" in done.stderr or f"decode: {key}: " in done.stderr
    assert records["good"]["text"] == decode("good.wav").stdout.split(" ", 1)[1].strip()
    assert records["tiny"]["status"] in ("ok", "empty") and records["silence"]["status"] in ("ok", "empty")
    assert f"{len(failed)} errors" in done.stderr.splitlines()[-1]
    assert [json.loads(line)["key"] for line in (tmp_path / "out/errors.jsonl").open()] == ["empty", "missing", "cut"]
    assert list(lines_by_key((tmp_path / "out/1best_recog/text").read_text())) == [
        key for key in records if key not in failed
    ]
    plain = decode("wav.scp")
    assert plain.returncode == 1 and list(lines_by_key(plain.stdout)) == [key for key in records if key not in failed]


def test_the_result_directory_holds_what_recipes_read(decode, wavs: Path, tmp_path: Path, tiny_model: Path) -> None:
    done = decode("--output-dir", "out", "wav.scp")
    assert done.returncode == 0, done.stderr
    files = {name: (tmp_path / "out/1best_recog" / name).read_text() for name in NAMES}
    keys = [f"utt-{i:02d}" for i in range(12)]
    for name in ("text", "token", "score", "time_stamp"):
        assert list(lines_by_key(files[name])) == keys
    assert list(lines_by_key(files["rtf"])) == [*keys, "rtf_avf"]
    assert files["timestamp"] == files["time_stamp"]
    for key in keys:
        words, spans = lines_by_key(files["text"])[key].split(), json.loads(lines_by_key(files["time_stamp"])[key])
        assert len(words) == len(spans) and all(0 <= begin <= end for begin, end in spans)
        float(lines_by_key(files["score"])[key])
    told = json.loads((tmp_path / "out/run.json").read_text())
    assert told["counts"] == {"ok": 12}
    assert told["config"]["model"] == "BiCifParaformer" and len(told["model"]["sha256"]) == 64
    assert "--output-dir" in told["command"]
    assert told["audio_seconds"] > 5 and told["real_time_factor"] > 0
    assert (tmp_path / "out/errors.jsonl").read_text() == ""


def test_times_stand_in_records_subtitles_and_ctm(decode, tmp_path: Path, make_wav) -> None:
    make_wav("a.wav", 2.0)
    record = json.loads(decode("--jsonl", "a.wav").stdout)
    times = [time for token in record["tokens"] for time in (token["start_ms"], token["end_ms"])]
    assert times == sorted(times) and times[-1] <= 2500
    srt = decode("--format", "srt", "a.wav").stdout
    assert srt.startswith("1\n00:00:00,") and " --> " in srt
    assert decode("--format", "vtt", "a.wav").stdout.startswith("WEBVTT\n\n00:00:00.")
    ctm = decode("--format", "ctm", "a.wav").stdout.splitlines()
    assert len(ctm) == len(record["tokens"]) and ctm[0].split()[:2] == ["a", "1"]
    assert json.loads(decode("--format", "json", "a.wav").stdout)[0]["text"] == record["text"]
    assert decode("--format", "txt", "a.wav").stdout == record["text"] + "\n"


def test_subtitles_of_several_recordings_are_refused_before_the_work(decode, wavs: Path) -> None:
    done = decode("--format", "srt", "wav.scp")
    assert done.returncode == 2 and done.stdout == "" and "one recording" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard", "4/3", "wav.scp"], "4/3"),
        (["--resume", "wav.scp"], "--output-dir"),
        (["--jsonl", "--format", "srt", "wav.scp"], "--format"),
        (["--channel", "all", "wav.scp"], "one channel"),
        (["++hotwrod=x", "wav.scp"], "hotwrod"),
    ],
)
def test_usage_errors_say_what_would_be_right(decode, wavs: Path, arguments: list[str], message: str) -> None:
    done = decode(*arguments)
    assert done.returncode in (1, 2) and done.stdout == "" and message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_documented_names_without_an_option_are_taken(decode, wavs: Path) -> None:
    done = decode("++disable_update=true", "++output_timestamp=true", "++batch_size_threshold_s=60", "wav.scp")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 12
    assert done.stderr.splitlines()[0].startswith("decode: ++output_timestamp left alone")


def test_a_model_that_is_not_there_is_one_line(run, wavs: Path) -> None:
    done = run("decode", "--model", "no/such/model", "--offline", "wav.scp")
    assert done.returncode == 1 and "no/such/model" in done.stderr and len(done.stderr.splitlines()) == 1


def test_hotwords_for_a_model_that_does_not_listen_are_an_error(decode, wavs: Path) -> None:
    done = decode("--hotword", "你好", "wav.scp")
    assert done.returncode == 1 and "hotwords" in done.stderr


def test_features_are_taken_in_place_of_recordings(run, decode, wavs: Path, tmp_path: Path) -> None:
    assert run("compute-fbank", "wav.scp", "mel").returncode == 0
    assert run("compute-fbank", "--lfr", "7,6", "wav.scp", "ready").returncode == 0
    assert run("compute-fbank", "++n_mels=40", "wav.scp", "narrow").returncode == 0
    expected = decode("wav.scp").stdout
    assert decode("mel/feats.scp").stdout == expected
    assert decode("ready/feats.scp").stdout == expected
    done = decode("narrow/feats.scp")
    assert done.returncode == 1 and "40" in done.stderr and "80" in done.stderr and "560" in done.stderr


def test_a_reader_that_goes_away_ends_it_quickly(root: Path, tmp_path: Path, tiny_model: Path, make_wav) -> None:
    make_wav("a.wav", 0.5)
    with open(tmp_path / "long.scp", "w") as out:
        out.writelines(f"utt-{i:06d} a.wav\n" for i in range(20000))
    argv = [sys.executable, str(root / "bin/decode"), "--model", str(tiny_model), "long.scp"]
    process = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("utt-000000")
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""


def interrupted(root: Path, folder: Path, arguments: list[str], num_entries: int) -> None:
    """Start decode and kill -9 it once its journal has so many lines."""
    argv = [sys.executable, str(root / "bin/decode"), *arguments]
    process = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = folder / "out/journal.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") > num_entries:
            break
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("num_entries", [0, 1, 40])
def test_killed_and_resumed_the_files_are_those_of_a_run_without(
    root: Path, decode, tmp_path: Path, tiny_model: Path, make_wav, num_entries: int
) -> None:
    for i in range(10):
        make_wav(f"{i}.wav", 0.3 + 0.1 * i)
    lines = [f"utt-{i:03d} {'missing' if i % 17 == 3 else i % 10}.wav\n" for i in range(150)]
    (tmp_path / "wav.scp").write_text("".join(lines))
    whole = decode("--output-dir", "whole", "wav.scp")
    options = ["--model", str(tiny_model), "--batch-size", "4", "--output-dir", "out"]
    interrupted(root, tmp_path, [*options, "wav.scp"], num_entries)
    assert not list((tmp_path / "out").glob("1best_recog/*"))
    assert not (tmp_path / "out/run.json").exists()
    with open(tmp_path / "out/journal.jsonl", "ab") as journal:
        journal.write(b'{"record": {"key": "utt-0')  # cut in the middle of a line
    done = decode(*options[2:], "--resume", "wav.scp")
    assert (done.returncode, done.stdout) == (1, whole.stdout)
    assert done.stderr == whole.stderr
    for name in ("text", "token", "time_stamp", "timestamp"):
        resumed, straight = (tmp_path / folder / "1best_recog" / name for folder in ("out", "whole"))
        assert resumed.read_bytes() == straight.read_bytes()
    assert (tmp_path / "out/errors.jsonl").read_bytes() == (tmp_path / "whole/errors.jsonl").read_bytes()
    again = decode(*options[2:], "--resume", "wav.scp")
    assert (again.returncode, again.stdout) == (1, whole.stdout)


def test_resuming_with_other_settings_or_another_list_is_refused(decode, wavs: Path, tmp_path: Path) -> None:
    assert decode("--output-dir", "out", "wav.scp").returncode == 0
    done = decode("--output-dir", "out", "--resume", "--beam-size", 3, "wav.scp")
    assert done.returncode == 1 and "beam_size" in done.stderr
    wavs.write_text("".join(reversed(wavs.read_text().splitlines(keepends=True))))
    done = decode("--output-dir", "out", "--resume", "wav.scp")
    assert done.returncode == 1 and "utt-11" in done.stderr


def test_a_new_run_takes_the_place_of_an_old_one(decode, wavs: Path, tmp_path: Path) -> None:
    assert decode("--output-dir", "out", "wav.scp").returncode == 0
    wavs.write_text(wavs.read_text().splitlines(keepends=True)[0])
    done = decode("--output-dir", "out", "wav.scp")
    assert done.returncode == 0 and "begun anew" in done.stderr
    assert len((tmp_path / "out/1best_recog/text").read_text().splitlines()) == 1


def test_help_is_quick_and_complete(run) -> None:
    done = run("decode", "--help")
    assert done.returncode == 0
    for option in ("--model", "--hotword", "--nbest", "--resume", "--format", "--shard", "--checkpoint"):
        assert option in done.stdout
