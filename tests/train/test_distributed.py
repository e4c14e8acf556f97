"""Several processes train as one would, whoever started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from tone_corpus import run_in_process

from asrtools.checkpoint import read_state
from asrtools.train.distributed import Place, is_first_to_say, place_of
from asrtools.train.log import read_log

SMALL = ["++train_conf.max_epoch=1", "++train_conf.decode_dev=0"]


def arguments(corpus: dict[str, str], output: Path, *more: str) -> list[str]:
    lists = ["--train", corpus["train.jsonl"], "--valid", corpus["valid.jsonl"]]
    return ["--config", corpus["config.yaml"], *lists, "--output-dir", str(output), "--ncpu", "1", *more]


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    return {**kept, "OMP_NUM_THREADS": "1", **more}


def train(root: Path, corpus: dict[str, str], output: Path, *more: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(root / "bin" / "train"), *arguments(corpus, output, *more)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=240, check=False)


def curve(output: Path) -> list[tuple[int, float, float]]:
    lines = [line for line in read_log(output / "log.jsonl") if line["kind"] == "train"]
    return [(line["total_step"], line["loss"], line["loss_epoch"]) for line in lines]


def same(one: Path, other: Path) -> bool:
    a, b = read_state(one), read_state(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def killed_and_taken_up(root: Path, corpus: dict[str, str], folder: Path, *more: str) -> None:
    """Kill -9 the whole of it once it has a checkpoint and some steps more, and start it again: nothing shows."""
    options = [
        "++train_conf.save_checkpoint_interval=4",
        "++train_conf.max_epoch=4",
        "++train_conf.decode_dev=0",
        *more,
    ]
    whole, output = folder / "whole", folder / "exp"
    assert train(root, corpus, whole, *options).returncode == 0
    command = [sys.executable, str(root / "bin" / "train"), *arguments(corpus, output, *options)]
    process = subprocess.Popen(
        command, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while len(_lines(output)) < 5 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (output / "checkpoint" / "last.pt").is_file() and not (output / "model.pt").exists()
    done = train(root, corpus, output, *options)
    assert done.returncode == 0, done.stderr
    assert "goes on after epoch" in done.stderr
    assert curve(output) == curve(whole)
    assert same(output / "model.pt.ep4", whole / "model.pt.ep4")
    assert same(output / "model.pt", whole / "model.pt")


def _lines(output: Path) -> list[str]:
    path = output / "log.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


def test_killed_at_any_step_one_process_goes_on_as_if_it_had_not_been(
    root: Path, corpus: dict[str, str], tmp_path: Path
) -> None:
    killed_and_taken_up(root, corpus, tmp_path)


@pytest.mark.slow
def test_killed_at_any_step_two_processes_go_on_as_if_they_had_not_been(
    root: Path, corpus: dict[str, str], tmp_path: Path
) -> None:
    killed_and_taken_up(root, corpus, tmp_path, "--nproc", "2")


def test_two_processes_and_four_batches_are_one_process_and_eight(
    root: Path, corpus: dict[str, str], tmp_path: Path
) -> None:
    """On the same batches, with nothing drawn at random and one batch to a group of rows of like length."""
    plain = [
        "++model_conf.sampling_ratio=0",
        "++encoder_conf.dropout_rate=0",
        "++encoder_conf.attention_dropout_rate=0",
        "++encoder_conf.positional_dropout_rate=0",
        "++decoder_conf.dropout_rate=0",
        "++decoder_conf.positional_dropout_rate=0",
        "++decoder_conf.self_attention_dropout_rate=0",
        "++decoder_conf.src_attention_dropout_rate=0",
        "++predictor_conf.dropout=0",
        "++specaug=null",
        "++dataset_conf.batch_size=1",
        "++dataset_conf.shuffle=false",
        "++optim=sgd",
        "++optim_conf.lr=0.01",
        "++scheduler=null",
        "++scheduler_conf=null",
        *SMALL,
    ]
    assert run_in_process(arguments(corpus, tmp_path / "one", "++train_conf.accum_grad=8", *plain)) == 0
    done = train(root, corpus, tmp_path / "two", "--nproc", "2", "++train_conf.accum_grad=4", *plain)
    assert done.returncode == 0, done.stderr
    one, two = (read_state(tmp_path / name / "model.pt.ep1") for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-6)
    losses = [[loss for _, _, loss in curve(tmp_path / name)] for name in ("one", "two")]
    assert losses[1][-1] == pytest.approx(losses[0][-1], rel=1e-5) and len(losses[1]) == 3


@pytest.mark.slow
def test_torchrun_on_two_nodes_is_two_local_launches(root: Path, corpus: dict[str, str], tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1"]
    address = ["--master_addr=127.0.0.1", f"--master_port={_free_port()}"]
    launches = [
        subprocess.Popen(
            [*torchrun, f"--node_rank={node}", *address, str(root / "bin" / "train")]
            + arguments(corpus, tmp_path / "exp", *SMALL),
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        for node in (0, 1)
    ]
    errors = [launch.communicate(timeout=240)[1] for launch in launches]
    assert [launch.returncode for launch in launches] == [0, 0], errors
    log = (tmp_path / "exp" / "log.txt").read_text()
    assert "rank: 0, " in log and "rank: 1, " in log
    assert (tmp_path / "exp" / "model.pt").is_file()


@pytest.mark.slow
def test_torch_distributed_launch_starts_it_as_it_is(root: Path, corpus: dict[str, str], tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.launch", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, f"--master_port={_free_port()}", str(root / "bin" / "train")]
        + arguments(corpus, tmp_path / "exp", *SMALL),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "rank: 1, " in (tmp_path / "exp" / "log.txt").read_text()


def test_a_place_comes_from_torchrun_or_from_srun_and_not_from_sbatch() -> None:
    assert place_of({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}) == (Place(3, 8, 1), {})
    step = {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0", "SLURM_STEP_NODELIST": "n1"}
    assert place_of({**step, "SLURM_JOB_ID": "7"}) == (
        Place(1, 2, 0),
        {"MASTER_ADDR": "n1", "MASTER_PORT": "20007"},
    )
    assert place_of({**step, "MASTER_ADDR": "h", "MASTER_PORT": "1"}) == (Place(1, 2, 0), {})
    assert place_of({"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "SLURM_JOB_ID": "7"}) is None
    assert place_of({}) is None


def test_what_all_processes_say_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # as a launcher has one
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    assert is_first_to_say("a: is wrong") and is_first_to_say("a: is wrong")  # without a launcher
    for name, value in (
        ("TORCHELASTIC_USE_AGENT_STORE", "True"),
        ("MASTER_ADDR", "127.0.0.1"),
        ("MASTER_PORT", str(store.port)),
    ):
        monkeypatch.setenv(name, value)
    said = [is_first_to_say(message) for message in ("a: is wrong", "a: is wrong", "b: is wrong", "a: is wrong")]
    assert said == [True, False, True, False]


@pytest.mark.slow
def test_a_configuration_that_is_wrong_is_told_once_by_two_processes(
    root: Path, corpus: dict[str, str], tmp_path: Path
) -> None:
    done = train(root, corpus, tmp_path / "exp", "--nproc", "2", "++train_conf.max_epoh=1")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.count("train_conf.max_epoh is no key; did you mean max_epoch?") == 1


@pytest.mark.slow
def test_terminated_it_ends_its_processes_and_says_so(root: Path, corpus: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "exp"
    command = [sys.executable, str(root / "bin" / "train")]
    options = arguments(corpus, output, "--nproc", "2", "++train_conf.max_epoch=4000", "++train_conf.decode_dev=0")
    process = subprocess.Popen([*command, *options], env=environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(_lines(output)) < 5 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 143 and "train: terminated" in errors and "Traceback" not in errors


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
