"""From the command typed to the first line of text, beside FunASR's `AutoModel`, in alternating rounds.

    python tests/bench/make_models.py /tmp/models          # once: real-size directories with random weights
    python tests/bench/first_line.py /tmp/models/paraformer-large [--peer .peer/venv/bin/python] [--rounds 5]

One file of 5 s. Every side is a new process each round, after one uncounted round that brings the model's file into the
page cache.
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
PEER = """
import sys
from funasr import AutoModel
model = AutoModel(model=sys.argv[1], device="cpu", ncpu=int(sys.argv[3]), disable_update=True, disable_pbar=True)
print("text", model.generate(input=sys.argv[2])[0]["text"], flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sides", default="fp32,bf16,int8,peer")
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wav, scp = f"{folder}/one.wav", Path(folder, "wav.scp")
        longest = max(crops(args.shared / "data/speech", 4), key=len)
        soundfile.write(wav, longest[: 5 * RATE], RATE)
        scp.write_text(f"one {wav}\n")
        took: dict[str, list[float]] = {side: [] for side in args.sides.split(",")}
        for index in range(args.rounds + 1):
            for side, times in took.items():
                seconds = first_line(command(side, args, wav, str(scp)), is_peer=side == "peer")
                if index:
                    times.append(seconds)
    peer = statistics.median(took["peer"]) if "peer" in took else None
    for side, times in took.items():
        median = statistics.median(times)
        ratio = "" if peer is None else f", FunASR / this {peer / median:.2f}"
        print(f"{side}: {median:.2f} s ({' '.join(f'{one:.2f}' for one in times)}){ratio}")


def command(side: str, args: argparse.Namespace, wav: str, scp: str) -> list[str]:
    if side == "peer":
        return [args.peer, "-c", PEER, str(args.model.resolve()), wav, str(args.threads)]
    options = ["--model", str(args.model.resolve()), "--dtype", side, "--ncpu", str(args.threads)]
    return [str(ROOT / "bin/decode"), *options, scp]


def first_line(command: list[str], is_peer: bool) -> float:
    """Seconds to the first line of the result; FunASR prints others before it."""
    environment = {key: value for key, value in os.environ.items() if not is_peer or key != "PYTHONPATH"}
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, cwd=ROOT
    )
    mark = "text " if is_peer else "one "
    seconds = next((time.monotonic() - began for line in process.stdout if line.startswith(mark)), None)
    process.stdout.read()
    if process.wait() or seconds is None:
        sys.exit(f"{command[0]}: gave no line of text")
    return seconds


if __name__ == "__main__":
    main()
