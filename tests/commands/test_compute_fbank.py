import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import kaldi_native_io
import kaldiio
import numpy as np
import pytest
import soundfile

from asrtools.features.frontend import WavFrontend


@pytest.fixture
def data(tmp_path: Path, make_wav: Callable[..., Path]) -> Path:
    """A data directory of 40 recordings of several rates."""
    folder = tmp_path / "data dir"
    folder.mkdir()
    lines = []
    for i in range(40):
        make_wav(f"wavs/{i}.wav", 0.2 + 0.03 * i, rate=(16000, 8000, 44100)[i % 3], channels=1 + i % 2)
        lines.append(f"utt-{i:02d} wavs/{i}.wav\n")
    (folder / "wav.scp").write_text("".join(lines))
    return folder


def expected(path: Path, **settings: object) -> np.ndarray:
    from asrtools.io.audio import load

    return WavFrontend(**settings)(load(path, rate=16000).samples)


def test_a_directory_gets_features_that_two_readers_agree_on(run, data: Path, tmp_path: Path) -> None:
    done = run("compute-fbank", "data dir", "exp/out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "compute-fbank: 40 of 40 ok\n")
    scp = dict(line.split(" ", 1) for line in (tmp_path / "exp/out/feats.scp").read_text().splitlines())
    assert list(scp) == [f"utt-{i:02d}" for i in range(40)]
    frames = dict(line.split() for line in (tmp_path / "exp/out/utt2num_frames").read_text().splitlines())
    ark = dict(kaldiio.load_ark(str(tmp_path / "exp/out/feats.ark")))
    native = {}
    with kaldi_native_io.SequentialFloatMatrixReader(f"ark:{tmp_path / 'exp/out/feats.ark'}") as reader:
        native = {key: np.array(value) for key, value in reader}
    assert list(native) == list(ark) == list(scp)
    for i, (key, place) in enumerate(scp.items()):
        matrix = kaldiio.load_mat(str(tmp_path / place))
        assert matrix.dtype == np.float32 and len(matrix) == int(frames[key])
        np.testing.assert_array_equal(matrix, ark[key])
        np.testing.assert_array_equal(matrix, native[key])
        np.testing.assert_allclose(matrix, expected(tmp_path / f"wavs/{i}.wav"), atol=1e-6)


def test_the_bytes_are_the_same_for_any_number_of_jobs_and_any_kind_of_list(run, data: Path, tmp_path: Path) -> None:
    run("compute-fbank", "data dir", "one")
    assert run("compute-fbank", "--nj", 3, "data dir", "three").returncode == 0
    for name in ("feats.ark", "utt2num_frames"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()
    listing = (data / "wav.scp").read_text()
    assert run("compute-fbank", "--input-type", "scp", "-", "stdin", stdin=listing).returncode == 0
    run("scp2jsonl", "data dir/wav.scp", "--output", "list.jsonl")
    assert run("compute-fbank", "list.jsonl", "jsonl").returncode == 0
    for name in ("stdin", "jsonl"):
        assert (tmp_path / name / "feats.ark").read_bytes() == (tmp_path / "one/feats.ark").read_bytes()


@pytest.mark.parametrize("nj", [1, 2])
def test_an_archive_can_be_appended_to_a_file_or_go_through_dev_stdout(
    run, root: Path, data: Path, tmp_path: Path, nj: int
) -> None:
    run("compute-fbank", "data dir", "out")
    wanted = (tmp_path / "out/feats.ark").read_bytes()
    command = f'"{sys.executable}" "{root}/bin/compute-fbank" --nj {nj} "data dir"'
    script = f"printf head > a.ark; {command} ark:- >> a.ark && {command} ark:/dev/stdout | cat > b.ark"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "a.ark").read_bytes() == b"head" + wanted
    assert (tmp_path / "b.ark").read_bytes() == wanted
    full = subprocess.run(["bash", "-c", f"{command} ark:/dev/full"], cwd=tmp_path, capture_output=True, text=True)
    assert full.returncode == 1 and "no space left" in full.stderr.lower()


def test_an_output_that_is_an_input_is_refused(run, data: Path, tmp_path: Path) -> None:
    listing = (data / "wav.scp").read_bytes()
    (tmp_path / "wav.scp").write_bytes(listing)
    done = run("compute-fbank", "wav.scp", "ark,scp:a.ark,wav.scp")
    assert done.returncode == 2 and "wav.scp is both input and output" in done.stderr
    assert (tmp_path / "wav.scp").read_bytes() == listing


def test_a_config_without_frontend_or_with_a_misspelt_one_is_an_error(
    run, make_wav, tmp_path: Path, oracle: Path
) -> None:
    make_wav("a.wav")
    (tmp_path / "c.yaml").write_text("frontend_cnf:\n  n_mels: 40\n")
    done = run("compute-fbank", "--config", "c.yaml", "a.wav", "out")
    assert done.returncode == 1 and "c.yaml:1: frontend_cnf is no key" in done.stderr
    done = run("compute-fbank", "--config", oracle / "ct_punc", "a.wav", "out")
    assert done.returncode == 1 and "names no frontend" in done.stderr


def test_kaldi_wspecifiers_are_understood(run, data: Path, tmp_path: Path) -> None:
    run("compute-fbank", "data dir", "out")
    done = run("compute-fbank", "data dir/wav.scp", "ark,scp:a.ark,a.scp")
    assert done.returncode == 0
    assert (tmp_path / "a.ark").read_bytes() == (tmp_path / "out/feats.ark").read_bytes()
    assert (tmp_path / "a.scp").read_text() == (tmp_path / "out/feats.scp").read_text().replace(
        "out/feats.ark", "a.ark"
    )
    text = run("compute-fbank", "data dir/wav.scp", "ark,t:-")
    assert text.stdout.startswith("utt-00  [\n") and text.stdout.count("]") == 40


def test_lfr_cmvn_and_config_make_the_features_of_a_model(run, data: Path, tmp_path: Path, oracle: Path) -> None:
    am_mvn = oracle / "paraformer" / "am.mvn"
    run("compute-fbank", "--lfr", "7,6", "--cmvn", am_mvn, "data dir", "options")
    run("compute-fbank", "--config", oracle / "paraformer", "data dir", "config")
    run("compute-fbank", "++lfr_m=7", "++frontend_conf.lfr_n=6", f"++cmvn_file={am_mvn}", "data dir", "plus")
    run("compute-fbank", "data dir", "plain")
    run("compute-fbank", "--lfr", "7,6", "--cmvn", am_mvn, "plain/feats.scp", "from_feats")
    wanted = expected(tmp_path / "wavs/0.wav", lfr_m=7, lfr_n=6, cmvn_file=am_mvn)
    for name in ("options", "config", "plus", "from_feats"):
        matrix = next(iter(kaldiio.load_ark(str(tmp_path / name / "feats.ark"))))[1]
        np.testing.assert_allclose(matrix, wanted, atol=1e-5, err_msg=name)


def test_bad_recordings_are_named_and_cost_nothing_else(run, tmp_path: Path, make_wav) -> None:
    make_wav("good.wav", 1.0)
    make_wav("forty.wav", 0.04)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is no sound")
    (tmp_path / "cut.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:5000])
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0, np.int16), 16000)
    soundfile.write(tmp_path / "silence.wav", np.zeros(8000, np.int16), 16000)
    names = ["good", "forty", "empty", "text", "cut", "nothing", "silence", "missing"]
    (tmp_path / "wav.scp").write_bytes(
        b"".join(f"{name} {name}.wav\n".encode() for name in names) + b"good good.wav\nonly\n\xff\xfe x.wav\n"
    )
    done = run("compute-fbank", "wav.scp", "out")
    assert done.returncode == 1
    written = [line.split()[0] for line in (tmp_path / "out/feats.scp").read_text().splitlines()]
    assert written == ["good", "forty", "silence"]
    for key, cause in {
        "empty": "empty",
        "text": "text",
        "cut": "cut short",
        "nothing": "no samples",
        "missing": "no such file",
        "good": "duplicate",
        "only": "no value",
    }.items():
        assert [line for line in done.stderr.splitlines() if key in line and cause in line], (key, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == "compute-fbank: 3 of 11 ok, 8 errors"
    assert len(done.stderr.splitlines()) == 9


def test_channels(run, tmp_path: Path, make_wav) -> None:
    make_wav("two.wav", 0.5, channels=2)
    assert run("compute-fbank", "--channel", "each", "two.wav", "each").returncode == 0
    assert run("compute-fbank", "--channel", "1", "two.wav", "second").returncode == 0
    each = dict(kaldiio.load_ark(str(tmp_path / "each/feats.ark")))
    assert list(each) == ["two-0", "two-1"]
    second = dict(kaldiio.load_ark(str(tmp_path / "second/feats.ark")))
    np.testing.assert_array_equal(second["two"], each["two-1"])
    make_wav("one.wav", 0.5)
    assert run("compute-fbank", "--channel", "each", "one.wav", "two.wav", "mono").returncode == 0
    assert list(dict(kaldiio.load_ark(str(tmp_path / "mono/feats.ark")))) == ["one", "two-0", "two-1"]
    done = run("compute-fbank", "--channel", "2", "two.wav", "third")
    assert done.returncode == 1 and "has no channel 2" in done.stderr


@pytest.mark.parametrize("nj", [1, 2])
def test_killed_midway_it_leaves_nothing_that_looks_finished(
    run, root: Path, tmp_path: Path, make_wav, nj: int
) -> None:
    make_wav("a.wav", 5.0)
    (tmp_path / "long.scp").write_text("".join(f"utt-{i} a.wav\n" for i in range(20_000)))
    (tmp_path / "short.scp").write_text("utt-0 a.wav\n")
    argv = [sys.executable, root / "bin/compute-fbank", "--nj", str(nj), "long.scp", "out"]
    process = subprocess.Popen(argv, cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.feats.ark*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    assert process.poll() is None
    process.kill()
    process.wait()
    assert not [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]
    assert run("compute-fbank", "--nj", nj, "short.scp", "out").returncode == 0
    assert (tmp_path / "out/utt2num_frames").read_text() == "utt-0 498\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_ends_at_once_and_leaves_nothing(
    root: Path, tmp_path: Path, make_wav, number: int, code: int
) -> None:
    make_wav("a.wav", 1.0)
    (tmp_path / "slow.scp").write_text("".join(f"utt-{i} sleep 1; cat a.wav |\n" for i in range(200)))
    argv = [sys.executable, root / "bin/compute-fbank", "--nj", "2", "slow.scp", "out"]
    process = subprocess.Popen(argv, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.parts.*/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, len(said.splitlines())) == (code, 1), said
    assert time.monotonic() - began < 10  # a chunk of 16 would take 16 s to its end
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_in_which_all_fail_leaves_the_files_of_before(run, data: Path, tmp_path: Path) -> None:
    assert run("compute-fbank", "data dir", "out").returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "bad.scp").write_text("a none.wav\nb none.wav\n")
    done = run("compute-fbank", "bad.scp", "out")
    assert done.returncode == 1 and "nothing was written to out" in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_whispers_features_are_written_with_a_frame_a_row(run, make_wav, tmp_path: Path) -> None:
    make_wav("a.wav", 1.0)
    assert run("compute-fbank", "++frontend=WhisperFrontend", "++do_pad_trim=false", "a.wav", "out").returncode == 0
    assert (tmp_path / "out/utt2num_frames").read_text() == "a 100\n"


def test_a_cmvn_file_that_configuration_json_names_and_that_is_not_there_is_an_error(
    run, make_wav, tmp_path: Path
) -> None:
    make_wav("a.wav", 1.0)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.yaml").write_text("frontend: WavFrontend\nfrontend_conf:\n  cmvn_file: null\n")
    (tmp_path / "model/configuration.json").write_text(
        '{"file_path_metas": {"frontend_conf": {"cmvn_file": "am.mvn"}}}'
    )
    done = run("compute-fbank", "--config", "model", "a.wav", "out")
    assert done.returncode == 1 and "model/am.mvn: configuration.json names it" in done.stderr
    assert run("compute-cmvn", "--config", "model", "a.wav", "model").returncode == 0
    assert run("compute-fbank", "--config", "model", "a.wav", "out").returncode == 0


def test_a_run_that_fails_leaves_the_files_of_before(run, data: Path, tmp_path: Path) -> None:
    assert run("compute-fbank", "data dir", "out").returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    done = run("compute-fbank", "none.scp", "out")
    assert done.returncode == 1
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert run("compute-fbank", "none.scp", "new").returncode == 1 and not (tmp_path / "new").exists()
    done = run("compute-fbank", "data dir", "/dev/null/nowhere")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["x.wav"], 2, "it takes DATA and OUT"),
        (["--lfr", "7", "x.wav", "out"], 2, "two numbers"),
        (["--channel", "all", "x.wav", "out"], 2, "one channel"),
        (["++n_mels=40", "++frontend_conf.n_mels=20", "x.wav", "out"], 2, "given twice"),
        (["--lfr", "7,6", "++lfr_m=5", "x.wav", "out"], 2, "as an option and as ++lfr_m"),
        (["++n_mel=3", "x.wav", "out"], 2, "did you mean ++n_mels"),
        (["++frontend=WavFronted", "x.wav", "out"], 2, "did you mean"),
        (["--config", "none.yaml", "x.wav", "out"], 1, "none.yaml"),
        (["--cmvn", "none.mvn", "x.wav", "out"], 1, "none.mvn"),
        (["none.scp", "out"], 1, "none.scp: no such file"),
        (["--compress", "0", "x.wav", "out"], 2, "compress"),
        (["x.wav", "-"], 2, "write ark:- for stdout"),
        (["x.wav", "x.wav"], 1, "x.wav"),
        (["++n_mels=abc", "x.wav", "out"], 1, "n_mels is 'abc'; int is wanted"),
        (["++frontend_conf.fs=16000.5", "x.wav", "out"], 1, "fs is 16000.5; int is wanted"),
        (["++snip_edges=maybe", "x.wav", "out"], 1, "snip_edges is 'maybe'; bool is wanted"),
        (["--lfr", "100000,1", "x.wav", "out"], 1, "lfr_m is 100000"),
        (["++frame_length=100000000", "x.wav", "out"], 1, "frame_length is 100000000"),
    ],
)
def test_wrong_use_is_one_line(run, tmp_path: Path, make_wav, arguments: list[str], code: int, says: str) -> None:
    make_wav("x.wav")
    done = run("compute-fbank", *arguments)
    assert done.returncode == code and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and says in done.stderr
