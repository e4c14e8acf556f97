"""Digit error rates of the trained models, their median over seeds, and how they fell with the steps of training.

python local/results.py EXP "SPLITS" "MODELS" "SEEDS"
"""

import json
import re
import statistics
import sys
from pathlib import Path

NUM_POINTS = 10  # of a curve


def main() -> None:
    exp, splits, models, seeds = Path(sys.argv[1]), *(argument.split() for argument in sys.argv[2:])
    for split in splits:
        for model in models:
            folders = [exp / split / f"{model}.{seed}" for seed in seeds]
            rates = [rate_of(folder / "test" / "1best_recog" / "text.cer") for folder in folders]
            middle = f", median {statistics.median(rates):.2f} %" if len(rates) > 1 else ""
            each = " ".join(f"{rate:.2f}" for rate in rates)
            print(f"{split} {model}: digit errors on test {each} %{middle}")
            for seed, folder in zip(seeds, folders, strict=True):
                points = " ".join(f"{step}:{rate:.1f}" for step, rate in curve(folder / "log.jsonl"))
                print(f"{split} {model}: seed {seed}, steps:digit errors on dev {points}")


def rate_of(path: Path) -> float:
    found = re.search(r"^%WER ([\d.]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        sys.exit(f"results.py: {path}: holds no %WER line; score writes one")
    return float(found[1])


def curve(path: Path) -> list[tuple[int, float]]:
    """(step, rate) after some of the epochs, and after the last."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    points = [(line["total_step"], line["cer"]) for line in lines if line["kind"] == "valid" and "cer" in line]
    every = max(1, len(points) // NUM_POINTS)
    return points[every - 1 :: every] if len(points) % every == 0 else [*points[every - 1 :: every], points[-1]]


if __name__ == "__main__":
    main()
