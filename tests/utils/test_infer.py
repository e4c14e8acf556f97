"""utils/infer.sh with a real recogniser: what it merges is what one process writes, whatever is killed on the way."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest


def kill_one_shard(infer, out: Path, seed: int, longest_wait: float) -> None:
    """-9 to one of four shards at some moment; then nothing is merged, or all is; run again, all is."""
    chance = random.Random(seed)
    process = infer.begin(out)
    time.sleep(chance.uniform(0.5, longest_wait))
    shards = infer.shards(out)
    if shards:
        with contextlib.suppress(ProcessLookupError):  # it may just have ended
            os.kill(shards[chance.choice(sorted(shards))], signal.SIGKILL)
    said = infer.end(process)
    if "a shard failed" in said:
        assert not (out / "1best_recog").exists()
        assert "exit status 137" in said
        said = infer.run(out)
    assert f"infer.sh: 1 inputs could not be used; {out}/errors.jsonl names them" in said
    infer.check(out)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_shard_killed_at_any_moment_costs_no_line(infer, tmp_path: Path, seed: int) -> None:
    kill_one_shard(infer, tmp_path / "out", seed, 6.0)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_shard_killed_at_twenty_moments_costs_no_line(infer, tmp_path: Path) -> None:
    began = time.monotonic()
    infer.run(tmp_path / "untouched")
    longest_wait = time.monotonic() - began
    for seed in range(20):
        kill_one_shard(infer, tmp_path / f"out.{seed}", 100 + seed, longest_wait)


@pytest.mark.slow
def test_the_script_and_its_shards_killed_cost_no_line(infer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = infer.begin(out)
    while process.poll() is None and not list(out.glob("output.*/journal.jsonl")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    # jobs have process groups of their own
    for pid in infer.shards(out).values():
        os.kill(pid, signal.SIGKILL)
    infer.end(process)
    infer.run(out)
    infer.check(out)
