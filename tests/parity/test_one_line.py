"""`decode` with companions gives what the commands give one after another."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def run(root: Path, tmp_path: Path):
    def call(name: str, *arguments: object, stdin: str = "") -> str:
        argv = [sys.executable, str(root / "bin" / name), *map(str, arguments)]
        done = subprocess.run(argv, cwd=tmp_path, input=stdin, capture_output=True, text=True)
        assert done.returncode == 1 and "no: no.wav: no such file" in done.stderr, done.stderr
        return done.stdout

    return call


def test_the_line_is_its_commands_one_after_another(run, oracle: Path, tmp_path: Path) -> None:
    names = ["mid", "tiny40ms", "vad_crop12"]
    lines = [f"{name} {oracle}/wavs/{name}.wav\n" for name in names]
    (tmp_path / "wav.scp").write_text("".join([*lines, "no no.wav\n"]))
    asr, vad, punc, spk = (oracle / name for name in ("bicif_paraformer", "fsmn_vad", "ct_punc", "campplus"))
    companions = ["--vad-model", vad, "--punc-model", punc, "--spk-model", spk]
    whole = run("decode", "--model", asr, *companions, "--jsonl", "wav.scp")
    assert len(whole.splitlines()) == 4
    segments = run("vad-segment", "--model", vad, "--jsonl", "wav.scp")
    texts = run("decode", "--model", asr, "--merge-segments", "--jsonl", "-", stdin=segments)
    marked = run("punc", "--model", punc, "-", stdin=texts)
    assert run("spk-diarize", "--model", spk, "--vad-model", vad, "--jsonl", "-", stdin=marked) == whole
