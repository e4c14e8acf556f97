"""Voice activity, recognition, punctuation and speakers in one call on long recordings, beside FunASR's.

    python tests/bench/pipeline.py MODELS [--peer .peer/venv/bin/python] [--minutes 5] [--rounds 3] [--sides ...]
    python tests/bench/pipeline.py MODELS --growth 10,60,180 [--sides fp32]

MODELS holds paraformer-large as make_models.py makes it; punctuation (large) and speaker models of the published size
are drawn beside it once. The voice activity model is the published one of the shared folder. The recording is crops of
real speech with pauses between them. Each side is a process that has loaded its models and is asked in turn. With
`--growth` only we are asked, a process for each length, and the peak of its memory is printed.
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
RATE = 16000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path)
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sides", default="fp32,bf16,int8,peer")
    parser.add_argument("--growth", default="", help="minutes of the recordings, one after another, ours only")
    parser.add_argument("--asr", default="paraformer-large", help="the recogniser's directory in MODELS")
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args)
        return 0
    make_missing(args.models)
    if args.growth:
        return grow(args)
    wav = recording(args, args.minutes)
    sides = {name: Side(name, args) for name in args.sides.split(",")}
    for index in range(args.rounds):
        for side in sides.values():
            side.run(wav)
        told = " ".join(f"{name} {side.clock[-1]:.4f}" for name, side in sides.items())
        sys.stderr.write(f"round {index + 1}: {told}; GEMM {gemm_rate(args.threads):.0f} GFLOP/s\n")
    base = statistics.median(sides["peer"].clock) if "peer" in sides else None
    print(f"{args.minutes:g} minutes, {args.threads} threads: time / audio, medians of {args.rounds} rounds")
    print("side   clock    processor  peak MB  characters  sentences  FunASR / this")
    for name, side in sides.items():
        clock = statistics.median(side.clock)
        gain = f"{base / clock:.2f}" if base else "-"
        answer = side.answer
        print(
            f"{name:6} {clock:.4f}   {statistics.median(side.cpu):.4f}     {answer['peak_mb']:7.0f}  "
            f"{answer['characters']:10}  {answer['sentences']:9}  {gain}"
        )
        side.close()
    return 0


def grow(args: argparse.Namespace) -> int:
    print(f"{args.threads} threads, {args.sides}: a process for each length")
    print("minutes  seconds  time / audio  peak MB  characters  speakers")
    for minutes in (float(part) for part in args.growth.split(",")):
        wav = recording(args, minutes)
        side = Side(args.sides, args)
        side.run(wav)
        answer, spent = side.answer, side.clock[-1]
        print(
            f"{minutes:7g}  {spent * minutes * 60:7.1f}  {spent:12.4f}  {answer['peak_mb']:7.0f}  "
            f"{answer['characters']:10}  {answer['speakers']:8}",
            flush=True,
        )
        side.close()
    return 0


class Side:
    """A process that has loaded the models and is given recordings."""

    def __init__(self, name: str, args: argparse.Namespace):
        python = args.peer if name == "peer" else sys.executable
        command = [python, __file__, str(args.models.resolve()), "--serve", name, "--threads", str(args.threads)]
        command += ["--asr", args.asr, "--shared", str(args.shared)]
        environment = {key: value for key, value in os.environ.items() if name != "peer" or key != "PYTHONPATH"}
        self.name, self.clock, self.cpu, self.answer = name, [], [], {}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self._read()

    def run(self, wav: Path) -> None:
        self.process.stdin.write(f"{wav}\n")
        self.process.stdin.flush()
        self.answer = self._read()
        self.clock.append(self.answer["clock"])
        self.cpu.append(self.answer["cpu"])

    def _read(self) -> dict:
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"{self.name}: its process ended")
            if line.startswith('{"'):
                return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve(args: argparse.Namespace) -> None:
    import soundfile

    names = {
        "model": str(args.models / args.asr),
        "vad_model": str(args.shared / "models" / "fsmn-vad"),
        "punc_model": str(args.models / "punc-large"),
        "spk_model": str(args.models / "campplus"),
    }
    if args.serve == "peer":
        from funasr import AutoModel

        quiet = {"disable_update": True, "disable_pbar": True}
        model = AutoModel(device="cpu", ncpu=args.threads, vad_kwargs={"max_end_silence_time": 800}, **names, **quiet)
        settings = {"max_end_silence_time": 800, "speech_noise_thres": 0.6}  # as ours: the published config's
    else:
        from asrtools import AutoModel

        model, settings = AutoModel(device="cpu", ncpu=args.threads, dtype=args.serve, **names), {}
    sys.stdout.write(json.dumps({"loaded": True}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        wav = line.strip()
        clock, cpu = time.perf_counter(), time.process_time()
        result = model.generate(input=wav, batch_size_s=300, **settings)[0]
        seconds = soundfile.info(wav).duration
        sentences = result.get("sentence_info") or []
        answer = {
            "clock": (time.perf_counter() - clock) / seconds,
            "cpu": (time.process_time() - cpu) / seconds,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "characters": len(result["text"]),
            "sentences": len(sentences),
            "speakers": len({one.get("spk") for one in sentences}),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def make_missing(models: Path) -> None:
    """Punctuation and speaker models of the published size."""
    sys.path.insert(0, str(Path(__file__).parent))
    from punc import make_model
    from speakers import drawn_model

    if not (models / "punc-large").exists():
        make_model(models / "punc-large", "large")
    if not (models / "campplus").exists():
        (models / "campplus").mkdir()
        drawn_model(models / "campplus")


def recording(args: argparse.Namespace, minutes: float) -> Path:
    """Crops of speech with pauses of half a second to two seconds; written once."""
    import numpy as np
    import soundfile
    from crops import crops

    path = args.models / f"recording{minutes:g}.wav"
    if path.exists():
        return path
    rng = np.random.default_rng(0)
    pieces = crops(args.shared / "data" / "speech", 40)
    temporary = path.with_suffix(".part")
    with soundfile.SoundFile(temporary, "w", RATE, 1, "PCM_16", format="WAV") as file:
        left = int(minutes * 60 * RATE)
        while left > 0:
            pause = rng.normal(0, 1e-4, int(rng.uniform(0.5, 2.0) * RATE)).astype(np.float32)
            piece = np.concatenate([pieces[int(rng.integers(len(pieces)))], pause])[:left]
            file.write(piece)
            left -= len(piece)
    temporary.replace(path)
    return path


def gemm_rate(threads: int) -> float:
    from recognizers import gemm_rate as measured

    return measured(threads)


if __name__ == "__main__":
    sys.exit(main())
