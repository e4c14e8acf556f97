import os
import subprocess
import sys

import kaldiio
import numpy as np
import pytest

from asrtools.errors import DataError
from asrtools.io.ark import read_ark, read_matrix
from asrtools.io.feature_writer import FeatureWriter

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_a_directory_gets_ark_scp_and_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with FeatureWriter("exp/fbank") as writer:
        writer.write("a", MATRIX)
        writer.write("b", MATRIX[:2])
    assert sorted(os.listdir("exp/fbank")) == ["feats.ark", "feats.scp", "utt2num_frames"]
    assert (tmp_path / "exp/fbank/feats.scp").read_text() == "a exp/fbank/feats.ark:2\nb exp/fbank/feats.ark:67\n"
    assert (tmp_path / "exp/fbank/utt2num_frames").read_text() == "a 4\nb 2\n"
    assert np.array_equal(kaldiio.load_scp("exp/fbank/feats.scp")["b"], MATRIX[:2])
    assert writer.count == 2


@pytest.mark.parametrize(
    "specifier", ["ark,scp:A,S", "scp,ark:S,A", "ark,scp,t:A,S", "ark,t,f,scp:A,S", "ark:A", "ark,t:A"]
)
def test_wspecifiers_name_the_files(tmp_path, monkeypatch, specifier):
    monkeypatch.chdir(tmp_path)
    with FeatureWriter(specifier) as writer:
        writer.write("a", MATRIX)
    assert sorted(os.listdir()) == (["A", "S"] if "scp" in specifier else ["A"])
    assert np.array_equal(dict(read_ark("A"))["a"], MATRIX)
    assert (b"\0B" in (tmp_path / "A").read_bytes()) == (",t" not in specifier)
    if "scp" in specifier:
        assert (tmp_path / "S").read_text() == "a A:2\n"
        assert np.array_equal(read_matrix("A:2"), MATRIX)


@pytest.mark.parametrize("option", ["ark:-", "ark,t:-"])
def test_an_archive_can_go_to_stdout(option):
    script = (
        "import sys, numpy\n"
        "from asrtools.io.feature_writer import FeatureWriter\n"
        "with FeatureWriter(sys.argv[1]) as w: w.write('a', numpy.eye(2)); w.write('b', numpy.eye(3))\n"
    )
    command = f'"{sys.executable}" -c "{script}" {option}'
    read = "import sys; from asrtools.io.ark import read_ark; print([(k, m.shape) for k, m in read_ark('-')])"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'{command} | "{sys.executable}" -c "{read}"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[('a', (2, 2)), ('b', (3, 3))]\n"


@pytest.mark.parametrize(
    ("specifier", "sentence"),
    [
        ("scp:S", "an scp needs an archive to point into; should be ark,scp:"),
        ("ark,scp:A", "names 1 files for ark,scp"),
        ("ark,scp:A,B,C", "names 3 files"),
        ("ark,scp:A,A", "names 2 files"),
        ("ark:", "names 1 files"),
        ("ark,scp:-,S", "cannot point into a stream"),
        ("ark,x:A", "'x' is no option of a wspecifier; known are ark, scp, t"),
        ("ark:| gzip > A.gz", "is no file name; write `ark:- | command`"),
    ],
)
def test_a_bad_wspecifier_says_what_is_right(tmp_path, monkeypatch, specifier, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        FeatureWriter(specifier)
    assert sentence in str(caught.value)
    assert os.listdir() == []


def test_an_exception_leaves_what_was_there_before(tmp_path):
    with FeatureWriter(tmp_path) as writer:
        writer.write("old", MATRIX)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    with pytest.raises(KeyboardInterrupt), FeatureWriter(tmp_path) as writer:
        writer.write("new", MATRIX)
        raise KeyboardInterrupt
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_the_list_gets_its_name_last(tmp_path, monkeypatch):
    with FeatureWriter(tmp_path) as writer:
        writer.write("old", MATRIX)
    renamed = []
    rename = os.replace

    def spy(source, target):
        renamed.append((os.path.basename(target), (tmp_path / "feats.scp").exists()))
        rename(source, target)

    monkeypatch.setattr(os, "replace", spy)
    with FeatureWriter(tmp_path) as writer:
        writer.write("new", MATRIX)
    assert renamed == [("feats.ark", False), ("utt2num_frames", False), ("feats.scp", False)]


def test_a_file_that_cannot_be_opened_leaves_no_other(tmp_path):
    with (
        pytest.raises(DataError, match="nowhere is no directory"),
        FeatureWriter(f"ark,scp:{tmp_path}/A,{tmp_path}/nowhere/S"),
    ):
        pass
    assert os.listdir(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        FeatureWriter(tmp_path / "file" / "exp")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_one_sentence():
    with (
        pytest.raises(DataError, match="/dev/full: cannot be written .no space left"),
        FeatureWriter("ark:/dev/full") as writer,
    ):
        writer.write("a", np.zeros((1000, 80), np.float32))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_going_on_after_a_full_disk_does_not_make_an_archive(tmp_path):
    with pytest.raises(DataError, match="no space left"), FeatureWriter(f"ark,scp:/dev/full,{tmp_path}/S") as writer:
        for _ in range(2):
            with pytest.raises(DataError, match="no space left"):
                writer.write("a", np.zeros((1000, 80), np.float32))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("key", "matrix", "sentence"),
    [
        ("a b", MATRIX, "'a b' cannot be a key; it should be text without spaces"),
        ("", MATRIX, "'' cannot be a key"),
        ("a\n", MATRIX, "cannot be a key"),
        ("\ud800", MATRIX, "cannot be a key; it should be valid Unicode"),
        ("old", MATRIX, "'old' is written a second time"),
        ("a", MATRIX[0], r"'a' has float32 of the shape (3,); should be [frames, dimension]"),
        ("a", MATRIX[:0], r"of the shape (0, 3); should be [frames, dimension], not empty"),
        ("a", MATRIX * np.nan, "'a' holds NaN or infinity"),
    ],
)
def test_what_kaldi_could_not_read_is_not_written(tmp_path, key, matrix, sentence):
    with FeatureWriter(tmp_path) as writer:
        writer.write("old", MATRIX)
        with pytest.raises(DataError) as caught:
            writer.write(key, matrix)
        assert sentence in str(caught.value)
        writer.write("after", MATRIX)
    assert [key for key, _ in read_ark(tmp_path / "feats.ark")] == ["old", "after"]


def test_compression_is_of_known_methods_and_for_fitting_values(tmp_path):
    for method in (0, 4, 6, "best", 1.5):
        with pytest.raises(DataError, match="is not known; should be auto, 2, 3, 5, or 7"):
            FeatureWriter(tmp_path, compress=method)
    with pytest.raises(DataError, match="text cannot be compressed"):
        FeatureWriter(f"ark,t:{tmp_path}/A", compress="auto")
    with (
        FeatureWriter(tmp_path, compress=7) as writer,
        pytest.raises(DataError, match="values from 0 to 11; compression method 7"),
    ):
        writer.write("a", MATRIX)


def test_compression_makes_files_small(tmp_path):
    matrix = np.random.default_rng(0).standard_normal((500, 40)).astype(np.float32)
    with FeatureWriter(tmp_path / "plain") as plain, FeatureWriter(tmp_path / "small", compress="2") as small:
        plain.write("a", matrix)
        small.write("a", matrix)
    sizes = [(tmp_path / name / "feats.ark").stat().st_size for name in ("plain", "small")]
    assert sizes[1] < sizes[0] / 3
