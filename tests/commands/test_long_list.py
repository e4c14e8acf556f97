"""decode over a list of 100,000: three that cannot be used cost no other, and nothing but keys is remembered."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

NUM_INPUTS = 100_000
BAD = {17: "nothing.wav", 50_000: "cut.wav", 99_999: "a.wav"}


@pytest.mark.slow
def test_three_bad_ones_of_a_long_list_are_named_and_the_rest_have_their_lines(
    root: Path, tiny_model: Path, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(320, np.int16), 16000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:30])
    keys = [f"u{n:06d}" for n in range(NUM_INPUTS - 1)] + ["u000000"]
    rows = (f"{key} {BAD.get(n, 'a.wav')}\n" for n, key in enumerate(keys))
    (tmp_path / "wav.scp").write_text("".join(rows))
    argv = [sys.executable, root / "bin/decode", "--model", tiny_model, "--ncpu", "1", "--device", "cpu", "wav.scp"]
    done = subprocess.run([*map(str, argv)], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    *errors, last = done.stderr.splitlines()
    assert done.returncode == 1 and len(errors) == 3, done.stderr[:1000]
    assert "nothing.wav: no such file" in errors[0] and "cut.wav" in errors[1] and "duplicate key u000000" in errors[2]
    assert last == f"decode: {NUM_INPUTS - 3} of {NUM_INPUTS} ok, 3 errors"
    assert [line.split()[0] for line in done.stdout.splitlines()] == [key for n, key in enumerate(keys) if n not in BAD]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1 << 20  # kB
