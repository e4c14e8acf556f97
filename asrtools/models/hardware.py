"""What torch finds on this machine, and how fast it multiplies matrices there."""

import os
import time
from dataclasses import dataclass

import torch

SIZE = 1024  # of the matrices that are multiplied to see how fast that goes
SECONDS = 0.1  # for each number format


@dataclass(frozen=True)
class Device:
    name: str  # cpu, cuda:0
    words: str  # what it is
    tflops: dict[str, float]  # by number format, measured


def torch_version() -> str:
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    return f"{torch.__version__} ({build})"


def devices() -> list[Device]:
    """The CPU, then each GPU."""
    found = [Device("cpu", f"{torch.get_num_threads()} threads of {os.cpu_count()} cores", _speeds("cpu"))]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(index)
            words = f"{about.name}, {about.total_memory / 1e9:.0f} GB, compute capability {about.major}.{about.minor}"
            found.append(Device(f"cuda:{index}", words, _speeds(f"cuda:{index}")))
    return found


def torchaudio_problem() -> str | None:
    """Why torchaudio cannot be used; None where it can."""
    try:
        import torchaudio  # noqa: F401
    except ImportError:
        return "is not installed"
    except OSError as error:  # a wheel made for another torch
        return f"is installed and does not load ({' '.join(str(error).split())[:100]})"
    return None


def _speeds(device: str) -> dict[str, float]:
    return {name: _tflops(device, kind) for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16))}


def _tflops(device: str, kind: torch.dtype) -> float:
    a = torch.ones(SIZE, SIZE, dtype=kind, device=device)
    _multiply(a, 1)  # the first one sets things up
    count, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < SECONDS:
        _multiply(a, 4)
        count += 4
    return 2 * SIZE**3 * count / spent / 1e12


def _multiply(a: torch.Tensor, count: int) -> None:
    for _ in range(count):
        a @ a
    if a.is_cuda:
        torch.cuda.synchronize(a.device)
