"""utils/infer.sh on a Slurm of two nodes that runs here, with a real recogniser."""

import os
import signal
import time
from pathlib import Path

import pytest

ON_SLURM = ("--cmd", "slurm.sh")


def await_shards(infer, process, out: Path, count: int) -> dict[int, int]:
    """Processes of shards, once so many decode at a time."""
    while process.poll() is None:
        shards = infer.shards(out)
        if len(shards) >= count:
            return shards
        time.sleep(0.05)
    pytest.fail(f"infer.sh ended: {infer.end(process)}")


def test_an_array_over_both_nodes_gives_what_one_process_gives_though_a_slurmd_is_killed(
    slurm, infer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = infer.begin(out, *ON_SLURM)
    await_shards(infer, process, out, 2)
    slurm("kill_node n1")
    said = infer.end(process)
    slurm("start_node n1")
    if "a shard failed" in said:
        infer.run(out, *ON_SLURM)
    infer.check(out)


def test_a_task_and_then_the_submitting_script_killed_cost_no_line(slurm, infer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = infer.begin(out, *ON_SLURM)
    os.kill(next(iter(await_shards(infer, process, out, 2).values())), signal.SIGKILL)
    assert "exit status 137" in infer.end(process)
    assert not (out / "1best_recog").exists()

    process = infer.begin(out, *ON_SLURM)
    await_shards(infer, process, out, 1)
    os.killpg(process.pid, signal.SIGKILL)
    infer.end(process)
    assert not (out / "1best_recog").exists()

    assert "ending what is left of an earlier run" in infer.run(out, *ON_SLURM)
    infer.check(out)
