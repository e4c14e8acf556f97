"""Speed of WavFrontend beside FunASR's, one thread each, on the same crops of real speech, in alternating rounds.

    python tests/bench/frontend.py [--peer .peer/venv/bin/python] [--rounds 5] [--shared ../shared]

Each contestant is a process of its own that stays up; in every round each of them does all crops once, one after the
other. Figures are seconds of audio per second (x real time); the ratio that counts is the median over rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
CROPS_S = (2, 4, 6, 8, 10, 15)  # lengths of the crops; what is left over of a file is not used
BATCH = 8
CONTESTANTS = {
    "ours": "asrtools WavFrontend (numpy)",
    "peer": "FunASR WavFrontend",
    "knf": "kaldi-native-fbank, no LFR and CMVN",
    "torch": f"asrtools TorchFrontend, cpu, batches of {BATCH}",
}


def crops(shared: Path) -> list:
    """The same pieces of the recordings in shared/data/speech for every contestant, float32 at 16 kHz."""
    import soundfile

    pieces = []
    for path in sorted((shared / "data" / "speech").glob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32")
        if rate != 16000 or samples.ndim != 1:
            continue
        begin, turn = 0, 0
        while begin + rate * CROPS_S[turn] <= len(samples):
            pieces.append(samples[begin : begin + rate * CROPS_S[turn]].copy())
            begin += rate * CROPS_S[turn]
            turn = (turn + 1) % len(CROPS_S)
    return pieces


def make_ours(cmvn: Path, samples: list) -> Callable[[], list]:
    sys.path.insert(0, str(ROOT))
    from asrtools.features.frontend import WavFrontend

    frontend = WavFrontend(cmvn_file=cmvn, lfr_m=7, lfr_n=6)
    return lambda: [frontend(one) for one in samples]


def make_peer(cmvn: Path, samples: list) -> Callable[[], list]:
    import torch
    from funasr.frontends.wav_frontend import WavFrontend

    torch.set_num_threads(1)
    frontend = WavFrontend(cmvn_file=str(cmvn), lfr_m=7, lfr_n=6, dither=0.0)
    inputs = [(torch.from_numpy(one)[None], torch.tensor([len(one)])) for one in samples]
    return lambda: [frontend(*one)[0][0] for one in inputs]


def make_knf(cmvn: Path, samples: list) -> Callable[[], list]:
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 80
    options.energy_floor = 0.0
    scaled = [one * 32768 for one in samples]

    def compute() -> list:
        out = []
        for one in scaled:
            fbank = knf.OnlineFbank(options)
            fbank.accept_waveform(16000, one)
            fbank.input_finished()
            out.append([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])
        return out

    return compute


def make_torch(cmvn: Path, samples: list) -> Callable[[], list]:
    sys.path.insert(0, str(ROOT))
    import torch

    from asrtools.features.frontend import WavFrontend
    from asrtools.features.torch_fbank import TorchFrontend

    torch.set_num_threads(1)
    face = TorchFrontend(WavFrontend(cmvn_file=cmvn, lfr_m=7, lfr_n=6), "cpu")
    by_length = sorted(samples, key=len)
    batches = []
    for first in range(0, len(by_length), BATCH):
        group = [torch.from_numpy(one) for one in by_length[first : first + BATCH]]
        padded = torch.nn.utils.rnn.pad_sequence(group, batch_first=True)
        batches.append((padded, torch.tensor([len(one) for one in group])))
    return lambda: [face(*one) for one in batches]


def work(who: str, shared: Path, features: Path) -> None:
    """A contestant: a line about itself, then for every line on stdin one round, answered with its seconds."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what libraries print at import goes to stderr
    out = os.fdopen(answers, "w")

    def answer(**values: object) -> None:
        out.write(json.dumps(values) + "\n")
        out.flush()

    try:
        import numpy as np

        samples = crops(shared)
        cmvn = shared / "oracle" / "frontend" / "am.mvn"
        compute = {"ours": make_ours, "peer": make_peer, "knf": make_knf, "torch": make_torch}[who](cmvn, samples)
        first = compute()  # also the warm-up
    except (ImportError, OSError) as error:
        answer(absent=f"{type(error).__name__}: {error}".splitlines()[0])
        return
    if who in ("ours", "peer"):
        np.savez(features, *[np.asarray(one) for one in first])
    a, b = np.ones((2, 1024, 1024), dtype=np.float32)
    a @ b
    answer(audio=sum(map(len, samples)) / 16000, crops=len(samples))
    for _ in sys.stdin:
        started = time.perf_counter()
        compute()
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        a @ b
        answer(seconds=seconds, gflops=2 * 1024**3 / (time.perf_counter() - started) / 1e9)


class Contestant:
    """A running worker."""

    def __init__(self, who: str, python: str, shared: Path, features: Path):
        command = [python, __file__, "--worker", who, "--shared", str(shared), "--features", str(features)]
        self.who = who
        self.features = features
        self.rates: list[float] = []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
        )
        self.about = self.ask(None)

    def ask(self, line: str | None) -> dict:
        if line is not None:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else {"absent": f"it ended with code {self.process.wait()}"}

    def round(self) -> str:
        answer = self.ask("round\n")
        if "seconds" not in answer:
            raise SystemExit(f"{CONTESTANTS[self.who]}: {answer['absent']}")
        self.rates.append(self.about["audio"] / answer["seconds"])
        return f"{self.rates[-1]:>8.0f} ({answer['gflops']:>3.0f})"

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def greatest_difference(one: Path, other: Path) -> float:
    import numpy as np

    with np.load(one) as ours, np.load(other) as theirs:
        return max(float(np.abs(ours[key] - theirs[key]).max()) for key in ours.files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--peer", default=str(ROOT / ".peer/venv/bin/python"), help="python of an environment with funasr"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shared", type=Path, default=os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    parser.add_argument("--worker", choices=list(CONTESTANTS), help=argparse.SUPPRESS)
    parser.add_argument("--features", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.shared, args.features)
        return 0
    if not (args.shared / "data" / "speech").is_dir():
        sys.stderr.write(f"{args.shared}: no data/speech there; --shared names the folder with oracle/ and data/\n")
        return 1

    with tempfile.TemporaryDirectory() as folder:
        running = []
        for who in CONTESTANTS:
            python = args.peer if who == "peer" else sys.executable
            if who == "peer" and not Path(python).exists():
                print(f"ABSENT: {CONTESTANTS[who]}: {python} does not exist; nothing to compare with")
                continue
            contestant = Contestant(who, python, args.shared, Path(folder) / f"{who}.npz")
            if "absent" in contestant.about:
                print(f"ABSENT: {CONTESTANTS[who]}: {contestant.about['absent']}")
                contestant.close()
            else:
                running.append(contestant)
        about = running[0].about
        print(f"{about['crops']} crops, {about['audio']:.0f} s of speech, 80 mels, LFR 7/6, CMVN, one thread each")
        print("x real time (GFLOP/s of a 1024 x 1024 float32 product right after it)")
        print("round  " + "  ".join(f"{one.who:>14}" for one in running))
        for number in range(1, args.rounds + 1):
            print(f"{number:>5}  " + "  ".join(one.round() for one in running), flush=True)
        print("median " + "  ".join(f"{statistics.median(one.rates):>8.0f}      " for one in running))
        by_name = {one.who: one for one in running}
        if {"ours", "peer"} <= set(by_name):
            ours, peer = by_name["ours"], by_name["peer"]
            ratios = [a / b for a, b in zip(ours.rates, peer.rates, strict=True)]
            listed = " ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"ours / FunASR: {statistics.median(ratios):.2f} (rounds: {listed})")
            print(f"greatest difference of a feature: {greatest_difference(ours.features, peer.features):.1e}")
        for one in running:
            one.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
