"""What the tests of the shell tools with a real recogniser share."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

EXACT = ("text", "token", "time_stamp", "timestamp")


@pytest.fixture(scope="module")
def corpus(root: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/wav.scp, 80 recordings of 0.3 to 2 s and one that is not there, and ref/, what one process made of it."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "data/wavs").mkdir(parents=True)
    lines = ["utt-xx data/wavs/none.wav\n"]
    for i in range(80):
        noise = np.random.default_rng(i).integers(-8000, 8000, 16000 * (6 + i * 7 % 35) // 20, dtype=np.int16)
        soundfile.write(folder / f"data/wavs/{i}.wav", noise, 16000)
        lines.append(f"utt-{i * 37 % 80:02d} data/wavs/{i}.wav\n")
    (folder / "data/wav.scp").write_text("".join(lines[1:31] + lines[:1] + lines[31:]))
    # told of GPUs, infer.sh makes several shards for each
    (folder / "nvidia-smi").write_text("#!/bin/sh\necho GPU 0: pretended\n")
    (folder / "decode-here").write_text(f'#!/bin/sh\nexec {root}/bin/decode "$@" --device cpu --ncpu 1\n')
    for name in ("nvidia-smi", "decode-here"):
        (folder / name).chmod(0o755)
    argv = [sys.executable, root / "bin/decode", "--model", tiny_model, "--output-dir", "ref", "data"]
    done = subprocess.run(list(map(str, argv)), cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr  # the one that is not there
    return folder


class Infer:
    """infer.sh on four shards of the corpus, and what it leaves."""

    def __init__(self, root: Path, corpus: Path, model: Path):
        self._corpus = corpus
        options = {"model": model, "data_dir": "data", "gpuid_list": "0,1", "shards_per_gpu": 2, "progress": 0}
        options["decode"] = corpus / "decode-here"
        self._argv = [str(root / "utils/infer.sh"), *(f"--{name}={value}" for name, value in options.items())]

    def begin(self, out: Path, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*self._argv, f"--output_dir={out}", *arguments],
            cwd=self._corpus,
            env={**os.environ, "PATH": f"{self._corpus}:{os.environ['PATH']}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, process: "subprocess.Popen[str]") -> str:
        """What it said on stderr; its exit status is 1, for one input is not there."""
        _, said = process.communicate(timeout=120)
        assert process.returncode in (1, -signal.SIGKILL), said
        return said

    def run(self, out: Path, *arguments: str) -> str:
        return self.end(self.begin(out, *arguments))

    def shards(self, out: Path) -> dict[int, int]:
        """Process by number of the shard, of those that are decoding into `out`."""
        listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
        found = {}
        for line in listing.stdout.splitlines():
            pid, _, command = line.strip().partition(" ")
            words = command.split()
            # the interpreter itself, not the shells around it
            if any(word.endswith("/bin/decode") for word in words[:2]) and "--output-dir" in words:
                place = Path(words[words.index("--output-dir") + 1])
                if place.parent == out:
                    found[int(place.suffix[1:])] = int(pid)
        return found

    def check(self, out: Path) -> None:
        """`out` has what one process wrote, byte for byte; scores to 1e-3."""
        ref = self._corpus / "ref/1best_recog"
        for name in EXACT:
            assert (out / "1best_recog" / name).read_bytes() == (ref / name).read_bytes(), name
        for name in ("score", "rtf"):
            folders = (out / "1best_recog", ref)
            ours, theirs = ([line.split() for line in (d / name).read_text().splitlines()] for d in folders)
            assert [line[0] for line in ours] == [line[0] for line in theirs]
            if name == "score":
                assert [float(line[1]) for line in ours] == pytest.approx([float(line[1]) for line in theirs], abs=1e-3)
        assert [json.loads(line)["key"] for line in (out / "errors.jsonl").read_text().splitlines()] == ["utt-xx"]


@pytest.fixture
def infer(root: Path, corpus: Path, tiny_model: Path) -> Infer:
    return Infer(root, corpus, tiny_model)


@pytest.fixture(scope="module")
def slurm(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """A Slurm of two nodes on this machine; called with a shell command, it runs that beside slurm_cluster.sh."""
    if not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))):
        if os.environ.get("CI") == "true":
            pytest.fail("Slurm is not installed")
        pytest.skip("Slurm is not installed; bash tests/run.sh --install")
    # short: it holds a socket
    folder = subprocess.run(["mktemp", "-d", "/tmp/slurm.XXXXXX"], capture_output=True, text=True).stdout.strip()
    environment = {"CLUSTER": folder, "SLURM_CONF": f"{folder}/slurm.conf", "ASRTOOLS_SLURM_LOOK": "1"}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)

    def call(command: str) -> None:
        code = f'. "$0"; {command}'
        argv = ["bash", "-c", code, str(root / "tests/utils/slurm_cluster.sh")]
        # a daemon would keep a pipe open
        with open(f"{folder}.said", "w+") as said:
            assert not subprocess.run(argv, stdout=said, stderr=said, timeout=60).returncode, (
                said.seek(0) or said.read()
            )

    try:
        call(f"start_cluster {folder}")
        yield call
    finally:
        call("stop_cluster")
        shutil.rmtree(folder)
        os.unlink(f"{folder}.said")
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
