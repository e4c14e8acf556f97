"""Voice activity detection beside FunASR's, on the same weights, audio and threads, in alternating rounds.

    python tests/bench/vad.py [--peer .peer/venv/bin/python] [--rounds 5] [--threads 2] [--shared ../shared]

Each side is a process that loads the model once. Timed are a recording of five minutes in one call, and the same model
on a stream of 60 ms packets, a call for each. Then both cut the meetings of data/ami, and `score --der` tells what each
misses and what it takes for speech (the reference: whenever anybody speaks). FunASR runs with dynamic_silence=False,
that is by its config, as we do; its segments of both must be ours.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKET_MS = 60
REPEATS = 4  # of the recording of 70 s, for the call on a whole one
STREAM_S = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    parser.add_argument("--serve", choices=["ours", "peer"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args)
        return
    sides = {name: Side(name, args) for name in ("ours", "peer")}
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for index in range(args.rounds):
        for task in ("offline", "stream"):
            for name, side in sides.items():
                answer = side.ask(task)
                times.setdefault((task, name), []).append((answer["wall"], answer["cpu"]))
                side.segments[task] = answer["segments"]
        sys.stderr.write(
            f"round {index + 1}: " + " ".join(f"{k[0]} {k[1]} {v[-1][0]:.5f}" for k, v in times.items()) + "\n"
        )
    print(f"{args.threads} threads; median (and every round)")
    for task, unit in (("offline", "of the audio's time"), ("stream", f"ms a call of {PACKET_MS} ms")):
        for column, what in ((0, "clock"), (1, "processor")):
            by_side = {name: [one[column] for one in times[task, name]] for name in sides}
            for name, values in by_side.items():
                print(f"{task}, {name}: {_shown(values, 5)} {unit} by the {what}")
            ratios = [theirs / mine for mine, theirs in zip(by_side["ours"], by_side["peer"], strict=True)]
            print(f"{task}, FunASR / ours: {_shown(ratios, 2)} by the {what}")
        print(f"{task}: the same segments: {sides['ours'].segments[task] == sides['peer'].segments[task]}")
    meetings(sides, args.shared)
    for side in sides.values():
        side.process.stdin.close()
        side.process.wait()


def _shown(values: list[float], digits: int) -> str:
    every = " ".join(f"{value:.{digits}f}" for value in values)
    return f"{statistics.median(values):.{digits}f} ({every})"


class Side:
    def __init__(self, name: str, args: argparse.Namespace):
        python = sys.executable if name == "ours" else args.peer
        argv = [python, __file__, "--serve", name, "--threads", str(args.threads), "--shared", str(args.shared)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads), "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.segments: dict[str, list] = {}
        self.ask("offline")  # warms up

    def ask(self, task: str) -> dict:
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def serve(args: argparse.Namespace) -> None:
    import numpy as np
    import soundfile

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # FunASR prints
    speech = soundfile.read(args.shared / "data/speech/vad_example.wav", dtype="float32")[0]
    long, size = np.tile(speech, REPEATS), PACKET_MS * 16
    packets = np.split(speech[: STREAM_S * 16000], range(size, STREAM_S * 16000, size))
    whole, stream = (ours if args.serve == "ours" else peer)(args.shared / "models/fsmn-vad", args.threads)
    for line in sys.stdin:
        task = line.strip()
        wall, cpu = time.perf_counter(), time.process_time()
        segments = whole(long) if task == "offline" else stream(packets) if task == "stream" else None
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if segments is None:
            segments = whole(soundfile.read(task, dtype="float32")[0])
        scale = len(packets) / 1000 if task == "stream" else len(long) / 16000
        answers.write(json.dumps({"wall": wall / scale, "cpu": cpu / scale, "segments": segments}) + "\n")
        answers.flush()


def ours(model: Path, threads: int) -> tuple:
    sys.path.insert(0, str(ROOT))
    import numpy as np

    from asrtools.tasks.segment import open_segmenter, pair_events

    segmenter = open_segmenter(model, device="cpu", num_threads=threads)

    def stream(packets: list) -> list:
        heard = segmenter.start(PACKET_MS)
        events = [event for packet in packets for event in heard.accept(packet)]
        return pair_events(events + heard.accept(np.zeros(0, dtype=np.float32), is_final=True))

    return segmenter.segments, stream


def peer(model: Path, threads: int) -> tuple:
    from funasr import AutoModel

    quiet = {"disable_update": True, "disable_pbar": True, "disable_log": True}
    vad = AutoModel(model=str(model), device="cpu", ncpu=threads, **quiet)

    def stream(packets: list) -> list:
        cache: dict = {}
        times: list = []
        for index, packet in enumerate(packets):
            is_final = index == len(packets) - 1
            found = vad.generate(
                input=packet, cache=cache, is_final=is_final, chunk_size=PACKET_MS, dynamic_silence=False
            )
            times += [time for pair in found[0]["value"] for time in pair if time >= 0]
        return [times[i : i + 2] for i in range(0, len(times), 2)]

    return lambda samples: vad.generate(input=samples, dynamic_silence=False)[0]["value"], stream


def meetings(sides: dict[str, Side], shared: Path) -> None:
    """What either side misses and adds on data/ami."""
    wavs = sorted((shared / "data/ami/wav").glob("*.wav"))
    with tempfile.TemporaryDirectory() as folder:
        spoken: dict[str, list] = {}
        for line in (shared / "data/ami/ref.rttm").read_text().splitlines():
            _, name, _, start, length, *_ = line.split()
            spoken.setdefault(name, []).append((float(start), float(start) + float(length)))
        reference = Path(folder) / "ref.rttm"
        reference.write_text("".join(_rttm(name, _union(spans)) for name, spans in sorted(spoken.items())))
        for name, side in sides.items():
            found = {wav.stem: [(b / 1000, e / 1000) for b, e in side.ask(str(wav))["segments"]] for wav in wavs}
            hypothesis = Path(folder) / f"{name}.rttm"
            hypothesis.write_text("".join(_rttm(key, spans) for key, spans in found.items()))
            argv = [sys.executable, str(ROOT / "bin/score"), "--der", "--uem", str(shared / "data/ami/all.uem")]
            done = subprocess.run([*argv, str(reference), str(hypothesis)], capture_output=True, text=True, check=False)
            print(f"ami, {name}:\n{done.stdout}{done.stderr}")


def _union(spans: list) -> list:
    merged: list = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _rttm(name: str, spans: list) -> str:
    return "".join(f"SPEAKER {name} 1 {b:.3f} {e - b:.3f} <NA> <NA> speech <NA> <NA>\n" for b, e in spans)


if __name__ == "__main__":
    main()
