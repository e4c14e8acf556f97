"""A hub on this machine, and the download command pointed at it with caches of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for hub_server

from hub_server import HubServer  # noqa: E402

Download = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.hold.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def environment(tmp_path: Path, server: HubServer) -> dict[str, str]:
    """The caches are the test's own, the hubs are the server."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {
        **kept,
        "ASRTOOLS_CACHE": str(tmp_path / "cache" / "asrtools"),
        "MODELSCOPE_CACHE": str(tmp_path / "cache" / "ms"),
        "HF_HOME": str(tmp_path / "cache" / "hf"),
        "MODELSCOPE_ENDPOINT": server.address,
        "HF_ENDPOINT": server.address,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "2",  # so that a server that stays away is given up soon
        "MODELSCOPE_API_MAX_RETRIES": "1",
        "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1",
        "no_proxy": "127.0.0.1",
    }


@pytest.fixture
def start(root: Path, environment: dict[str, str], tmp_path: Path) -> "Callable[..., subprocess.Popen[str]]":
    """`start("fsmn-vad")`: the download command, running."""

    def begin(*arguments: object) -> "subprocess.Popen[str]":
        argv = [sys.executable, str(root / "bin" / "download"), *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True)

    return begin


@pytest.fixture
def download(start: "Callable[..., subprocess.Popen[str]]") -> Download:
    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        process = start(*arguments)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run
