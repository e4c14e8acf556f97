"""Characters a second of punctuation beside FunASR's, the same models and lines, in alternating rounds.

    python tests/bench/punc.py [--peer .peer/venv/bin/python] [--size small|large] [--dtype fp32] [--lines 2000]
                               [--peer-lines 30]

Two models with random weights: `small` has the published architecture of ct-punc-c (4 blocks of 256), `large` that of
ct-punc (12 blocks of 516). Marks of a random network are set to come about as often as in real text (a comma every ten
words, a full stop every twenty), for they decide how often words are looked at again. FunASR does a few of the lines in
each round, one `generate` a line as its pipeline does; the strings of these are compared. Loading is not counted.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml

from asrtools.build import load_model
from asrtools.tasks.punctuate import Punctuate

ROOT = Path(__file__).resolve().parents[2]
SIZES = {  # width, heads, hidden units, blocks, words
    "small": (256, 8, 1024, 4, 272727),
    "large": (516, 12, 2048, 12, 471067),
}
PUNC_LIST = ["<unk>", "_", "，", "。", "？", "、"]
SHARES = [0.0, 0.835, 0.1, 0.045, 0.01, 0.01]
SHARPNESS = 20.0  # of the scores, so that rounding decides nothing
NUM_CHARACTERS = 3000
LATIN = ["the", "of", "and", "to", "in", "is", "that", "it", "was", "for", "you", "with", "model", "speech", "hello"]

PEER = """
import json, os, sys, time
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from funasr import AutoModel
model = AutoModel(
    model=sys.argv[1], device="cpu", ncpu=int(sys.argv[2]), disable_update=True, disable_pbar=True, log_level="ERROR"
)
for asked in sys.stdin:
    began = time.perf_counter(), time.process_time()
    texts = [model.generate(input=line)[0]["text"] for line in json.loads(asked)]
    seconds = [time.perf_counter() - began[0], time.process_time() - began[1]]
    answers.write(json.dumps([seconds, texts]) + "\\n")
    answers.flush()
"""


def make_lines(count: int) -> list[str]:
    """Lines of 4 to 80 words, mostly Chinese characters, some Latin words."""
    draw = random.Random(1)
    characters = [chr(0x4E00 + place) for place in range(NUM_CHARACTERS)]
    lines = []
    for _ in range(count):
        parts = []
        for _ in range(draw.randint(4, 80)):
            parts.append(draw.choice(characters) if draw.random() < 0.93 else f" {draw.choice(LATIN)} ")
        lines.append("".join(parts).strip())
    return lines


def make_model(folder: Path, size: str) -> None:
    width, heads, hidden, blocks, num_words = SIZES[size]
    config = {
        "model": "CTTransformer",
        "model_conf": {
            "ignore_id": 0,
            "embed_unit": width,
            "att_unit": width,
            "dropout_rate": 0.1,
            "punc_list": PUNC_LIST,
            "punc_weight": [1.0] * len(PUNC_LIST),
            "sentence_end_id": 3,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": {
            "input_size": width,
            "output_size": width,
            "attention_heads": heads,
            "linear_units": hidden,
            "num_blocks": blocks,
            "dropout_rate": 0.1,
            "positional_dropout_rate": 0.1,
            "attention_dropout_rate": 0.0,
            "input_layer": "pe",
            "pos_enc_class": "SinusoidalPositionEncoder",
            "normalize_before": True,
            "kernel_size": 11,
            "sanm_shfit": 0,
            "selfattention_layer_type": "sanm",
            "padding_idx": 0,
        },
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>"},
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    tokens = [chr(0x4E00 + place) for place in range(NUM_CHARACTERS)] + LATIN + ["<unk>"]
    tokens = [f"<{n}>" for n in range(num_words - len(tokens))] + tokens
    (folder / "tokens.json").write_text(json.dumps(tokens))
    from asrtools import config as configuration
    from asrtools.build import build_network

    torch.manual_seed(0)
    network = build_network(configuration.load(folder), None, num_words).eval()
    sample = torch.randint(num_words - NUM_CHARACTERS, num_words, (64, 30))
    with torch.inference_mode():
        hidden_states = network.encode(sample, torch.full((64,), 30)).flatten(0, 1)
        network.decoder.weight.mul_(SHARPNESS)
        scores = hidden_states @ network.decoder.weight.T
        bias = torch.zeros(len(PUNC_LIST))
        for _ in range(2000):  # until each class has its share
            found = torch.bincount((scores + bias).argmax(1), minlength=len(PUNC_LIST)) / len(scores)
            bias += 0.3 * (torch.tensor(SHARES) - found)
        bias[0] = -1e4
        network.decoder.bias.copy_(bias)
    torch.save(network.state_dict(), folder / "model.pt")


def ours(punctuate: Punctuate, lines: list[str]) -> tuple[list[float], list[str]]:
    """Seconds by the clock and of the processors, and the strings."""
    began = time.perf_counter(), time.process_time()
    texts = [one.funasr_text for one in punctuate.texts(lines)]
    return [time.perf_counter() - began[0], time.process_time() - began[1]], texts


class Peer:
    """FunASR in a process of its own, which waits between the rounds."""

    def __init__(self, python: str, folder: Path, threads: int, scratch: Path):
        self._process = subprocess.Popen(
            [python, "-c", PEER, str(folder), str(threads)],
            cwd=scratch,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.texts(["一"])

    def texts(self, lines: list[str]) -> tuple[list[float], list[str]]:
        self._process.stdin.write(json.dumps(lines) + "\n")
        self._process.stdin.flush()
        seconds, texts = json.loads(self._process.stdout.readline())
        return seconds, texts

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def gemm_gflops() -> float:
    a = torch.randn(1024, 1024)
    a @ a
    began = time.perf_counter()
    for _ in range(10):
        a @ a
    return 10 * 2 * 1024**3 / (time.perf_counter() - began) / 1e9


def compare(size: str, args: argparse.Namespace, scratch: Path) -> bool:
    folder = (args.models or scratch) / size
    if not folder.exists():
        make_model(folder, size)
    lines = make_lines(args.lines)
    num = sum(map(len, lines))
    punctuate = Punctuate(load_model(folder, dtype=args.dtype))
    ours(punctuate, lines[:64])
    peer = Peer(args.peer, folder, args.threads, scratch)
    ratios = []
    equal = True
    for number in range(args.rounds):
        some = lines[number * args.peer_lines :][: args.peer_lines]
        peer_seconds, peer_texts = peer.texts(some)
        seconds, texts = ours(punctuate, lines)
        equal = equal and peer_texts == texts[number * args.peer_lines :][: args.peer_lines]
        rates = [num / one for one in seconds]
        peer_rates = [sum(map(len, some)) / one for one in peer_seconds]
        ratios.append([one / other for one, other in zip(rates, peer_rates, strict=True)])
        print(
            f"{size}, {args.dtype}: ours {rates[0]:.0f} characters/s, {rates[1]:.0f} a second of processor; "
            f"FunASR {peer_rates[0]:.0f}, {peer_rates[1]:.0f}; ratio {ratios[-1][0]:.1f}, {ratios[-1][1]:.1f}; "
            f"product of matrices {gemm_gflops():.0f} GFLOP/s",
            flush=True,
        )
    peer.close()
    clock, processor = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(
        f"{size}: {len(lines)} lines of {num} characters, FunASR {args.peer_lines} of them a round; "
        f"median ratio {clock:.1f} by the clock, {processor:.1f} by processor time; "
        f"strings are {'the same' if equal else 'DIFFERENT'}"
    )
    return equal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--size", choices=[*SIZES, "both"], default="both")
    parser.add_argument("--dtype", default="fp32", help="of our side; FunASR computes in float32")
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--peer-lines", type=int, default=30, help="that FunASR does in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", type=Path, help="Keep the models there, and take those that are there already.")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as scratch:
        sizes = SIZES if args.size == "both" else [args.size]
        are_equal = [compare(size, args, Path(scratch)) for size in sizes]
    return 0 if all(are_equal) else 1


if __name__ == "__main__":
    sys.exit(main())
