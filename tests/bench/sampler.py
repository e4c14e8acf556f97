"""Padding of batches and the time to plan an epoch, beside FunASR's samplers on the same lengths.

    python tests/bench/sampler.py [--peer .peer/venv/bin/python] [--rows 120000] [--batch-size 25000]

Lengths are drawn as in AISHELL: 4.5 s in the mean, 1.2 to 14.5 s; no audio is read. One rank.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from asrtools.train.padding import padding_of
from asrtools.train.sampler import BatchSampler, EspnetStyleBatchSampler

ROOT = Path(__file__).resolve().parents[2]
CASES = (  # name, class, keywords
    ("BatchSampler, example, 64", "BatchSampler", {"batch_type": "example", "batch_size": 64}),
    ("BatchSampler, length, no sort_size", "BatchSampler", {"batch_type": "length"}),
    ("BatchSampler, length, sort_size 1024", "BatchSampler", {"batch_type": "length", "sort_size": 1024}),
    ("BatchSampler, token, sort_size 1024", "BatchSampler", {"batch_type": "token", "sort_size": 1024}),
    ("EspnetStyleBatchSampler, length", "EspnetStyleBatchSampler", {"batch_type": "length"}),
    ("EspnetStyleBatchSampler, token", "EspnetStyleBatchSampler", {"batch_type": "token"}),
)

PEER = """
import json, sys, time
from funasr.datasets.audio_datasets.samplers import CustomDistributedBatchSampler_fn
from funasr.datasets.audio_datasets.espnet_samplers import EspnetStyleBatchSampler_fn
lens, targets, cases, out = json.load(open(sys.argv[1]))
class Data:
    def __len__(self): return len(lens)
    def get_source_len(self, index): return lens[index]
    def get_target_len(self, index): return targets[index]
makers = {"BatchSampler": CustomDistributedBatchSampler_fn, "EspnetStyleBatchSampler": EspnetStyleBatchSampler_fn}
answers = []
for name, cls, keywords in cases:
    began = time.process_time()
    batches = list(makers[cls](Data(), **keywords)["batch_sampler"])
    answers.append([time.process_time() - began, batches])
json.dump(answers, open(out, "w"))
"""


class Data:
    def __init__(self, lens: np.ndarray, targets: np.ndarray):
        self.source_lens, self.target_lens = lens, targets

    def __len__(self) -> int:
        return len(self.source_lens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument("--batch-size", type=int, default=25_000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    lens = np.clip(rng.lognormal(np.log(430), 0.32, args.rows), 120, 1450).astype(int)
    data = Data(lens, (lens / 31).astype(int))
    cases = [(name, cls, {"batch_size": args.batch_size, **keywords}) for name, cls, keywords in CASES]
    theirs = peer_answers(args.peer, data, cases)
    classes = {"BatchSampler": BatchSampler, "EspnetStyleBatchSampler": EspnetStyleBatchSampler}
    for (name, cls, keywords), (their_time, their_batches) in zip(cases, theirs, strict=True):
        began = time.process_time()
        batches = list(classes[cls](data, **keywords))
        ours = time.process_time() - began
        print(name)
        print(f"  ours    {ours:5.2f} s  {padding_of(batches, lens)}")
        if their_batches is not None:
            empty = sum(not batch for batch in their_batches)
            told = padding_of([batch for batch in their_batches if batch], lens)
            print(f"  FunASR  {their_time:5.2f} s  {told}" + (f"; {empty} empty" if empty else ""))


def peer_answers(python: str, data: Data, cases: list) -> list:
    if not Path(python).exists():
        print(f"{python} is not there; ours alone", file=sys.stderr)
        return [(0.0, None)] * len(cases)
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "asked.json", Path(folder) / "answered.json"
        asked.write_text(json.dumps([data.source_lens.tolist(), data.target_lens.tolist(), cases, str(answered)]))
        subprocess.run([python, "-c", PEER, str(asked)], check=True, stdout=subprocess.DEVNULL)
        return json.loads(answered.read_text())


if __name__ == "__main__":
    main()
