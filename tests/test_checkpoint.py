"""Files that are no checkpoint, and those that want to run code."""

import os
from pathlib import Path

import pytest
import torch

from asrtools.checkpoint import read_file
from asrtools.errors import ModelError


@pytest.mark.parametrize("content", [b"RIFF$\x00\x00\x00WAVEfmt ", b"hello\n", b"]" * 100, b"PK\x03\x04" + b"a" * 200])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(ModelError, match="is no checkpoint, or damaged"):
        read_file(tmp_path / "model.pt")


class Code:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("made",)


def test_code_is_named_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"w": torch.zeros(1)}, "more": Code()}, "model.pt")
    with pytest.raises(ModelError, match=r"more than weights \(posix.mkdir\)"):
        read_file("model.pt")
    assert not Path("made").exists()
