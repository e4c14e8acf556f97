"""Trains the small recogniser of this recipe and writes its model directory.

    python local/train_recognizer.py --config conf/ctc.yaml --steps N EXP DATA MODEL_DIR

EXP holds fbank/train/feats.scp, cmvn/am.mvn and tokens.json; DATA/train/text is the reference. One loop over batches of
similar length, Adam, a learning rate that rises and falls; the same seed on the same machine gives the same model.
"""

import argparse
import json
import math
import shutil
import sys
from pathlib import Path

import kaldiio
import numpy as np
import torch
from sentences import tokens as tokens_of

from asrtools import build, config
from asrtools.checkpoint import save_atomically

BATCH_FRAMES = 800  # of 60 ms
PEAK_RATE = 4e-3
WARMUP = 0.1  # of the steps
HIDDEN_FRAMES = 4  # at most, in each of the stretches that are blanked out
HIDDEN_BANDS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exp", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)  # more would change the last bits, and so the model
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    make_directory(args)
    resolved = config.load(args.model_dir)
    frontend, tokenizer = build.build_input(resolved), build.build_tokenizer(resolved)
    network = build.build_network(resolved, *build.sizes_of(resolved, frontend, tokenizer))
    utterances = read(args.exp, args.data, frontend, tokenizer)
    train(network, utterances, args.steps, np.random.default_rng(args.seed))
    # 16 bits are plenty for weights of this size; loading makes them float32 again
    save_atomically({name: value.half() for name, value in network.state_dict().items()}, args.model_dir / "model.pt")


def make_directory(args: argparse.Namespace) -> None:
    """All of the model directory but the weights."""
    args.model_dir.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(args.config, args.model_dir / "config.yaml")
    shutil.copyfile(args.exp / "tokens.json", args.model_dir / "tokens.json")
    shutil.copyfile(args.exp / "cmvn" / "am.mvn", args.model_dir / "am.mvn")
    metas = {
        "init_param": "model.pt",
        "config": "config.yaml",
        "tokenizer_conf": {"token_list": "tokens.json"},
        "frontend_conf": {"cmvn_file": "am.mvn"},
    }
    index = {"framework": "pytorch", "task": "auto-speech-recognition", "file_path_metas": metas}
    (args.model_dir / "configuration.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def read(exp: Path, data: Path, frontend, tokenizer) -> list[tuple[np.ndarray, list[int]]]:
    """Features as the model takes them, and token ids, shortest first."""
    text = dict(line.split(maxsplit=1) for line in (data / "train" / "text").read_text(encoding="utf-8").splitlines())
    feats = kaldiio.load_scp(str(exp / "fbank" / "train" / "feats.scp"))
    pairs = [(frontend.from_fbank(feats[key]), tokenizer.tokens2ids(tokens_of(text[key]))) for key in feats]
    return sorted(pairs, key=lambda pair: len(pair[0]))


def train(network, utterances: list[tuple[np.ndarray, list[int]]], num_steps: int, rng: np.random.Generator) -> None:
    batches = cut(utterances)
    optimizer = torch.optim.Adam(network.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98))
    network.train()
    order: list[int] = []
    mean = 0.0
    for step in range(num_steps):
        order = order or list(rng.permutation(len(batches)))
        feats, lens, text, text_lens = collate([utterances[index] for index in batches[order.pop()]], rng)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, num_steps)
        loss, _, _ = network(feats, lens, text, text_lens)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        mean += (loss.item() - mean) / min(step + 1, 50)
        if (step + 1) % 200 == 0 or step + 1 == num_steps:
            sys.stderr.write(f"train_recognizer.py: step {step + 1} of {num_steps}, loss {mean:.2f}\n")
    network.eval()


def cut(utterances: list[tuple[np.ndarray, list[int]]]) -> list[list[int]]:
    batches: list[list[int]] = [[]]
    for index, (feats, _) in enumerate(utterances):
        if batches[-1] and (len(batches[-1]) + 1) * len(feats) > BATCH_FRAMES:
            batches.append([])
        batches[-1].append(index)
    return batches


def collate(pairs: list[tuple[np.ndarray, list[int]]], rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    feats = [torch.from_numpy(hide(one, rng)) for one, _ in pairs]
    text = [torch.tensor(ids) for _, ids in pairs]
    return (
        torch.nn.utils.rnn.pad_sequence(feats, batch_first=True),
        torch.tensor([len(one) for one in feats]),
        torch.nn.utils.rnn.pad_sequence(text, batch_first=True, padding_value=-1),
        torch.tensor([len(one) for one in text]),
    )


def hide(feats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy with a stretch of time and a range of bands set to the mean."""
    feats = feats.copy()
    num, first = rng.integers(HIDDEN_FRAMES + 1), rng.integers(len(feats))
    feats[first : first + num] = 0
    num, first = rng.integers(HIDDEN_BANDS + 1), rng.integers(80)
    bands = feats.reshape(len(feats), -1, 80)
    bands[:, :, first : first + num] = 0
    return feats


def rate(step: int, num_steps: int) -> float:
    done = (step + 1) / num_steps
    if done < WARMUP:
        return PEAK_RATE * done / WARMUP
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (done - WARMUP) / (1 - WARMUP)))


if __name__ == "__main__":
    main()
