"""Encoder and beam search of a Conformer beside FunASR's, the same parameters and features, in alternating rounds.

    python tests/bench/beam_search.py [--peer .peer/venv/bin/python] [--rounds 3] [--batch 8]

The network has the size of the published AISHELL recipe (12 + 6 blocks of 256, 4,233 tokens) and random weights; every
search makes --tokens tokens with a beam of 10 and CTC weight 0.5. Printed are medians of seconds an utterance by the
clock and by the processor, ours one by one and in a batch, and how many of the best texts are FunASR's.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from asrtools.build import build_network
from asrtools.config import Config
from asrtools.models.protocols import DecodeOptions

ROOT = Path(__file__).resolve().parents[2]
NUM_MELS, VOCAB_SIZE, NUM_FRAMES = 80, 4233, 800
DECODER = {"attention_heads": 4, "linear_units": 2048, "num_blocks": 6}
ENCODER = {
    **DECODER,
    "output_size": 256,
    "num_blocks": 12,
    "input_layer": "conv2d",
    "macaron_style": True,
    "cnn_module_kernel": 15,
}
CONFIG = {
    "model": "Conformer",
    "model_conf": {"ctc_weight": 0.3},
    "encoder": "ConformerEncoder",
    "encoder_conf": ENCODER,
    "decoder": "TransformerDecoder",
    "decoder_conf": DECODER,
}
SHARPNESS = 8.0  # of the outputs, so that rounding decides nothing

PEER = """
import json, sys, time
import torch
import funasr.models.conformer.encoder, funasr.models.transformer.decoder
from funasr.models.transformer.model import Transformer
folder, threads, tokens, rounds = sys.argv[1], *map(int, sys.argv[2:5])
torch.set_num_threads(threads)
config, given = json.load(open(folder + "/config.json")), torch.load(folder + "/given.pt")
network = Transformer(encoder=config["encoder"], encoder_conf=config["encoder_conf"], decoder=config["decoder"],
                      decoder_conf=config["decoder_conf"], ctc_weight=0.3, input_size=80, vocab_size=4233).eval()
network.load_state_dict(given["state"])
network.init_beam_search(token_list=[str(one) for one in range(4233)])
for line in sys.stdin:
    times, texts = [], []
    for feats in given["feats"]:
        began = time.perf_counter(), time.process_time()
        with torch.no_grad():
            encoded, lens = network.encode(feats[None], torch.tensor([len(feats)]))
            middle = time.perf_counter(), time.process_time()
            best = network.beam_search(encoded[0], maxlenratio=-tokens)[0]
        end = time.perf_counter(), time.process_time()
        times.append([middle[0] - began[0], middle[1] - began[1], end[0] - middle[0], end[1] - middle[1]])
        texts.append([one for one in best.yseq.tolist() if one > 2])
    print("RESULT " + json.dumps([times, texts]), flush=True)
"""


def make_network() -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_network(Config(values=dict(CONFIG)), NUM_MELS, VOCAB_SIZE).eval()
    with torch.no_grad():
        network.decoder.output_layer.weight.mul_(SHARPNESS)
        network.ctc.ctc_lo.weight.mul_(SHARPNESS)
    return network


def timed(function: Callable[[], Any]) -> tuple[list[float], Any]:
    began = time.perf_counter(), time.process_time()
    result = function()
    return [time.perf_counter() - began[0], time.process_time() - began[1]], result


def ours(network: torch.nn.Module, feats: list[torch.Tensor], batch: int, tokens: int) -> tuple[list[float], list[Any]]:
    """Seconds an utterance of encoder and search, by the clock and the processor, and the texts."""
    options, sums, texts = DecodeOptions(max_len_ratio=-tokens), [0.0] * 4, []
    for first in range(0, len(feats), batch):
        some = feats[first : first + batch]
        padded = torch.nn.utils.rnn.pad_sequence(some, batch_first=True)
        lens = torch.tensor([len(one) for one in some])
        with torch.inference_mode():
            encoding, _ = timed(lambda padded=padded, lens=lens: network.encode(padded, lens))
        all_of_it, found = timed(lambda padded=padded, lens=lens: network.recognize(padded, lens, options))
        searching = [whole - part for whole, part in zip(all_of_it, encoding, strict=True)]
        sums = [one + other for one, other in zip(sums, [*encoding, *searching], strict=True)]
        texts += [list(one[0].ids) for one in found]
    return [one / len(feats) for one in sums], texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    network = make_network()
    draw = torch.Generator().manual_seed(0)
    feats = [torch.randn(NUM_FRAMES - 60 * index, NUM_MELS, generator=draw) for index in range(args.batch)]
    rows: dict[str, list[list[float]]] = {"FunASR": [], "ours": [], f"ours, batch of {args.batch}": []}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(CONFIG))
        torch.save({"state": network.state_dict(), "feats": feats}, Path(folder) / "given.pt")
        command = [args.peer, "-c", PEER, folder, *map(str, (args.threads, args.tokens, args.rounds))]
        peer = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder
        )
        for _ in range(args.rounds):
            print(file=peer.stdin, flush=True)
            line = next(line for line in peer.stdout if line.startswith("RESULT "))
            times, peer_texts = json.loads(line.removeprefix("RESULT "))
            rows["FunASR"].append([statistics.mean(column) for column in zip(*times, strict=True)])
            for name, batch in zip(list(rows)[1:], (1, args.batch), strict=True):
                seconds, texts = ours(network, feats, batch, args.tokens)
                rows[name].append(seconds)
                same = sum(one == other for one, other in zip(texts, peer_texts, strict=True))
                sys.stderr.write(f"{name}: {same} of {len(texts)} texts are FunASR's\n")
        peer.stdin.close()
        peer.wait()
    print("seconds an utterance   encoder clock, cpu    search clock, cpu")
    for name, seconds in rows.items():
        medians = [statistics.median(column) for column in zip(*seconds, strict=True)]
        print(f"{name:20}   {medians[0]:.3f} {medians[1]:.3f}           {medians[2]:.3f} {medians[3]:.3f}")


if __name__ == "__main__":
    main()
