"""Training steps of the AISHELL Paraformer beside FunASR's, same sizes, batches and optimiser, in alternating rounds.

    python tests/bench/train.py [--peer .peer/venv/bin/python] [--rounds 3] [--threads 2] [--dtypes fp32,bf16]

A step is forward, backward, clipping and Adam, as both trainers have them. Printed are the best frames (of 10 ms) a
second by the clock and by the processor, and how long each of ours takes for what.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from asrtools import config as configuration
from asrtools.build import build_network
from asrtools.train.dropout import use_bits
from asrtools.train.optim import build_optimizer

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "egs/aishell/conf/paraformer_conformer_12e_6d_2048_256.yaml"
NUM_MELS, VOCAB_SIZE = 80, 4233
DTYPES = {"bf16": torch.bfloat16}

PEER = """
import json, sys, time
import torch
import funasr.models.conformer.encoder, funasr.models.paraformer.decoder, funasr.models.paraformer.cif_predictor
from funasr.models.paraformer.model import Paraformer
folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
config, batches = json.load(open(folder + "/config.json")), torch.load(folder + "/batches.pt")
torch.manual_seed(0)
network = Paraformer(**{**config["model_conf"], **config}, input_size=80, vocab_size=4233).train()
optimizer = torch.optim.Adam(network.parameters(), lr=5e-4)
for line in sys.stdin:
    dtype = line.strip()
    began = time.perf_counter(), time.process_time()
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
            loss, stats, weight = network(**batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), max_norm=5, norm_type=2)
        if torch.isfinite(norm):
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    spent = time.perf_counter() - began[0], time.process_time() - began[1]
    print("RESULT " + json.dumps(spent), flush=True)
"""


def make_batches(num: int, size: int) -> list[dict[str, torch.Tensor]]:
    """Noise of the lengths of AISHELL: 4.5 s and 14 characters in the mean, utterances of like length together."""
    draw = torch.Generator().manual_seed(0)
    batches = []
    for index in range(num):
        middle = 450 + 60 * (index - (num - 1) // 2)
        lens = middle + torch.randint(-25, 26, (size,), generator=draw)
        counts = (lens // 32).clamp(min=2)
        speech = torch.randn(size, int(lens.max()), NUM_MELS, generator=draw)
        text = torch.randint(3, VOCAB_SIZE - 1, (size, int(counts.max())), generator=draw)
        text[torch.arange(text.shape[1]) >= counts[:, None]] = -1
        batches.append({"speech": speech, "speech_lengths": lens, "text": text, "text_lengths": counts})
    return batches


class Ours:
    def __init__(self, config: configuration.Config):
        torch.manual_seed(0)
        self.network = use_bits(build_network(config, NUM_MELS, VOCAB_SIZE)).train()
        self.optimizer = build_optimizer(config, self.network.parameters())

    def round(self, batches: list[dict[str, torch.Tensor]], dtype: str) -> tuple[float, float, dict[str, float]]:
        spent = dict.fromkeys(("forward", "backward", "optimiser"), 0.0)
        began = time.perf_counter(), time.process_time()
        for batch in batches:
            marks = [time.perf_counter()]
            with torch.autocast("cpu", DTYPES.get(dtype), enabled=dtype != "fp32"):
                loss, _, _ = self.network(**batch)
            marks.append(time.perf_counter())
            loss.backward()
            marks.append(time.perf_counter())
            norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            if torch.isfinite(norm):
                self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            marks.append(time.perf_counter())
            for name, begin, end in zip(spent, marks, marks[1:], strict=False):
                spent[name] += end - begin
        return time.perf_counter() - began[0], time.process_time() - began[1], spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--dtypes", default="fp32,bf16")
    parser.add_argument("--config", type=Path, default=CONFIG)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = configuration.load(args.config, {"specaug": None, "normalize": None})
    batches = make_batches(args.batches, args.batch_size)
    frames = sum(int(batch["speech_lengths"].sum()) for batch in batches)
    computed = sum(batch["speech"].shape[0] * batch["speech"].shape[1] for batch in batches)
    own = Ours(config)
    best: dict[str, list[float]] = {}
    parts: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config.values))
        torch.save(batches, Path(folder) / "batches.pt")
        peer = subprocess.Popen(
            [args.peer, "-c", PEER, folder, str(args.threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
        )
        for number in range(args.rounds + 1):  # the first is for warming up
            for dtype in args.dtypes.split(","):
                print(dtype, file=peer.stdin, flush=True)
                line = next((line for line in peer.stdout if line.startswith("RESULT ")), None)
                if line is None:
                    sys.exit(f"{args.peer}: FunASR did not run there")
                theirs = json.loads(line.removeprefix("RESULT "))[:2]
                mine = own.round(batches, dtype)
                for name, found in ((f"FunASR {dtype}", theirs), (f"asrtools {dtype}", mine)):
                    if number:
                        before = best.get(name, [0.0, 0.0])
                        best[name] = [max(old, frames / new) for old, new in zip(before, found, strict=False)]
                parts[dtype] = mine[2]
                sys.stderr.write(f"round {number} {dtype}: {theirs[0]:.2f} s and {mine[0]:.2f} s\n")
        peer.stdin.close()
        peer.wait()
    print(f"{frames} frames a round, {100 * (computed / frames - 1):.1f} % padding, {args.threads} threads")
    print(
        yaml.safe_dump({f"asrtools {name}, s": {k: round(v, 3) for k, v in one.items()} for name, one in parts.items()})
    )
    print("frames a second     clock      cpu    clock x FunASR fp32   cpu x")
    base = best[f"FunASR {args.dtypes.split(',')[0]}"]
    for name, (clock, cpu) in best.items():
        print(f"{name:16s} {clock:8.0f} {cpu:8.0f}    {clock / base[0]:8.2f} {cpu / base[1]:14.2f}")


if __name__ == "__main__":
    main()
