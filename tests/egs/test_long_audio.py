"""The recipe egs/long_audio on a real talk: every step's file, and what the last one leaves."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "egs" / "long_audio" / "run.sh"

pytestmark = pytest.mark.skipif(not (ROOT / ".venv" / "ready").exists(), reason="path.sh would set the checkout up")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(["bash", str(RECIPE), *options], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def results(oracle: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    work = tmp_path_factory.mktemp("long audio")
    speech = shared / "data" / "speech"
    scp = work / "wav.scp"
    scp.write_text(f"talk {speech / 'vad_example.wav'}\nclip {speech / 'BAC009S0724W0121.wav'}\n")
    options = ["--data", str(scp), "--exp", str(work / "exp"), "--device", "cpu", "--nj", "1"]
    options += ["--vad_model", str(oracle / "fsmn_vad"), "--model", str(oracle / "bicif_paraformer")]
    options += ["--punc_model", str(oracle / "ct_punc"), "--spk_model", str(oracle / "campplus")]
    done = run(*options)
    assert done.returncode == 0, done.stdout + done.stderr
    return work / "exp", options


def test_every_recording_comes_out_with_text_turns_and_subtitles(results: tuple[Path, list[str]]) -> None:
    exp, _ = results
    records = [json.loads(line) for line in (exp / "spk" / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [record["key"] for record in records] == ["talk", "clip"]
    assert all(record["text"] and record["sentences"] and record["tokens"] for record in records)
    turns = [line.split() for line in (exp / "spk" / "rttm").read_text().splitlines()]
    assert {turn[1] for turn in turns} == {"talk", "clip"}
    for record in records:
        subtitles = (exp / "srt" / f"{record['key']}.srt").read_text(encoding="utf-8")
        assert subtitles.startswith("1\n00:00:0") and " --> " in subtitles


def test_running_it_again_does_nothing(results: tuple[Path, list[str]]) -> None:
    exp, options = results
    before = {path: path.stat().st_mtime_ns for path in exp.rglob("*") if path.is_file()}
    assert run(*options).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in exp.rglob("*") if path.is_file()} == before


def test_a_stage_without_its_input_names_the_stage_that_makes_it(tmp_path: Path) -> None:
    done = run("--data", "/dev/null", "--exp", str(tmp_path / "exp"), "--stage", "3")
    assert done.returncode == 1
    assert "stage 2 makes it" in done.stderr


def test_without_data_it_says_what_is_wanted() -> None:
    done = run()
    assert done.returncode == 2
    assert "--data is missing" in done.stderr
