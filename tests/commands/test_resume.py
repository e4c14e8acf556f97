"""--resume of vad-segment, align and spk-diarize: killed at any moment and run again, the files are the same."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from asrtools.io.journal_dir import Done, JournalDir
from asrtools.models.campplus.model import CAMPPlus
from asrtools.record import Utterance

SIZES = {"embedding_size": 16, "growth_rate": 4, "init_channels": 16}


@pytest.fixture(scope="module")
def speakers(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("speakers")
    torch.manual_seed(0)
    torch.save(CAMPPlus(**SIZES).state_dict(), folder / "model.pt")
    config = {"model": "CAMPPlus", "model_conf": SIZES, "frontend": "WavFrontend", "frontend_conf": {"fs": 16000}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture
def lists(oracle: Path, tmp_path: Path) -> Path:
    """Twelve inputs, one of which is not there."""
    wavs = [oracle / f"wavs/{name}.wav" for name in ("odd", "tiny40ms", "aishell", "short500ms")]
    rows = [f"u{n:02d} {wavs[n % 4] if n != 5 else 'nothing.wav'}\n" for n in range(12)]
    (tmp_path / "wav.scp").write_text("".join(rows))
    (tmp_path / "text").write_text("".join(f"u{n:02d} {'我们' if n % 4 == 3 else '的一是我们'}\n" for n in range(12)))
    return tmp_path


@pytest.fixture
def argv(root: Path, oracle: Path, shared: Path, speakers: Path) -> Callable[[str], list[str]]:
    models = {
        "vad-segment": ["--model", str(shared / "models/fsmn-vad"), "wav.scp"],
        "align": ["--model", str(oracle / "monotonic_aligner"), "--batch-size", "2", "wav.scp", "text"],
        "spk-diarize": ["--model", str(speakers), "--vad-model", "none", "--batch-size", "2", "wav.scp"],
    }
    return lambda name: [
        *(sys.executable, str(root / "bin" / name), "--ncpu", "1", "--device", "cpu"),
        *("--output-dir", "out", *models[name]),
    ]


def files_of(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: text for name, text in found.items() if name not in ("journal.jsonl", "run.json")}


@pytest.mark.parametrize("name", ["vad-segment", "align", "spk-diarize"])
def test_a_killed_run_goes_on_to_the_same_files(argv, lists: Path, name: str) -> None:
    whole = subprocess.run(argv(name), cwd=lists, capture_output=True, text=True, timeout=120)
    assert whole.returncode == 1 and "u05" in whole.stderr, whole.stderr
    wanted, counts = files_of(lists / "out"), json.loads((lists / "out/run.json").read_text())["counts"]
    journal = (lists / "out/journal.jsonl").read_bytes().splitlines(keepends=True)
    assert len(journal) == 13 and counts["error"] >= 1

    for kept, rest in ((7, b'{"key": "u0'), (13, b"")):
        (lists / "out/journal.jsonl").write_bytes(b"".join(journal[:kept]) + rest)
        for path in [*wanted, "run.json"]:
            (lists / "out" / path).unlink(missing_ok=True)
        again = subprocess.run([*argv(name), "--resume"], cwd=lists, capture_output=True, text=True, timeout=120)
        assert again.returncode == 1 and again.stdout == whole.stdout, again.stderr
        assert again.stderr.splitlines()[-1] == whole.stderr.splitlines()[-1]
        assert files_of(lists / "out") == wanted
        assert json.loads((lists / "out/run.json").read_text())["counts"] == counts


def test_a_run_killed_as_it_writes_leaves_no_file_and_goes_on(argv, lists: Path) -> None:
    command = argv("vad-segment")
    whole = subprocess.run([*command, "--rttm"], cwd=lists, capture_output=True, text=True, timeout=120).stdout
    wanted = files_of(lists / "out")
    running = subprocess.Popen(command, cwd=lists, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert running.stdout is not None
    for _ in range(3):
        running.stdout.readline()
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stdout.close()
    assert not (lists / "out/segments").exists() and not (lists / "out/run.json").exists()
    assert not [name for name in os.listdir(lists / "out") if name.endswith(".tmp")]
    again = subprocess.run([*command, "--resume", "--rttm"], cwd=lists, capture_output=True, text=True, timeout=120)
    assert again.stdout == whole and files_of(lists / "out") == wanted
    refused = subprocess.run([*command, "--resume", "--fs", "8000"], cwd=lists, capture_output=True, text=True)
    assert refused.returncode == 1 and "was begun with fs 16000, now it is 8000" in refused.stderr


def test_resume_wants_an_output_directory(argv, lists: Path) -> None:
    for name in ("vad-segment", "align", "spk-diarize"):
        command = [word for word in argv(name) if word not in ("--output-dir", "out")]
        done = subprocess.run([*command, "--resume"], cwd=lists, capture_output=True, text=True)
        assert done.returncode == 2 and "give the directory" in done.stderr


def test_the_documented_files_of_an_aligner(argv, lists: Path) -> None:
    (lists / "wav.scp").write_text((lists / "wav.scp").read_text().replace("nothing.wav", "").partition("u03")[0])
    (lists / "text").write_text("u00 我们\nu01 的\nu02 的一是我们不了\n")
    subprocess.run(argv("align"), cwd=lists, capture_output=True, text=True, timeout=120)
    spans = (lists / "out/tp_res/timestamp_list").read_text().splitlines()[-1]
    times = [[530, 770], [1030, 1270], [1490, 1730], [2090, 2330], [2590, 2830], [3130, 3370], [3510, 3750]]
    assert spans == f"u02 {times}"
    # FunASR 1.4.16 wrote this for the same
    assert (lists / "out/tp_res/timestamp_str").read_text().splitlines()[-1] == (
        "u02 <sil> 0.000 0.530;的 0.530 0.770;<sil> 0.770 1.030;一 1.030 1.270;<sil> 1.270 1.490;是 1.490 1.730;"
        "<sil> 1.730 2.090;我 2.090 2.330;<sil> 2.330 2.590;们 2.590 2.830;<sil> 2.830 3.130;不 3.130 3.370;"
        "<sil> 3.370 3.510;了 3.510 3.750;<sil> 3.750 4.260;"
    )


def test_other_inputs_than_those_of_the_interrupted_run_are_refused(tmp_path: Path) -> None:
    results = JournalDir(tmp_path / "out", {"a": 1}, ["text"])
    results.add(Done("k1", {"text": "k1 x\n"}, [Utterance("k1", status="ok")]))
    results.journal.close()
    resumed = JournalDir(tmp_path / "out", {"a": 1}, ["text"], resume=True)
    with pytest.raises(Exception, match="input 1 of the interrupted run was k1, now it is k2"):
        list(resumed.through(iter([Utterance("k2")]), lambda rest: []))
