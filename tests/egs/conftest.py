"""What the tests of recipes share: running one."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for small_corpus

EGS = Path(__file__).resolve().parents[2] / "egs"


def environment() -> Path:
    return Path(os.environ.get("ASRTOOLS_VENV", EGS.parent / ".venv"))


@pytest.fixture(scope="session")
def recipe() -> Callable[..., subprocess.CompletedProcess[str]]:
    """recipe(name, *options): runs egs/name/run.sh from /."""
    if not (environment() / "ready").exists():
        pytest.skip("no environment to run the recipe in (. ./path.sh makes it)")

    def run(name: str, *options: str | Path, cwd: str | Path = "/") -> subprocess.CompletedProcess[str]:
        command = ["bash", str(EGS / name / "run.sh"), *map(str, options)]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=cwd, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )

    return run
