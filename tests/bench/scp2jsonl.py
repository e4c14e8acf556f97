"""Time of scp2jsonl beside FunASR's on the same lists, whole processes, in alternating rounds.

    python tests/bench/scp2jsonl.py [--peer .peer/venv/bin/python] [--entries N] [--peer-entries N] [--rounds 3]

The entries are the recordings of shared/data/fsdd/wav (0.4 s each), again and again under new keys. Both do the list of
--peer-entries, short because FunASR decodes and resamples every file to count its samples; ours does --entries too.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def make_lists(folder: Path, wavs: list[Path], entries: int) -> list[str]:
    """wav.scp and text of so many entries, and the documented arguments that name them."""
    keys = [f"{i:06d}" for i in range(entries)]
    scp, text, out = (folder / f"{name}.{entries}" for name in ("wav.scp", "text", "list.jsonl"))
    scp.write_text("".join(f"{key} {wavs[i % len(wavs)]}\n" for i, key in enumerate(keys)))
    text.write_text("".join(f"{key} {wavs[i % len(wavs)].stem[0]}\n" for i, key in enumerate(keys)))
    lists = f'++scp_file_list=["{scp}", "{text}"]'
    return [lists, '++data_type_list=["source", "target"]', f"++jsonl_file_out={out}"]


def run(argv: list[str], entries: int) -> float:
    """Seconds of the whole process, once its output has been counted."""
    started = time.perf_counter()
    # FunASR leaves a folder of logs where it runs
    subprocess.run(
        argv,
        check=True,
        cwd=Path(argv[-1].partition("=")[2]).parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - started
    found = len(Path(argv[-1].partition("=")[2]).read_text(encoding="utf-8").splitlines())
    if found != entries:
        raise SystemExit(f"{' '.join(argv[:3])}: {found} of {entries} lines written")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--peer-entries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    args = parser.parse_args()
    wavs = sorted((args.shared / "data/fsdd/wav").resolve().glob("*.wav"))
    if not wavs:
        sys.stderr.write(f"{args.shared}: no data/fsdd/wav there; --shared names the folder\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "bin/scp2jsonl")]
        module = [args.peer, "-m", "funasr.datasets.audio_datasets.scp2jsonl"]
        all_entries = make_lists(Path(folder), wavs, args.entries)
        same_entries = make_lists(Path(folder), wavs, args.peer_entries)
        has_peer = Path(args.peer).exists()
        if not has_peer:
            print(f"ABSENT: FunASR: {args.peer} does not exist; nothing to compare with")
        seconds: list[float] = []
        ratios: list[float] = []
        for number in range(1, args.rounds + 1):
            seconds.append(run(command + all_entries, args.entries))
            line = f"round {number}: ours {args.entries} entries in {seconds[-1]:.1f} s"
            if has_peer:
                ours, other = (run(argv + same_entries, args.peer_entries) for argv in (command, module))
                ratios.append(other / ours)
                line += (
                    f"; {args.peer_entries} entries: ours {ours:.2f} s, FunASR {other:.1f} s, ratio {ratios[-1]:.0f}"
                )
            print(line, flush=True)
        print(f"median: {statistics.median(seconds):.1f} s for {args.entries} entries")
        if ratios:
            print(f"FunASR's time / ours on {args.peer_entries} entries: {statistics.median(ratios):.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
