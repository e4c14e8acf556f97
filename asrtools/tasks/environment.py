"""What this machine has for the suite."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys

from asrtools import __version__
from asrtools.tasks.finding import Finding

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
PACKAGES = ("numpy", "lhotse", "kaldiio", "soundfile", "soxr", "sentencepiece", "modelscope_hub")
EXTRAS = {  # package: what it is for
    "huggingface_hub": "--hub hf",
    "onnxruntime": "exported models",
    "wetext": "itn and tn",
    "modelscope": "download --dataset ms:...",
}
PATIENCE_S = 10


def look_around() -> list[Finding]:
    """Python, torch and its devices, packages, programs, the scheduler."""
    return [_python(), *_torch(), *_packages(), _ffmpeg(), _slurm()]


def _python() -> Finding:
    version = sys.version_info[:2]
    words = f"asrtools {__version__}, Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return Finding("ok", words)
    kind = "problem" if version < OLDEST_PYTHON else "note"
    return Finding(kind, f"{words}; made for Python 3.10 to 3.13")


def _torch() -> list[Finding]:
    try:
        from asrtools.models import hardware
    except (ImportError, OSError) as error:
        cause = " ".join(str(error).split())[:200]
        return [Finding("problem", f"torch cannot be imported ({cause}); run utils/setup.sh")]
    found = [Finding("ok", f"torch {hardware.torch_version()}")]
    for device in hardware.devices():
        speeds = ", ".join(f"{kind} {tflops:.2f}" for kind, tflops in device.tflops.items())
        fastest = max(device.tflops, key=lambda kind: device.tflops[kind])
        found.append(
            Finding("ok", f"{device.name}: {device.words}; TFLOP/s of matrix products: {speeds} (fastest: {fastest})")
        )
    if len(found) == 2:
        found.append(Finding("note", "no GPU that torch can use; --device auto is cpu"))
    problem = hardware.torchaudio_problem()
    if problem is None:
        found.append(Finding("ok", f"torchaudio {_version('torchaudio')}: resamples on the GPU"))
    else:
        found.append(Finding("note", f"torchaudio {problem}; nothing here needs it"))
    return found


def _packages() -> list[Finding]:
    missing = [name for name in PACKAGES if _version(name) is None]
    found = [Finding("problem", f"{name} is not installed; run utils/setup.sh") for name in missing]
    found += [Finding("ok", ", ".join(f"{name} {_version(name)}" for name in PACKAGES if name not in missing))]
    for name, purpose in EXTRAS.items():
        if (version := _version(name)) is not None:
            found.append(Finding("ok", f"{name} {version} ({purpose})"))
        else:
            found.append(Finding("note", f"{name} is not installed ({purpose})"))
    return found


def _ffmpeg() -> Finding:
    path = shutil.which("ffmpeg")
    if path is None:
        return Finding("note", "ffmpeg is not there: m4a, aac, webm, amr and wma cannot be read")
    words = _first_line([path, "-version"]).split()
    return Finding("ok", f"ffmpeg {words[2] if len(words) > 2 else ''} ({path})")


def _slurm() -> Finding:
    if shutil.which("sbatch") is None:
        return Finding("note", "Slurm is not there: recipes run with --cmd run.sh, on this machine")
    nodes = _first_line(["sinfo", "--noheader", "--format=%D nodes in %P"])
    if not nodes:
        return Finding("note", "Slurm is installed and its controller does not answer (sinfo); see SLURM_CONF")
    return Finding("ok", f"Slurm: {' '.join(nodes.split())} (--cmd slurm.sh)")


def _first_line(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL, env={**os.environ}
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0] if done.returncode == 0 else ""


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
