"""align, by what a user sees."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(root: Path, oracle: Path) -> Run:
    def call(*args: str, model: Path = oracle / "monotonic_aligner") -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, str(root / "bin/align"), "--device", "cpu", "--ncpu", "1", "--model", str(model)]
        return subprocess.run([*argv, *args], capture_output=True, text=True, timeout=120)

    return call


@pytest.fixture
def lists(oracle: Path, tmp_path: Path) -> tuple[str, str]:
    wavs = oracle / "wavs"
    (tmp_path / "wav.scp").write_text(f"a {wavs}/aishell.wav\nb {wavs}/odd.wav\nc {wavs}/short500ms.wav\n")
    (tmp_path / "text").write_text(f"b hello world 我 鑫 们.\na 的一是，我们不了。\nc {'我们' * 20}\n")
    return str(tmp_path / "wav.scp"), str(tmp_path / "text")


def test_words_go_to_stdout_as_ctm_in_the_order_of_the_recordings(run: Run, lists: tuple[str, str]) -> None:
    done = run(*lists)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [(row[0], row[4]) for row in rows] == [("a", word) for word in "的一是我们不了"] + [
        ("b", word) for word in ("hello", "world", "我", "鑫", "们")
    ]
    assert rows[0] == ["a", "1", "0.530", "0.240", "的"]
    assert done.returncode == 1
    assert "c: its text of 40 tokens cannot fit its 0.50 s of audio" in done.stderr
    assert done.stderr.splitlines()[-1] == "align: 2 of 3 ok, 1 error"


def test_records_keep_the_text_and_its_marks(run: Run, lists: tuple[str, str]) -> None:
    first, second, third = map(json.loads, run("--jsonl", *lists).stdout.splitlines())
    assert first["text"] == "的一是，我们不了。"
    assert [token.get("mark", "") for token in first["tokens"]] == ["", "", "，", "", "", "", "。"]
    assert second["tokens"][-1] | {"start_ms": 0, "end_ms": 0} == {
        "text": "们",
        "mark": ".",
        "start_ms": 0,
        "end_ms": 0,
    }
    assert third["status"] == "error"


def test_a_data_directory_holds_both_and_grids_are_written(run: Run, lists: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "segments").write_text("a a 0 4.2\nb b 0.1 2.3\nc c 0 0.5\n")
    done = run("--textgrid", str(tmp_path / "grids"), str(tmp_path))
    assert {path.name for path in (tmp_path / "grids").iterdir()} == {"a.TextGrid", "b.TextGrid"}
    grid = (tmp_path / "grids/b.TextGrid").read_text()
    assert 'text = "们."' in grid and "xmax = 2.2" in grid
    first = next(line for line in done.stdout.splitlines() if line.startswith("b "))
    assert float(first.split()[2]) >= 0.1  # from the begin of the recording


def test_lines_without_a_partner_are_named(run: Run, lists: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a 的一是\nd 我\nb ，\n")
    done = run(*lists)
    assert "c: has no line in" in done.stderr
    assert "d is not among the recordings" in done.stderr
    assert done.stderr.splitlines()[-1] == "align: 1 of 4 ok, 1 empty, 2 errors"
    assert [line.split()[4] for line in done.stdout.splitlines()] == ["的", "一", "是"]


def test_a_model_that_does_not_align_is_refused(run: Run, lists: tuple[str, str], oracle: Path) -> None:
    done = run(*lists, model=oracle / "paraformer")
    assert done.returncode == 1 and "fa-zh" in done.stderr and not done.stdout


def test_shares_of_the_recordings_give_together_what_all_give(run: Run, lists: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a 的一是\nd 我\nb hello world\nc 我\n")
    whole = run(*lists).stdout
    parts = [run("--shard", f"{n}/2", *lists) for n in (1, 2)]
    assert sorted("".join(part.stdout for part in parts).splitlines()) == sorted(whole.splitlines())
    assert {line.split()[0] for line in parts[1].stdout.splitlines()} == {"b"}
    assert ["d is not among" in part.stderr for part in parts] == [True, False]  # once, not once a share
