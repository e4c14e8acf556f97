"""Time of a chunk of a streaming recogniser beside FunASR's: the same directory, audio and threads, alternating rounds.

    python tests/bench/make_models.py /tmp/models --only paraformer-large-online     # once: real size, random weights
    python tests/bench/streaming.py /tmp/models/paraformer-large-online [--peer .peer/venv/bin/python] [--rounds 5]

Each side is a process that loads the model once and then, whenever it is asked, hears the same speech in chunks of 600
ms with a look-back of 4 and 1 chunks; the first 6 chunks of a stream are not timed. A side is DTYPE:STREAMS for us, so
many streams advanced as one batch, and peer for FunASR, which has no batches. Printed are time / streams of a chunk,
the medians over all rounds by the clock and by the processor and the best by the processor, and how many streams have
the text of the first side with as many streams or more. The features of a chunk are counted in on both sides.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIDES = ("fp32:1", "fp32:8", "bf16:1", "bf16:8", "int8:1", "int8:8", "peer")
STRIDE = 9600
UNTIMED = 6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chunks", type=int, default=14, help="timed, a stream and round")
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args)
        return 0
    sides = [Side(name, args) for name in args.sides.split(",")]
    for index in range(args.rounds):
        for side in sides:
            side.run()
        shown = " ".join(f"{side.name} {statistics.median(side.cpu):.1f}" for side in sides)
        sys.stderr.write(f"round {index + 1}, ms of processor time so far: {shown}\n")
    peers = [(statistics.median(side.cpu), min(side.cpu)) for side in sides if side.name == "peer"]
    print(f"{args.model.name}, {args.threads} threads, ms for a chunk of 600 ms of one stream")
    print("side      clock      cpu     best  rtf     same text  FunASR's cpu / this, by medians and best")
    most = max(sides, key=lambda side: len(side.texts)).texts
    for side in sides:
        clock, cpu = statistics.median(side.clock), statistics.median(side.cpu)
        same = sum(one == other for one, other in zip(side.texts, most, strict=False))
        best = min(side.cpu)
        gain = f"{peers[0][0] / cpu:.2f}  {peers[0][1] / best:.2f}" if peers else "-"
        rtf = f"{clock / 600:.4f}"
        print(f"{side.name:9} {clock:7.1f}  {cpu:7.1f}  {best:7.1f}  {rtf}  {same} of {len(side.texts)}     {gain}")
        side.close()
    return 0


class Side:
    """A process that hears the streams when asked."""

    def __init__(self, name: str, args: argparse.Namespace):
        self.name, self.clock, self.cpu, self.texts = name, [], [], []
        python = args.peer if name == "peer" else sys.executable
        command = [python, __file__, str(args.model.resolve()), "--serve", name, "--threads", str(args.threads)]
        command += ["--chunks", str(args.chunks), "--shared", str(args.shared)]
        environment = {key: value for key, value in os.environ.items() if name != "peer" or key != "PYTHONPATH"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def run(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).startswith("{"):  # FunASR prints on stdout too
            if not line:
                raise SystemExit(f"{self.name}: its process ended")
        answer = json.loads(line)
        self.clock += answer["clock"]
        self.cpu += answer["cpu"]
        self.texts = answer["texts"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve(args: argparse.Namespace) -> None:
    kind, _, count = args.serve.partition(":")
    num_streams = int(count or 1)
    open_streams = peer(args) if kind == "peer" else ours(args, kind)
    audio = speech(args, num_streams)
    for _ in sys.stdin:
        advance = open_streams(num_streams)
        clock, cpu, texts = [], [], [""] * num_streams
        for index in range(UNTIMED + args.chunks):
            packets = [one[index * STRIDE : (index + 1) * STRIDE] for one in audio]
            started, spent = time.perf_counter(), time.process_time()
            found = advance(packets)
            clock.append(1000 * (time.perf_counter() - started) / num_streams)
            cpu.append(1000 * (time.process_time() - spent) / num_streams)
            texts = [one + more for one, more in zip(texts, found, strict=True)]
        sys.stdout.write(json.dumps({"clock": clock[UNTIMED:], "cpu": cpu[UNTIMED:], "texts": texts}) + "\n")
        sys.stdout.flush()


def speech(args: argparse.Namespace, num_streams: int) -> list:
    """Stretches of one recording, a second from one to the next."""
    import soundfile

    samples, rate = soundfile.read(args.shared / "oracle/wavs/vad_example.wav", dtype="float32")
    length = (UNTIMED + args.chunks) * STRIDE
    return [samples[index * rate : index * rate + length] for index in range(num_streams)]


def ours(args: argparse.Namespace, dtype: str):
    from asrtools.tasks.recognition import open_recognition
    from asrtools.tasks.stream import RecognitionStream, chunk_options

    opened = open_recognition(args.model, device="cpu", num_threads=args.threads, dtype=dtype)
    options = chunk_options([0, 10, 5], 4, 1)
    network, model = opened.stream_network, opened.model

    def open_streams(num_streams: int):
        streams = [RecognitionStream(network, model.frontend, options) for _ in range(num_streams)]

        def advance(packets: list) -> list[str]:
            for stream, packet in zip(streams, packets, strict=True):
                stream.push(packet)
            found = network.advance([stream.pop() for stream in streams])
            return ["".join(model.tokenizer.ids2tokens(one.ids)) for one in found]

        return advance

    return open_streams


def peer(args: argparse.Namespace):
    from funasr import AutoModel

    model = AutoModel(model=str(args.model), device="cpu", ncpu=args.threads, disable_update=True, disable_pbar=True)
    how = {"chunk_size": [0, 10, 5], "encoder_chunk_look_back": 4, "decoder_chunk_look_back": 1}

    def open_streams(num_streams: int):
        cache: dict = {}

        def advance(packets: list) -> list[str]:
            found = model.generate(input=packets[0], cache=cache, is_final=False, disable_pbar=True, **how)
            return [found[0]["text"]]

        return advance

    return open_streams


if __name__ == "__main__":
    sys.exit(main())
