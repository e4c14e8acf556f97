"""One decode with all threads beside several with a share of them each: the same list, in alternating rounds.

    python tests/bench/make_models.py /tmp/models          # once: real-size directories with random weights
    python tests/bench/processes.py /tmp/models/paraformer-large [--ways 1x2,2x1] [--rounds 3]

A way is PROCESSESxTHREADS. Printed is time / audio by the clock, of whole commands, and of these less the time that
the same number of processes takes over one recording each, which is that of starting and loading the model.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile
from crops import RATE, crops

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--ways", default="1x2,2x1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crops", type=int, default=40)
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    args = parser.parse_args()
    ways = [tuple(map(int, way.split("x"))) for way in args.ways.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        audio = crops(args.shared / "data/speech", args.crops)
        for i, samples in enumerate(audio):
            soundfile.write(f"{folder}/{i}.wav", samples, RATE)
        seconds = sum(map(len, audio)) / RATE
        lines = [f"utt-{i:03d} {folder}/{i}.wav\n" for i in range(len(audio))]
        Path(folder, "all.scp").write_text("".join(lines))
        Path(folder, "few.scp").write_text("".join(lines[: max(number for number, _ in ways)]))
        whole: dict[tuple, list[float]] = {way: [] for way in ways}
        net: dict[tuple, list[float]] = {way: [] for way in ways}
        for _ in range(args.rounds):
            for way in ways:
                took = decode(args.model, folder, "all.scp", *way)
                whole[way].append(took / seconds)
                net[way].append((took - decode(args.model, folder, "few.scp", *way)) / seconds)
    print(f"{len(audio)} crops, {seconds:.0f} s of speech, {args.rounds} rounds")
    for way in ways:
        shown = " ".join(f"{value:.4f}" for value in net[way])
        name = "{} x {} threads".format(*way)
        print(
            f"{name}: {statistics.median(whole[way]):.4f}, without loading {statistics.median(net[way]):.4f} ({shown})"
        )


def decode(model: Path, folder: str, name: str, num_processes: int, num_threads: int) -> float:
    began = time.monotonic()
    running = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "bin/decode"), "--model", str(model), "--device", "cpu"]
            + ["--ncpu", str(num_threads), "--shard", f"{number}/{num_processes}", f"{folder}/{name}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(1, num_processes + 1)
    ]
    for process in running:
        if process.wait():
            sys.exit(f"a decode of {num_processes} x {num_threads} threads failed")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
