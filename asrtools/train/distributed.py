"""Processes that train together: who this one is, how they are started, and what they tell each other.

A process that torchrun, torch.distributed.launch or srun started takes its place from the environment; else `train`
starts its own workers with torch's elastic launch, each of which runs the same command.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from asrtools.errors import ConfigError

PARENT = "ASRTOOLS_TRAIN_PARENT"  # pid of the `train` that started this worker
SLURM_PORT = 20000  # and a number that jobs on one node do not share
PATIENCE = timedelta(minutes=30)  # for a rank that is late, decoding or reading
SHORT_PATIENCE = timedelta(seconds=10)  # for a launcher that is asked something


@dataclass(frozen=True)
class Place:
    """This process among those that train together."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        return self.world_size == 1


def place_of(environment: Mapping[str, str]) -> tuple[Place, dict[str, str]] | None:
    """The place that a launcher gave this process and what init_process_group needs besides; None without one."""
    if "RANK" in environment and "WORLD_SIZE" in environment:
        numbers = (int(environment[name]) for name in ("RANK", "WORLD_SIZE"))
        return Place(*numbers, int(environment.get("LOCAL_RANK", 0))), {}
    if int(environment.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        place = Place(
            int(environment["SLURM_PROCID"]),
            int(environment["SLURM_STEP_NUM_TASKS"]),
            int(environment.get("SLURM_LOCALID", 0)),
        )
        port = SLURM_PORT + int(environment.get("SLURM_JOB_ID", 0)) % 20000
        found = {"MASTER_ADDR": _first_node(environment), "MASTER_PORT": str(port)}
        return place, {key: value for key, value in found.items() if key not in environment}
    return None


def _first_node(environment: Mapping[str, str]) -> str:
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST") or "localhost"
    if "[" not in nodes and "," not in nodes:
        return nodes
    try:
        shown = subprocess.run(["scontrol", "show", "hostnames", nodes], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(
            f"SLURM_JOB_NODELIST={nodes}: scontrol cannot say which node is the first ({error}); set MASTER_ADDR"
        ) from error
    return shown.stdout.split()[0]


def own_place() -> Place:
    """What a launcher says of this process; alone without one."""
    found = place_of(os.environ)
    if found is None or found[0].is_alone:
        return Place()
    place, more = found
    os.environ.update(more)
    for name, value in (("RANK", place.rank), ("WORLD_SIZE", place.world_size), ("LOCAL_RANK", place.local_rank)):
        os.environ.setdefault(name, str(value))
    return place


def join(place: Place, device: str) -> None:
    """Meet the other processes, if there are any; gloo on CPUs, nccl on GPUs."""
    if not place.is_alone and not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def device_of(name: str, place: Place, gpuids: Sequence[int] = ()) -> str:
    """Where this process computes: the GPU of its place on this machine, or the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda"):
        if not torch.cuda.is_available():
            raise ConfigError(f"device {name}: torch sees no GPU here; --device cpu is there")
        if name == "cuda":
            name = f"cuda:{gpuids[place.local_rank] if gpuids else place.local_rank}"
        torch.cuda.set_device(name)
    return name


def num_gpus() -> int:
    """Those that this process sees and that no launcher has given to others."""
    return 0 if place_of(os.environ) else torch.cuda.device_count()


def start_workers(arguments: Sequence[str], num: int) -> int:
    """Run this command `num` times side by side; the exit code."""
    import logging

    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    for name in ("torch.distributed.elastic", "torch.distributed.run"):  # our workers say what is wrong themselves
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num,
        run_id=f"train-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
    )
    os.environ[PARENT] = str(os.getpid())
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # that each parameter was used is no warning
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // num)))
    code = "from asrtools.commands.train import main; main()"
    try:
        elastic_launch(config, sys.executable)("-c", code, *arguments)
    except ChildFailedError as error:
        return max(1, error.get_first_failure()[1].exitcode)
    except SignalException as stop:  # of this process, which has ended its workers
        sys.stderr.write(f"train: {'interrupted' if stop.sigval == signal.SIGINT else 'terminated'}\n")
        return 128 + int(stop.sigval)
    finally:
        os.environ.pop(PARENT, None)
    return 0


def is_first_to_say(message: str) -> bool:
    """Whether none of the processes that a launcher of torch started has said this yet; true where none can know."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return True
    key = f"said/{os.environ.get('TORCHELASTIC_RESTART_COUNT')}/{message}"
    try:
        store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=SHORT_PATIENCE)
        return store.add(key, 1) == 1
    except (dist.DistError, KeyError, ValueError):  # the launcher may be gone
        return True


def is_orphan() -> bool:
    """Whether the `train` that started this worker is gone."""
    return PARENT in os.environ and os.getppid() != int(os.environ[PARENT])


def total(values: Sequence[float], place: Place, device: str) -> list[float]:
    """The sums of numbers over all processes."""
    if place.is_alone:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(tensor)
    return tensor.tolist()


def gather(value: Any, place: Place) -> list[Any]:
    """One value of every process."""
    if place.is_alone:
        return [value]
    found: list[Any] = [None] * place.world_size
    dist.all_gather_object(found, value)
    return found


def wait(place: Place) -> None:
    if not place.is_alone:
        dist.barrier()
