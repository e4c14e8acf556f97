"""Real-time factor of an int8 export through our runtime beside funasr-onnx on FunASR's own int8 export.

    python tests/bench/make_models.py /tmp/models
    asrtools export --model /tmp/models/paraformer-large --quantize int8 --output-dir /tmp/models/ours
    python tests/bench/onnx.py /tmp/models/ours --theirs DIR [--peer .peer/venv/bin/python] [--rounds 3]

DIR holds what FunASR's own export(quantize=True) wrote. A side is ours:BATCH; peer:BATCH, which is funasr-onnx on
DIR; or peer-ours:BATCH, funasr-onnx on our file. Each is a process that loads its model once and is then asked for
one pass over the crops after the other, in alternating rounds. Ours goes through what decode runs: features, batches,
text; theirs is handed samples too. Printed are the median of time / audio by the clock and the best by the processor.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from recognizers import ROOT, Side, answer_rounds, gemm_rate, ours

SIDES = "ours:1,ours:16,peer:1,peer:8,peer-ours:1"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--theirs", type=Path, required=True)
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--crops", type=int, default=20)
    parser.add_argument("--sides", default=SIDES)
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args)
        return 0
    args.more = ["--theirs", str(args.theirs.resolve())]
    sides = {name: Side(name, args) for name in args.sides.split(",")}
    rates = []
    for index in range(args.rounds):
        for side in sides.values():
            side.run()
        rates.append(gemm_rate(args.threads))
        told = " ".join(f"{name} {side.clock[-1]:.4f}" for name, side in sides.items())
        sys.stderr.write(f"round {index + 1}: {told}\n")
    peers = [statistics.median(side.clock) for name, side in sides.items() if name.startswith("peer:")]
    best_cpu = min(min(side.cpu) for name, side in sides.items() if name.startswith("peer:"))
    print(f"{args.threads} threads, GEMM {min(rates):.0f} to {max(rates):.0f} GFLOP/s")
    print("side         clock    cpu (best)  peak MB  funasr-onnx's best / this by the clock, by the processor")
    for name, side in sides.items():
        clock, cpu = statistics.median(side.clock), min(side.cpu)
        gains = f"{min(peers) / clock:.2f}  {best_cpu / cpu:.2f}"
        print(f"{name:12} {clock:.4f}   {cpu:.4f}     {side.peak_mb:7.0f}  {gains}")
        side.close()
    return 0


def serve(args: argparse.Namespace) -> None:
    started = time.perf_counter()
    kind, _, batch = args.serve.partition(":")
    if kind == "ours":
        recognize = ours(args.model, "int8", int(batch), args.threads)
    else:
        recognize = funasr_onnx(args.model if kind == "peer-ours" else args.theirs, int(batch), args.threads)
    answer_rounds(recognize, args, started)


def funasr_onnx(model: Path, batch: int, threads: int):
    from funasr_onnx import Paraformer

    recognizer = Paraformer(str(model), batch_size=batch, quantize=True, intra_op_num_threads=threads)

    recognizer.load_data = lambda audio, fs=None: audio  # samples; it reads files otherwise

    def recognize(audio: list) -> list[str]:
        return [one["preds"][0] for one in recognizer(audio)]

    return recognize


if __name__ == "__main__":
    sys.exit(main())
