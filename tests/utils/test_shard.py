"""utils/shard.sh: a command in several jobs gives what it gives in one."""

import os
import subprocess
import sys
from pathlib import Path

import kaldiio
import numpy as np
import pytest


@pytest.fixture
def shard(root: Path, corpus: Path):
    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        argv = [str(root / "utils/shard.sh"), *map(str, arguments)]
        return subprocess.run(argv, cwd=corpus, capture_output=True, text=True, timeout=200)

    return run


def one_process(root: Path, corpus: Path, name: str, *arguments: object) -> str:
    argv = [sys.executable, str(root / "bin" / name), *map(str, arguments)]
    return subprocess.run(argv, cwd=corpus, capture_output=True, text=True, timeout=120).stdout


def test_features_of_three_jobs_are_those_of_one(shard, root: Path, corpus: Path, tmp_path: Path) -> None:
    done = shard("--nj", 3, "data", tmp_path / "three", "compute-fbank", "DATA", "OUT")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "shard.sh: some inputs could not be used:\n"
        "compute-fbank: utt-xx: data/wavs/none.wav: no such file; relative paths start from the working directory\n"
    )
    one_process(root, corpus, "compute-fbank", "data", tmp_path / "one")
    frames = [(tmp_path / name / "utt2num_frames").read_bytes() for name in ("three", "one")]
    assert frames[0] == frames[1]
    three, one = (kaldiio.load_scp(str(tmp_path / name / "feats.scp")) for name in ("three", "one"))
    assert list(three) == list(one) and len(one) == 80
    assert all(np.array_equal(three[key], one[key]) for key in one)


def test_results_of_decode_in_two_jobs_are_those_of_one(
    shard, infer, corpus: Path, tiny_model: Path, tmp_path: Path
) -> None:
    words = ("decode", "--model", tiny_model, "--ncpu", 1, "--resume", "--output-dir", "OUT", "DATA")
    done = shard("--nj", 2, "data", tmp_path / "out", *words)
    assert done.returncode == 1, done.stderr  # for the one that is not there
    infer.check(tmp_path / "out")
    assert done.stdout == (tmp_path / "out/stdout.txt").read_text()
    listed = [line.split()[0] for line in (corpus / "data/wav.scp").read_text().splitlines()]
    assert [line.split()[0] for line in done.stdout.splitlines()] == [key for key in listed if key != "utt-xx"]


def test_segments_of_two_jobs_are_those_of_one(shard, root: Path, shared: Path, corpus: Path, tmp_path: Path) -> None:
    wavs = sorted((shared / "oracle/wavs").rglob("*.wav"))[:5]
    (tmp_path / "wav.scp").write_text("".join(f"{wav.stem} {wav}\n" for wav in reversed(wavs)))
    words = ("vad-segment", "--model", shared / "models/fsmn-vad", "--ncpu", 1)
    alone = one_process(root, corpus, *words, tmp_path / "wav.scp")
    assert alone.count("\n") >= 3
    done = shard("--nj", 2, tmp_path / "wav.scp", tmp_path / "out", *words, "--output-dir", "OUT", "DATA")
    assert done.returncode == 0, done.stderr
    assert done.stdout == alone
    assert (tmp_path / "out/segments").read_text() == alone


def test_marks_of_three_jobs_are_those_of_one(shard, root: Path, oracle: Path, corpus: Path, tmp_path: Path) -> None:
    lines = [f"u{n:02d} {' '.join(['今天', 'hello', '天气', '我们', '一起'][n % 5 :])} {'好' * n}\n" for n in range(31)]
    (tmp_path / "text").write_text("".join(lines))
    words = ("punc", "--model", oracle / "ct_punc", "--ncpu", 1)
    alone = one_process(root, corpus, *words, tmp_path / "text")
    assert alone.count("\n") == 31
    done = shard("--nj", 3, "--input_type", "text", tmp_path / "text", tmp_path / "out", *words, "DATA")
    assert done.returncode == 0, done.stderr
    assert done.stdout == alone
    again = ("--resume", "--output-dir", "OUT", "DATA")
    done = shard("--nj", 2, "--input_type", "text", tmp_path / "text", tmp_path / "dir", *words, *again)
    assert done.returncode == 0 and done.stdout == alone, done.stderr
    assert (tmp_path / "dir/text").read_text() == alone


def test_speakers_of_three_jobs_are_those_of_one(shard, root: Path, oracle: Path, corpus: Path, tmp_path: Path) -> None:
    wavs = [path for path in sorted((oracle / "wavs").glob("*.wav")) if path.stem not in ("long", "vad_example")]
    (tmp_path / "wav.scp").write_text("".join(f"{wav.stem} {wav}\n" for wav in reversed(wavs)))
    words = ("spk-diarize", "--model", oracle / "campplus", "--vad-model", "none", "--ncpu", 1)
    alone = one_process(root, corpus, *words, tmp_path / "wav.scp")
    assert alone.count("\n") >= len(wavs) - 1
    done = shard("--nj", 3, tmp_path / "wav.scp", tmp_path / "out", *words, "--resume", "--output-dir", "OUT", "DATA")
    assert done.stdout == alone, done.stderr
    assert (tmp_path / "out/rttm").read_text() == alone
    records = one_process(root, corpus, *words, "--jsonl", tmp_path / "wav.scp")
    assert (tmp_path / "out/records.jsonl").read_text() == records


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """Prints `KEY N/M` for its share of a list, as the second job only once a file `may-go` is there."""
    path = tmp_path / "say"
    path.write_text(
        """#!/usr/bin/env bash
echo "$2" >>began
[ "${2%/*}" != 2 ] || [ -e may-go ] || kill -9 $$
awk -v share="$2" '{ split(share, of, "/"); if ((NR - 1) % of[2] == of[1] - 1) print $1, share }' "$3"
echo "say: 1 of 1 ok" >&2
"""
    )
    path.chmod(0o755)
    return path


def test_a_killed_job_fails_the_whole_and_is_the_only_one_to_run_again(
    root: Path, command: Path, tmp_path: Path
) -> None:
    (tmp_path / "wav.scp").write_text("c x\na x\nb x\nd x\ne x\n")

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        argv = [str(root / "utils/shard.sh"), "--nj", "3", "wav.scp", "out", "./say", *words]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    done = run("DATA")
    assert done.returncode == 1 and done.stdout == ""
    assert "JOB 2 of 1:3 failed with exit status 137" in done.stderr
    assert not (tmp_path / "out/stdout.txt").exists()
    (tmp_path / "may-go").touch()
    os.unlink(tmp_path / "began")
    done = run("DATA")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "c 1/3\na 2/3\nb 3/3\nd 1/3\ne 2/3\n"
    assert (tmp_path / "began").read_text() == "2/3\n"
    done = run("DATA", "more")
    assert done.returncode == 1 and "out was begun with another list or command" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "it takes DATA, DIR and a command"),
        (("-", "out", "punc", "DATA"), "DATA is -, which one job only could read"),
        (("nothing", "out", "punc", "DATA"), "nothing: no such file or directory"),
        (("data", "out", "punc", "data"), "do not hold the word DATA"),
    ],
)
def test_what_cannot_be_divided_is_a_usage_error(shard, words: tuple[str, ...], said: str) -> None:
    done = shard(*words)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
