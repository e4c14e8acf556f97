"""How much of the machine `compute-fbank --nj N` turns into features: whole command against the frontend alone.

    python tests/bench/compute_fbank.py [--nj 2] [--rounds 5] [--hours 6] [--shared ../shared]

The list holds the recordings of shared/data/speech again and again under new keys. "frontend" is WavFrontend on samples
in memory, N processes at once, nothing read or written; the command reads wavs, writes feats.ark, feats.scp and
utt2num_frames, and its time counts from the start of Python to the end of the process. The last column is a plain copy
of the archive it wrote. All in alternating rounds.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

FRONTEND = """
import sys, time
import soundfile
from asrtools.features.frontend import WavFrontend
seconds, *paths = sys.argv[1:]
samples = [soundfile.read(path, dtype="float32")[0] for path in paths]
frontend = WavFrontend()
[frontend(one) for one in samples]
done, started = 0, time.perf_counter()
while done < float(seconds):
    for one in samples:
        frontend(one)
        done += len(one) / 16000
print(done / (time.perf_counter() - started))
"""


def frontend_rate(paths: list[Path], nj: int, seconds: float) -> float:
    argv = [sys.executable, "-c", FRONTEND, str(seconds / nj), *map(str, paths)]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) for _ in range(nj)]
    return sum(float(process.communicate()[0]) for process in running)


def command_seconds(listing: Path, out: Path, nj: int) -> float:
    argv = [sys.executable, str(ROOT / "bin/compute-fbank"), "--nj", str(nj), str(listing), str(out)]
    started = time.perf_counter()
    subprocess.run(argv, check=True, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nj", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hours", type=float, default=6)
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    args = parser.parse_args()
    import soundfile

    paths = sorted((args.shared / "data/speech").glob("*.wav"))
    if not paths:
        sys.stderr.write(f"{args.shared}: no data/speech there; --shared names the folder\n")
        return 1
    lengths = [soundfile.info(path).duration for path in paths]
    copies = round(args.hours * 3600 / sum(lengths))
    audio = copies * sum(lengths)
    with tempfile.TemporaryDirectory() as folder:
        listing, out = Path(folder) / "wav.scp", Path(folder) / "out"
        listing.write_text("".join(f"{path.stem}-{i} {path}\n" for i in range(copies) for path in paths))
        counts = sorted({1, args.nj})
        print(f"{copies * len(paths)} recordings, {audio / 3600:.1f} h; x real time (share of the frontend's own rate)")
        print(
            f"round  frontend x{args.nj}  "
            + "  ".join(f"compute-fbank --nj {nj}" for nj in counts)
            + "   copy of the ark"
        )
        shares: dict[int, list[float]] = {nj: [] for nj in counts}
        rates: dict[int, list[float]] = {nj: [] for nj in counts}
        for number in range(1, args.rounds + 1):
            alone = frontend_rate(paths, args.nj, audio / 4)
            cells = []
            for nj in counts:
                rates[nj].append(audio / command_seconds(listing, out, nj))
                shares[nj].append(rates[nj][-1] / (alone * nj / args.nj))
                cells.append(f"{rates[nj][-1]:>12.0f} ({shares[nj][-1]:>4.0%})")
            started = time.perf_counter()
            shutil.copy(out / "feats.ark", out / "copy")
            copy = (out / "copy").stat().st_size / (time.perf_counter() - started)
            (out / "copy").unlink()
            print(f"{number:>5}  {alone:>11.0f}  " + "  ".join(cells) + f"   {copy / 1e6:>6.0f} MB/s", flush=True)
        for nj in counts:
            rate, share = statistics.median(rates[nj]), statistics.median(shares[nj])
            print(f"median --nj {nj}: {rate:.0f} x real time, {share:.0%} of the frontend alone on as many cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
