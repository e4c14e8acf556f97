import json
from pathlib import Path

import numpy as np
import pytest

from asrtools.features.cmvn import read_cmvn
from asrtools.features.frontend import WavFrontend
from asrtools.io.audio import load


@pytest.fixture
def wavs(tmp_path: Path, make_wav) -> list[Path]:
    paths = [make_wav(f"{i:02d}.wav", 0.1 + 0.02 * i) for i in range(40)]
    (tmp_path / "wav.scp").write_text("".join(f"{path.stem} {path}\n" for path in paths))
    return paths


def frames_of(wavs: list[Path], **settings: object) -> np.ndarray:
    frontend = WavFrontend(**settings)
    return np.concatenate([frontend(load(path, rate=16000).samples) for path in wavs]).astype(np.float64)


def test_the_statistics_are_those_of_all_frames_and_models_can_load_them(run, wavs: list[Path], tmp_path: Path) -> None:
    done = run("compute-cmvn", "--lfr", "7,6", "wav.scp", "out")
    assert (done.returncode, done.stderr) == (0, "compute-cmvn: 40 of 40 ok\n")
    frames = frames_of(wavs, lfr_m=7, lfr_n=6)
    cmvn = read_cmvn(tmp_path / "out/am.mvn")
    assert cmvn.dim == 560
    np.testing.assert_allclose(cmvn.shift, -frames.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(cmvn.scale, 1 / frames.std(axis=0), rtol=1e-6)
    sums = json.loads((tmp_path / "out/cmvn.json").read_text())
    assert sums["total_frames"] == len(frames)
    np.testing.assert_allclose(sums["mean_stats"], frames.sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(sums["var_stats"], np.square(frames).sum(axis=0), rtol=1e-11)


def test_the_result_is_the_same_to_the_bit_for_any_number_of_jobs_and_order(
    run, wavs: list[Path], tmp_path: Path
) -> None:
    lines = (tmp_path / "wav.scp").read_text().splitlines(keepends=True)
    (tmp_path / "reversed.scp").write_text("".join(reversed(lines)))
    run("compute-cmvn", "wav.scp", "one")
    run("compute-cmvn", "--nj", "2", "wav.scp", "two")
    run("compute-cmvn", "reversed.scp", "three")
    for name in ("am.mvn", "cmvn.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()


def test_features_computed_before_give_the_same_statistics(run, wavs: list[Path], tmp_path: Path) -> None:
    run("compute-fbank", "wav.scp", "fbank")
    run("compute-cmvn", "--lfr", "7,6", "fbank/feats.scp", "from_feats")
    run("compute-cmvn", "--lfr", "7,6", "wav.scp", "from_wavs")
    assert (tmp_path / "from_feats/am.mvn").read_bytes() == (tmp_path / "from_wavs/am.mvn").read_bytes()


def test_the_configs_own_cmvn_is_not_applied_before_counting(run, wavs: list[Path], tmp_path: Path) -> None:
    run("compute-cmvn", "--lfr", "7,6", "wav.scp", "model")
    (tmp_path / "model/config.yaml").write_text("frontend: WavFrontend\nfrontend_conf:\n  lfr_m: 7\n  lfr_n: 6\n")
    done = run("compute-cmvn", "--config", "model", "wav.scp", "again")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again/am.mvn").read_bytes() == (tmp_path / "model/am.mvn").read_bytes()


def test_the_documented_form(run, wavs: list[Path], tmp_path: Path) -> None:
    run("scp2jsonl", "wav.scp", "--output", "train.jsonl")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/train.yaml").write_text("model: Paraformer\nfrontend_conf:\n  n_mels: 40\n")
    done = run(
        "compute-cmvn",
        "--config-path=conf",
        "--config-name=train.yaml",
        "++train_data_set_list=train.jsonl",
        "++dataset_conf.num_workers=0",
        "++cmvn_file=exp/cmvn.json",
    )
    assert done.returncode == 0, done.stderr
    assert read_cmvn(tmp_path / "exp/am.mvn").dim == 40
    assert json.loads((tmp_path / "exp/cmvn.json").read_text())["total_frames"] == len(frames_of(wavs))


def test_a_part_of_the_data_is_the_same_part_in_any_order(run, wavs: list[Path], tmp_path: Path) -> None:
    run("compute-cmvn", "--scale", "0.4", "wav.scp", "part")
    lines = (tmp_path / "wav.scp").read_text().splitlines(keepends=True)
    (tmp_path / "reversed.scp").write_text("".join(reversed(lines)))
    run("compute-cmvn", "--scale", "0.4", "reversed.scp", "other")
    one, other = (json.loads((tmp_path / name / "cmvn.json").read_text()) for name in ("part", "other"))
    assert one["total_frames"] == other["total_frames"]
    assert 0 < one["total_frames"] < len(frames_of(wavs))


def test_no_usable_input_is_an_error_and_writes_nothing(run, tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text("a none.wav\n")
    done = run("compute-cmvn", "wav.scp", "out")
    assert done.returncode == 1 and not (tmp_path / "out").exists()
    assert "nothing was written" in done.stderr


def test_a_part_without_any_input_is_an_error(run, make_wav, tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text(f"a {make_wav('a.wav', 0.1)}\n")
    done = run("compute-cmvn", "--scale", "1e-9", "wav.scp", "out")
    assert done.returncode == 1 and "--scale 1e-09 takes none of the inputs" in done.stderr
    assert not (tmp_path / "out").exists()


def test_wrong_use_is_one_line(run, tmp_path: Path) -> None:
    for arguments in (["wav.scp"], ["--cmvn-file", "x.json"]):
        done = run("compute-cmvn", *arguments)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
