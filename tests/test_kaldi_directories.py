"""Whatever a data directory holds, nothing of it is lost without being named, and no command falls over it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KINDS = ("good", "forty ms", "missing", "empty", "no samples", "text file", "cut short", "noise bytes")

keys = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="|\"'`"), min_size=1, max_size=12).map(
    lambda key: "u" + key
)
texts = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=20).map(lambda text: re.sub(r"\s", " ", text))


@st.composite
def directories(draw: st.DrawFn) -> dict:
    """Lines of wav.scp, text and utt2spk, with ids repeated, missing here or there, and recordings of every kind."""
    names = draw(st.lists(keys, min_size=1, max_size=8, unique=True))
    repeated = draw(st.lists(st.sampled_from(names), max_size=2))
    return {
        "wav.scp": [(key, draw(st.sampled_from(KINDS))) for key in names + repeated],
        "text": [(key, draw(texts)) for key in draw(st.permutations(names)) if draw(st.integers(0, 9))],
        "utt2spk": [(key, draw(st.sampled_from(["s1", "s2"]))) for key in names if draw(st.integers(0, 9))],
        "segments": draw(st.booleans()),
        "newline": draw(st.sampled_from(["\n", "\r\n"])),
        "separator": draw(st.sampled_from([" ", "\t", "  "])),
        "sorted": draw(st.booleans()),
    }


def make(folder: Path, case: dict) -> None:
    good = np.random.default_rng(0).integers(-9000, 9000, 8000, dtype=np.int16)
    recordings = {kind: folder / "audio" / f"{kind.replace(' ', '-')}.wav" for kind in KINDS}
    (folder / "audio").mkdir()
    soundfile.write(recordings["good"], good, 16000)
    soundfile.write(recordings["forty ms"], good[:640], 16000)
    soundfile.write(recordings["no samples"], good[:0], 16000)
    recordings["empty"].write_bytes(b"")
    recordings["text file"].write_text("no sound at all\n")
    recordings["cut short"].write_bytes(recordings["good"].read_bytes()[:3000])
    recordings["noise bytes"].write_bytes(np.random.default_rng(1).bytes(5000))
    data = folder / "data"
    data.mkdir()
    if case["segments"]:  # half of every recording, and one of a recording that is not there
        spans = [
            (key, f"{key} 0 {0.02 if kind == 'forty ms' else 0.25}") for key, kind in dict(case["wav.scp"]).items()
        ]
        rows = [f"{key}{case['separator']}{span}{case['newline']}" for key, span in (*spans, ("ugone", "gone 0 1"))]
        (data / "segments").write_bytes("".join(rows).encode())
    for name in ("wav.scp", "text", "utt2spk"):
        lines = [
            (key, str(recordings[value]) if name == "wav.scp" else value)
            for key, value in (sorted(case[name], key=lambda row: row[0].encode()) if case["sorted"] else case[name])
        ]
        content = "".join(key + case["separator"] + value + case["newline"] for key, value in lines)
        (data / name).write_bytes(content.encode())


def call(root: Path, *argv: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "1"}
    environment["PATH"] = f"{root / 'bin'}:{root / 'utils'}:{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(list(map(str, argv)), env=environment, capture_output=True, encoding="utf-8", timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1), done
    return done


def is_named(key: str, text: str) -> bool:
    """The key as a word of its own; "u1" is not named by "u12"."""
    return re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text) is not None


def closing_counts(stderr: str) -> tuple[int, int]:
    found = re.search(r"(\d+) of (\d+) ok", stderr.splitlines()[-1])
    assert found, stderr
    return int(found[1]), int(found[2])


def written_keys(out: Path) -> list[str]:
    scp = out / "feats.scp"
    return [line.split()[0] for line in scp.read_text(encoding="utf-8").splitlines()] if scp.exists() else []


def check(root: Path, folder: Path, case: dict) -> None:
    make(folder, case)
    data = folder / "data"
    usable = {key for key, kind in case["wav.scp"] if kind in ("good", "forty ms")}

    done = call(root, root / "bin/compute-fbank", data / "wav.scp", folder / "fbank")
    written = written_keys(folder / "fbank")
    ok, total = closing_counts(done.stderr)
    assert (ok, total) == (len(written), len(case["wav.scp"])), done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("compute-fbank: ")]) >= total - ok + 1
    for key, _ in case["wav.scp"]:
        assert key in written or is_named(key, done.stderr), (key, done.stderr)
    assert set(written) <= usable
    if case["segments"]:
        done = call(root, root / "bin/compute-fbank", data, folder / "segments")
        assert set(written_keys(folder / "segments")) <= usable and is_named("ugone", done.stderr)
        for key, _ in case["wav.scp"]:
            assert key in written_keys(folder / "segments") or is_named(key, done.stderr), (key, done.stderr)

    for source in (data / "wav.scp", data):
        done = call(root, root / "bin/scp2jsonl", "--allow-missing", f"source={source}", f"target={data / 'text'}")
        rows = [json.loads(line)["key"] for line in done.stdout.splitlines()]
        ok, _ = closing_counts(done.stderr)
        assert ok == len(rows) == len(set(rows))
        for key, _ in case["wav.scp"] + case["text"]:
            assert key in rows or is_named(key, done.stderr), (key, done)

    before = call(root, root / "utils/validate_data_dir.sh", "--no-feats", data)
    copy = folder / "copy"
    shutil.copytree(data, copy)
    fixed = call(root, root / "utils/fix_data_dir.sh", copy)
    said = fixed.stdout + fixed.stderr
    if fixed.returncode != 0:  # nothing would be left: it refuses, in one sentence, and changes nothing
        assert len(said.splitlines()) == 1 and "nothing was changed" in said
        assert {path.name: path.read_bytes() for path in copy.iterdir()} == {
            path.name: path.read_bytes() for path in data.iterdir()
        }
        assert before.returncode != 0
        return
    kept = copy / ("segments" if case["segments"] else "wav.scp")
    left = {line.split()[0] for line in kept.read_text(encoding="utf-8").splitlines()}
    for name in ("wav.scp", "text", "utt2spk"):
        for key, _ in case[name]:
            assert key in left or is_named(key, said), (name, key, said)
    after = call(root, root / "utils/validate_data_dir.sh", "--no-feats", copy)
    assert after.returncode == 0, (said, after.stdout + after.stderr)
    if before.returncode == 0:
        assert left >= {key for key, _ in case["wav.scp"]}


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(directories())
def test_nothing_is_lost_without_being_named(root: Path, case: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(root, Path(folder), case)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(directories())
def test_nothing_is_lost_without_being_named_in_many_more_directories(root: Path, case: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(root, Path(folder), case)
