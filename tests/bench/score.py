"""Time of score beside FunASR's compute_wer.py on the same files, whole processes; time and memory of one long pair.

    python tests/bench/score.py [--peer .peer/compute_wer.py] [--peer-python .peer/venv/bin/python] [--pairs N]

The pairs have the lengths of AISHELL's test set (14.6 characters on average) and the error rate of a Paraformer on it,
in the spaced form that compute_wer.py wants: FunASR's examples/aishell/paraformer/utils/compute_wer.py, which runs
with the peer's Python and numpy. Both run on one core; processor time counts where others work too.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HAN = [chr(0x4E00 + n) for n in range(3000)]


def corrupted(units: list[str], rate: float, draw: random.Random) -> list[str]:
    """Substitutions, and a few deletions and insertions."""
    out: list[str] = []
    for unit in units:
        chance = draw.random() / rate
        if chance > 0.04:  # else it is deleted
            out.append(draw.choice(HAN) if chance < 0.96 else unit)
        if 0.96 <= chance < 1:
            out.append(draw.choice(HAN))
    return out


def write_pairs(folder: Path, lengths: list[int], rate: float) -> tuple[str, str]:
    draw = random.Random(0)
    ref, hyp = folder / f"ref.{len(lengths)}", folder / f"hyp.{len(lengths)}"
    with open(ref, "w", encoding="utf-8") as refs, open(hyp, "w", encoding="utf-8") as hyps:
        for number, length in enumerate(lengths):
            units = [draw.choice(HAN) for _ in range(length)]
            refs.write(f"BAC009S{number:08d} {' '.join(units)}\n")
            hyps.write(f"BAC009S{number:08d} {' '.join(corrupted(units, rate, draw))}\n")
    return str(ref), str(hyp)


class Cost(NamedTuple):
    wall_s: float
    cpu_s: float
    peak_mb: float


def cost_of(argv: list[str]) -> Cost:
    """Of the whole process."""
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(argv[:2])}: exit code {process.returncode}")
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def totals(path: Path) -> list[str]:
    """The last three lines of a text.cer, without the distribution of the errors over kinds, where ties are free."""
    wer, ser, scored = path.read_text(encoding="utf-8").splitlines()[-3:]
    return [wer.partition(",")[0], ser, scored]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=str(ROOT / ".peer/compute_wer.py"))
    parser.add_argument("--peer-python", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", type=int, default=50_000)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    has_peer = Path(args.peer).exists() and Path(args.peer_python).exists()
    if not has_peer:
        print(f"ABSENT: FunASR: {args.peer} or {args.peer_python} does not exist; nothing to compare with")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw = random.Random(1)
        lengths = [max(1, min(44, round(draw.gauss(14.6, 4)))) for _ in range(args.pairs)]
        ref, hyp = write_pairs(folder, lengths, 0.02)
        ours = [sys.executable, str(ROOT / "bin/score"), ref, hyp, str(folder / "ours")]
        theirs = [args.peer_python, args.peer, ref, hyp, str(folder / "theirs")]
        for number in range(1, args.rounds + 1):
            mine = cost_of(ours)
            line = f"round {number}: score {args.pairs} pairs in {mine.cpu_s:.2f} s ({mine.wall_s:.1f} s of the clock)"
            if has_peer:
                other = cost_of(theirs)
                line += f", compute_wer.py in {other.cpu_s:.1f} s ({other.wall_s:.1f} s)"
                line += f", ratio {other.cpu_s / mine.cpu_s:.1f} ({other.wall_s / mine.wall_s:.1f})"
                line += ", same totals" if totals(folder / "ours") == totals(folder / "theirs") else ", OTHER TOTALS"
            print(line, flush=True)
        for rate in (0.05, 0.3):
            ref, hyp = write_pairs(folder, [args.long], rate)
            mine = cost_of([sys.executable, str(ROOT / "bin/score"), ref, hyp, str(folder / "long")])
            found = (folder / "long").read_text(encoding="utf-8").splitlines()[-3]
            print(f"one pair of {args.long} units in {mine.cpu_s:.1f} s and {mine.peak_mb:.0f} MB: {found}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
