"""Real-time factor of a recogniser beside FunASR's: the same directory, audio and threads, in alternating rounds.

    python tests/bench/make_models.py /tmp/models          # once: real-size directories with random weights
    python tests/bench/recognizers.py /tmp/models/paraformer-large [--peer .peer/venv/bin/python] [--rounds 5]

Each side is a process that loads the model once and is then asked for one pass over 40 crops of 3 to 15 s after the
other. A side is DTYPE:BATCH for us, peer:BATCH for FunASR; peer8 is FunASR's model under torch's dynamic int8. Printed
are the medians of time / audio by the clock and by the processor, and how many texts are those of the first side.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIDES = ("fp32:1", "fp32:4", "fp32:16", "bf16:4", "int8:4", "peer:1", "peer:14", "peer8:1")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--crops", type=int, default=40)
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args)
        return 0
    sides = {name: Side(name, args) for name in args.sides.split(",")}
    for name, side in sides.items():
        sys.stderr.write(f"{name}: loaded in {side.load_s:.1f} s\n")
    rates = []
    for index in range(args.rounds):
        for side in sides.values():
            side.run()
        rates.append(gemm_rate(args.threads))
        sys.stderr.write(
            f"round {index + 1}: " + " ".join(f"{s.name} {s.clock[-1]:.4f}" for s in sides.values()) + "\n"
        )
    texts = next(iter(sides.values())).texts
    peers = [statistics.median(side.clock) for name, side in sides.items() if name.startswith("peer:")]
    print(f"{args.model.name}, {args.threads} threads, GEMM {min(rates):.0f} to {max(rates):.0f} GFLOP/s")
    print("side      clock    cpu      peak MB  same text  FunASR's best / this")
    for side in sides.values():
        clock = statistics.median(side.clock)
        same = sum(one == other for one, other in zip(side.texts, texts, strict=True))
        gain = f"{min(peers) / clock:.2f}" if peers else "-"
        cpu = statistics.median(side.cpu)
        print(f"{side.name:9} {clock:.4f}   {cpu:.4f}   {side.peak_mb:7.0f}  {same} of {len(texts)}   {gain}")
    for side in sides.values():
        side.close()
    return 0


class Side:
    """A process that recognises all crops when asked."""

    def __init__(self, name: str, args: argparse.Namespace):
        self.name, self.clock, self.cpu, self.texts, self.peak_mb = name, [], [], [], 0.0
        python = args.peer if name.startswith("peer") else sys.executable
        command = [python, sys.argv[0], str(args.model.resolve()), "--serve", name, "--threads", str(args.threads)]
        command += ["--crops", str(args.crops), "--shared", str(args.shared), *getattr(args, "more", ())]
        environment = {
            key: value for key, value in os.environ.items() if not name.startswith("peer") or key != "PYTHONPATH"
        }
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.load_s = self._read()["load_s"]

    def run(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self._read()
        self.clock.append(answer["clock"])
        self.cpu.append(answer["cpu"])
        self.texts, self.peak_mb = answer["texts"], answer["peak_mb"]

    def _read(self) -> dict:
        while True:  # FunASR prints on stdout too
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"{self.name}: its process ended")
            if line.startswith("{"):
                return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve(args: argparse.Namespace) -> None:
    started = time.perf_counter()
    kind, _, batch = args.serve.partition(":")
    recognize = (peer if kind.startswith("peer") else ours)(args.model, kind, int(batch), args.threads)
    answer_rounds(recognize, args, started)


def answer_rounds(recognize, args: argparse.Namespace, started: float) -> None:
    answer({"load_s": time.perf_counter() - started})
    audio = recordings(args)
    seconds = sum(len(one) for one in audio) / 16000
    recognize(audio[:2])
    for _ in sys.stdin:
        clock, cpu = time.perf_counter(), time.process_time()
        texts = recognize(audio)
        clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer({"clock": clock / seconds, "cpu": cpu / seconds, "texts": texts, "peak_mb": peak})


def answer(content: dict) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def recordings(args: argparse.Namespace) -> list:
    import numpy as np

    cached = args.model / f"crops{args.crops}.npz"
    if not cached.exists():  # made by our side, which has the readers
        sys.path.insert(0, str(Path(__file__).parent))
        from crops import crops

        found = crops(args.shared / "data" / "speech", args.crops)
        with open(cached.with_suffix(f".{os.getpid()}"), "wb") as file:
            np.savez(file, **{f"{index:03d}": one for index, one in enumerate(found)})
        os.replace(cached.with_suffix(f".{os.getpid()}"), cached)
    with np.load(cached) as stored:
        return [stored[key] for key in sorted(stored)]


def ours(model: Path, kind: str, batch: int, threads: int):
    from asrtools import AutoModel

    recognizer = AutoModel(model=str(model), device="cpu", ncpu=threads, dtype=kind)

    def recognize(audio: list) -> list[str]:
        return [one["text"] for one in recognizer.generate(input=audio, batch_size=batch)]

    return recognize


def peer(model: Path, kind: str, batch: int, threads: int):
    import torch
    from funasr import AutoModel

    recognizer = AutoModel(model=str(model), device="cpu", ncpu=threads, disable_update=True, disable_pbar=True)
    if kind == "peer8":
        recognizer.model = torch.ao.quantization.quantize_dynamic(recognizer.model, {torch.nn.Linear}, torch.qint8)

    def recognize(audio: list) -> list[str]:
        results = recognizer.generate(input=audio, batch_size=batch)
        return [one["text"] for one in results]

    return recognize


def gemm_rate(threads: int) -> float:
    """GFLOP/s of a float32 product, measured right after a round."""
    import torch

    torch.set_num_threads(threads)
    one, other = torch.randn(1024, 1024), torch.randn(1024, 1024)
    for _ in range(3):
        one @ other
    started = time.perf_counter()
    for _ in range(20):
        one @ other
    return 20 * 2 * 1024**3 / (time.perf_counter() - started) / 1e9


if __name__ == "__main__":
    sys.exit(main())
