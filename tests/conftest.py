"""What tests share: where the project and the material beside it lie."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of oracles and real speech beside the project; absent in a user's clone."""
    folder = Path(os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    if folder.is_dir():
        return folder
    reason = f"{folder} is not there (oracles and real speech; ASRTOOLS_SHARED names another place)"
    if os.environ.get("ASRTOOLS_REQUIRE_SHARED"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def oracle(shared: Path) -> Path:
    return shared / "oracle"
