"""What a run says: the documented line of every rank in log.txt, log.jsonl, tensorboard, and the terminal."""

import json
import math
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from asrtools.train.distributed import Place

JSONL = "log.jsonl"


class Log:
    """Of one process; the first one also writes log.jsonl, events for tensorboard, and to the terminal."""

    def __init__(self, directory: Path, place: Place, device: str, last_step: int = 0):
        self.directory, self.place, self.device = directory, place, device
        self.board: Any = None
        self.bar: Any = None
        if place.is_first:
            forget_after(directory / JSONL, last_step)
            self.board = _tensorboard(directory / "log" / "tensorboard", last_step)
        self.text = open(directory / "log.txt", "a", encoding="utf-8")  # noqa: SIM115  closed by close()
        self.lines = open(directory / JSONL, "a", encoding="utf-8") if place.is_first else None  # noqa: SIM115

    def begin_epoch(self, epoch: int, step: int, num_steps: int) -> None:
        """A bar on a terminal or in a notebook, for the batches of an epoch."""
        if not self.place.is_first or not (sys.stderr.isatty() or "ipykernel" in sys.modules):
            return
        from tqdm.auto import tqdm

        if self.bar is not None:
            self.bar.close()
        self.bar = tqdm(
            total=num_steps, initial=step, desc=f"epoch {epoch + 1}", unit="batch", leave=False, dynamic_ncols=True
        )

    def advance(self, num: int) -> None:
        if self.bar is not None:
            self.bar.update(num)

    def say(self, message: str) -> None:
        """One line in log.txt and, of the first process, on the terminal."""
        self._write(message)
        if self.place.is_first:
            say(f"train: {message}")

    def train(self, numbers: Mapping[str, Any], stats: Mapping[str, float], times: Mapping[str, float]) -> None:
        """After some batches: `numbers` are of all ranks, `stats` and `times` of this one."""
        n = numbers
        shown = [(name, round(value, 3)) for name, value in stats.items()]
        spent = {name: f"{value:.3f}" for name, value in times.items()}
        line = (
            f"train, rank: {self.place.rank}, epoch: {n['epoch']}/{n['max_epoch']}, "
            f"step: {n['step']}/{n['num_steps'] or 1}, total step: {n['total_step']}, "
            f"(loss_avg_rank: {n['loss']:.3f}), (loss_avg_epoch: {n['loss_epoch']:.3f}), "
            f"(ppl_avg_epoch: {_exp(n['loss_epoch'])}), (acc_avg_epoch: {n['acc_epoch']:.3f}), (lr: {n['lr']:.3e}), "
            f"{shown}, {spent}, {self._memory()}"
        )
        self._write(line)
        self.record({"kind": "train", **n, **{f"rank_{name}": value for name, value in stats.items()}, **times})
        if self.place.is_first:
            say(line)

    def validation(self, name: str, numbers: Mapping[str, Any]) -> None:
        scores = ", ".join(f"({key}: {value:.4f})" for key, value in numbers.items() if isinstance(value, float))
        line = f"validation, rank: {self.place.rank}, epoch: {numbers['epoch']}, checkpoint: {name}, {scores}"
        self._write(line)
        self.record({"kind": "valid", "checkpoint": name, **numbers})
        if self.place.is_first:
            say(line)

    def record(self, numbers: Mapping[str, Any]) -> None:
        """A line of log.jsonl, and points of the curves in tensorboard."""
        if self.lines is None:
            return
        whole = {name: _plain(value) for name, value in numbers.items()}
        self.lines.write(json.dumps(whole, ensure_ascii=False) + "\n")
        self.lines.flush()
        if self.board is not None:
            for name, value in whole.items():
                if isinstance(value, float):
                    self.board.add_scalar(f"{whole['kind']}/{name}", value, whole["total_step"])

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.text.close()
        if self.lines is not None:
            self.lines.close()
        if self.board is not None:
            self.board.close()

    def _write(self, message: str) -> None:
        now = datetime.now()
        stamp = f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d}"
        self.text.write(f"[{stamp}][root][INFO] - {message}\n")
        self.text.flush()

    def _memory(self) -> str:
        if not self.device.startswith("cuda"):
            return "GPU, memory: none"
        used, peak, cache, cache_peak = (
            one(self.device) / 2**30
            for one in (
                torch.cuda.memory_allocated,
                torch.cuda.max_memory_allocated,
                torch.cuda.memory_reserved,
                torch.cuda.max_memory_reserved,
            )
        )
        return (
            f"GPU, memory: usage: {used:.3f} GB, peak: {peak:.3f} GB, "
            f"cache: {cache:.3f} GB, cache_peak: {cache_peak:.3f} GB"
        )


def say(line: str) -> None:
    """One line on stderr; a progress bar that is being drawn stays whole."""
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
    else:
        sys.stderr.write(line + "\n")


def forget_after(path: Path, step: int) -> None:
    """Drop the lines that a killed run wrote after the checkpoint from which it goes on."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found = json.loads(line)
        except ValueError:  # cut off by the end of the process
            continue
        if step and found.get("total_step", 0) <= step:
            kept.append(line + "\n")
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(kept), encoding="utf-8")
    os.replace(temporary, path)


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _tensorboard(directory: Path, last_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        say("train: tensorboard is not installed, so there are no events for it; pip install 'asrtools[tensorboard]'")
        return None
    return SummaryWriter(str(directory), purge_step=last_step + 1 if last_step else None)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no number for it
    return value


def _exp(value: float) -> str:
    return f"{math.exp(value):.3f}" if value < 20 else f"{math.exp(min(value, 700)):.3e}"
