"""Time and memory of decode over lists of growing length: nearly all recordings missing, one in a hundred 0.3 s long.

    python tests/bench/long_list.py MODEL [--lengths 10000,100000,1000000]

The missing ones cost what every input costs: its line, its record, its journal. The last of each group of figures is an
interrupted run: the journal holds 99 of 100 inputs, --resume does the rest.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

BIN = Path(__file__).resolve().parents[2] / "bin"


def run(*argv: object) -> tuple[float, float]:
    """Seconds and MB at most of a command whose output nobody reads."""
    started = time.perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, *map(str, argv)],
        {**os.environ, "OMP_NUM_THREADS": "1"},
        file_actions=[(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)],
    )
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) != 1:  # some are missing
        raise SystemExit(f"{argv}: exit status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--lengths", default="10000,100000,1000000")
    options = parser.parse_args()
    options.model = options.model.resolve()  # before the directory changes
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        samples = np.random.default_rng(1).normal(0, 0.1, 4800)
        soundfile.write("a.wav", samples, 16000, subtype="PCM_16")
        for length in map(int, options.lengths.split(",")):
            with open("wav.scp", "w") as out:
                out.writelines(f"utt-{n:08d} {'a.wav' if n % 100 == 0 else f'none/{n}.wav'}\n" for n in range(length))
            words = [BIN / "decode", "--model", options.model, "--ncpu", 1, "--device", "cpu"]
            print(f"{length} inputs:", flush=True)
            print("  to stdout: {:.1f} s, {:.0f} MB".format(*run(*words, "wav.scp")), flush=True)
            out = f"out.{length}"
            print(
                "  --output-dir: {:.1f} s, {:.0f} MB".format(*run(*words, "--output-dir", out, "wav.scp")), flush=True
            )
            journal = Path(out, "journal.jsonl")
            with open("kept", "wb") as kept:  # not through this process, whose memory a child begins with
                subprocess.run(["head", "-n", str(length * 99 // 100), journal], stdout=kept, check=True)
            os.replace("kept", journal)
            print(
                "  --resume: {:.1f} s, {:.0f} MB".format(*run(*words, "--output-dir", out, "--resume", "wav.scp")),
                flush=True,
            )


if __name__ == "__main__":
    main()
