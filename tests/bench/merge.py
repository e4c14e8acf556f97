"""A long list divided into shards, read, and the results of the shards merged: time and memory of each step.

    python tests/bench/merge.py [--lines 1000000] [--shards 256]

The results are drawn at random: 14 characters and their times for each input, in files as decode writes them.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ = "import sys; from asrtools.io.source import read_inputs; sum(1 for _ in read_inputs(sys.argv[1:]))"
CHARACTERS = [chr(0x4E00 + i) for i in range(3000)]
FRAMES, FORWARD_S, SECONDS = 160, 0.0123, 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=256)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, chance = Path(name), random.Random(1)
        with open(folder / "wav.scp", "w") as wavs, open(folder / "utt2dur", "w") as durations:
            for i in range(args.lines):
                wavs.write(f"BAC009S{i:08d} /data/corpus/wav/part{i % 997:03d}/BAC009S{i:08d}.wav\n")
                durations.write(f"BAC009S{i:08d} {chance.uniform(1, 20):.2f}\n")
        parts = [folder / f"part.{n}" for n in range(1, args.shards + 1)]
        shards = [folder / f"output.{n}" for n in range(1, args.shards + 1)]
        timed("split_scp", [ROOT / "utils/split_scp", "--by", "duration", folder / "wav.scp", *parts])
        timed("reading the list", ["-c", READ, folder / "wav.scp"])
        for part, shard in zip(parts, shards, strict=True):
            write_results(part, shard, chance)
        merge = [ROOT / "bin/asrtools", "merge-shards", folder / "wav.scp", folder / "out", *shards]
        took = timed("merge-shards", merge)
        size = sum(path.stat().st_size for path in (folder / "out/1best_recog").iterdir())
        print(f"merged: {size / 1e6:.0f} MB, {size / 1e6 / took:.0f} MB/s")


def timed(name: str, argv: list) -> float:
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, *map(str, argv)], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    if status:
        sys.exit(f"{name} failed")
    print(f"{name}: {took:.1f} s, {usage.ru_maxrss / 1024:.0f} MB")
    return took


def write_results(part: Path, shard: Path, chance: random.Random) -> None:
    best = shard / "1best_recog"
    best.mkdir(parents=True)
    keys = [line.split()[0] for line in part.read_text().splitlines()]
    times = str([[100 * i, 100 * i + 90] for i in range(14)])
    texts = [" ".join(chance.choices(CHARACTERS, k=14)) for _ in keys]
    rtf = f"decoding, feature length: {FRAMES}, forward_time: {FORWARD_S:.4f}, rtf: {FORWARD_S / SECONDS:.4f}"
    sums = f"feature length total: {FRAMES * len(keys)}, forward_time total: {FORWARD_S * len(keys):.4f}"
    values = {"text": texts, "token": texts, "score": ["-3.14159"] * len(keys), "rtf": [rtf] * len(keys)}
    values |= {name: [times] * len(keys) for name in ("time_stamp", "timestamp")}
    for name, lines in values.items():
        with open(best / name, "w") as file:
            file.writelines(f"{key} {line}\n" for key, line in zip(keys, lines, strict=True))
            if name == "rtf":
                file.write(f"rtf_avf decoding, {sums}, rtf avg: 0.0012\n")
    (shard / "errors.jsonl").touch()
    (shard / "journal.jsonl").write_text("{}\n")
    run = {"counts": {"ok": len(keys)}, "audio_seconds": SECONDS * len(keys), "forward_seconds": FORWARD_S * len(keys)}
    (shard / "run.json").write_text(json.dumps(run))


if __name__ == "__main__":
    main()
