import gzip
import io
import pickle

import kaldi_native_io
import kaldiio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asrtools.errors import DataError
from asrtools.io.ark import holds_features, index_ark, read_ark, read_matrix, split_place
from asrtools.io.feature_writer import FeatureWriter

keys = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=" "), min_size=1, max_size=12)
matrices = st.builds(
    lambda rows, columns, seed: np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32),
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(0, 99),
)


def places(folder) -> dict[str, str]:
    lines = (folder / "feats.scp").read_bytes().decode().splitlines()
    return dict(line.split(" ", 1) for line in lines)


@pytest.fixture
def feats(tmp_path):
    """An archive of two matrices, as written by kaldiio."""
    rng = np.random.default_rng(0)
    matrices = {
        "a": rng.standard_normal((7, 3)).astype(np.float32),
        "b": rng.standard_normal((20, 3)).astype(np.float32),
    }
    kaldiio.save_ark(str(tmp_path / "feats.ark"), matrices, scp=str(tmp_path / "feats.scp"))
    return tmp_path, matrices


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.dictionaries(keys, matrices, min_size=1, max_size=4), st.booleans())
def test_matrices_survive_whatever_their_keys(tmp_path_factory, written, is_text):
    folder = tmp_path_factory.mktemp("ark")
    with FeatureWriter(f"ark,scp{',t' if is_text else ''}:{folder}/feats.ark,{folder}/feats.scp") as writer:
        for key, matrix in written.items():
            writer.write(key, matrix)
    read = dict(read_ark(folder / "feats.ark"))
    assert list(read) == list(written)
    for line in (folder / "feats.scp").read_bytes().decode().split("\n")[:-1]:
        key, place = line.split(" ", 1)
        assert np.array_equal(read[key], written[key])
        assert np.array_equal(read_matrix(place), written[key])
    if not is_text:
        assert [key for key, _ in index_ark(folder / "feats.ark")] == list(written)


@pytest.mark.parametrize("compress", [None, "auto", 2, 3, 5, 7])
def test_kaldiio_kaldi_and_we_read_the_same(tmp_path, compress):
    matrix = np.random.default_rng(0).random((50, 8)).astype(np.float32)
    with FeatureWriter(tmp_path, compress) as writer:
        writer.write("语音-1", matrix)
        writer.write("b", matrix[:4])
    ours = dict(read_ark(tmp_path / "feats.ark"))
    by_kaldiio = dict(kaldiio.load_ark(str(tmp_path / "feats.ark")))
    with kaldi_native_io.SequentialFloatMatrixReader(f"ark:{tmp_path}/feats.ark") as reader:
        by_kaldi = {key: matrix.copy() for key, matrix in reader}  # what it gives is overwritten by the next
    with kaldi_native_io.SequentialFloatMatrixReader(f"scp:{tmp_path}/feats.scp") as reader:
        by_scp = {key: matrix.copy() for key, matrix in reader}
    assert list(ours) == list(by_kaldiio) == list(by_kaldi) == list(by_scp) == ["语音-1", "b"]
    for key, place in places(tmp_path).items():
        assert np.array_equal(ours[key], by_kaldiio[key])
        assert np.array_equal(ours[key], read_matrix(place))
        assert np.array_equal(by_kaldi[key], by_scp[key])
        assert np.allclose(ours[key], by_kaldi[key], atol=0 if compress is None else 1e-6)
        assert np.allclose(ours[key], matrix[: len(ours[key])], atol=0 if compress is None else 0.02)
    assert ours["b"].flags["C_CONTIGUOUS"]
    assert ours["b"].flags["WRITEABLE"]


@pytest.mark.parametrize("how", ["text", "binary", "double", "compressed"])
def test_what_kaldi_writes_is_read(tmp_path, how):
    matrix = np.random.default_rng(0).random((20, 4)).astype(np.float32)
    writers = {
        "text": (kaldi_native_io.FloatMatrixWriter, "ark,t,scp"),
        "binary": (kaldi_native_io.FloatMatrixWriter, "ark,scp"),
        "double": (kaldi_native_io.DoubleMatrixWriter, "ark,scp"),
        "compressed": (
            kaldi_native_io.CompressedMatrixWriter,
            "ark,scp",
            kaldi_native_io.CompressionMethod.kAutomaticMethod,
        ),
    }
    make, kind, *method = writers[how]
    with make(f"{kind}:{tmp_path}/feats.ark,{tmp_path}/feats.scp") as writer:
        for key in ("a", "b"):
            writer.write(key, matrix.astype(np.float64) if how == "double" else matrix, *method)
    read = dict(read_ark(tmp_path / "feats.ark"))
    assert list(read) == ["a", "b"]
    for key, place in places(tmp_path).items():
        assert read[key].dtype == np.float32
        assert np.allclose(read[key], matrix, atol=0.01 if how == "compressed" else 1e-6)
        assert np.array_equal(read_matrix(place), read[key])
    assert [place for _, place in index_ark(tmp_path / "feats.ark")] == list(places(tmp_path).values())


def test_a_range_is_inclusive_as_in_kaldi(feats):
    folder, matrices = feats
    place = places(folder)["b"]
    assert np.array_equal(read_matrix(f"{place}[2:5]"), matrices["b"][2:6])
    assert np.array_equal(read_matrix(f"{place}[2:5,1:2]"), matrices["b"][2:6, 1:3])
    assert np.array_equal(read_matrix(f"{place}[,0]"), matrices["b"][:, :1])


def test_gzip_is_read_by_place_and_in_order(feats):
    folder, matrices = feats
    packed = folder / "feats.ark.gz"
    packed.write_bytes(gzip.compress((folder / "feats.ark").read_bytes()))
    offset = places(folder)["b"].rpartition(":")[2]
    assert np.array_equal(read_matrix(f"{packed}:{offset}"), matrices["b"])
    assert [key for key, _ in read_ark(packed)] == ["a", "b"]
    assert [place.rpartition(":")[2] for _, place in index_ark(packed)][1] == offset


def test_stdin_gives_an_archive(feats, type_in):
    folder, matrices = feats
    type_in((folder / "feats.ark").read_bytes())
    read = dict(read_ark("-"))
    assert np.array_equal(read["b"], matrices["b"])


def test_single_matrices_come_from_files_numpy_and_pipes(tmp_path, feats):
    folder, matrices = feats
    kaldiio.save_mat(str(tmp_path / "one"), matrices["a"])
    np.save(tmp_path / "one.npy", matrices["a"].astype(np.float64))
    for source in (tmp_path / "one", f"{tmp_path}/one.npy", f"cat {tmp_path}/one |"):
        read = read_matrix(source)
        assert read.dtype == np.float32
        assert np.array_equal(read, matrices["a"])


def test_features_and_waves_are_told_apart(tmp_path, feats, wave, speech):
    folder, _ = feats
    kaldiio.save_ark(str(tmp_path / "wave.ark"), {"a": (16000, speech)})
    assert holds_features(places(folder)["b"])
    assert holds_features("x.npy")
    for source in (f"{tmp_path}/wave.ark:2", str(wave), "sox x |", "http://host:80", "nowhere.ark:7", ""):
        assert not holds_features(source)


def test_waves_of_every_kind_are_indexed(tmp_path, speech):
    for name, options in (("wave", {}), ("sound", {"write_function": "soundfile"})):
        ark, scp = tmp_path / f"{name}.ark", tmp_path / f"{name}.scp"
        kaldiio.save_ark(str(ark), {"a": (16000, speech), "b": (8000, speech)}, scp=str(scp), **options)
        assert [f"{key} {place}" for key, place in index_ark(ark)] == scp.read_text().splitlines()


def test_a_name_with_a_colon_that_exists_is_a_name(tmp_path):
    (tmp_path / "a:1").touch()
    assert split_place(f"{tmp_path}/a:1") == (f"{tmp_path}/a:1", None)
    assert split_place("b.ark:1") == ("b.ark", 1)


def test_a_cut_archive_names_file_key_and_offset(feats):
    folder, _ = feats
    ark = folder / "feats.ark"
    whole = ark.read_bytes()
    start = int(places(folder)["b"].rpartition(":")[2])
    for size in (len(whole) - 1, start + 3, start):
        ark.write_bytes(whole[:size])
        for reader in (read_ark, index_ark):
            entries = reader(ark)
            assert next(entries)[0] == "a"
            with pytest.raises(DataError, match=f"feats.ark: b at byte {start}: |b at byte {start}; make"):
                next(entries)
        with pytest.raises(DataError, match=f"feats.ark:{start}: no whole matrix stands there"):
            read_matrix(f"{ark}:{start}")
    ark.write_bytes(whole[: start - 1])
    with pytest.raises(DataError, match="is cut short after the key b"):
        list(read_ark(ark))


def test_cut_text_and_ragged_rows_are_errors(tmp_path):
    for text in (" [\n 1 2\n 3 4", " [\n 1 2\n 3 ]\n", " [\n 1 x ]\n", " 1 2\n"):
        (tmp_path / "a.ark").write_text("key" + text)
        with pytest.raises(DataError, match="a.ark: key at byte 4: no whole matrix"):
            list(read_ark(tmp_path / "a.ark"))


def test_a_sound_file_is_no_archive(wave):
    with pytest.raises(DataError, match="should be an archive|no whole matrix|is cut short"):
        list(read_ark(wave))


def test_a_matrix_without_key_is_no_archive(tmp_path):
    kaldiio.save_mat(str(tmp_path / "one"), np.zeros((2, 2), np.float32))
    with pytest.raises(DataError, match="one matrix without a key"):
        list(read_ark(tmp_path / "one"))


def test_vectors_waves_and_pickles_are_refused(tmp_path, speech):
    ark = str(tmp_path / "a.ark")
    kaldiio.save_ark(ark, {"a": np.zeros(3, np.float32)})
    with pytest.raises(DataError, match=r"holds float32 of the shape \(3,\); should be a matrix"):
        read_matrix(f"{ark}:2")
    kaldiio.save_ark(ark, {"a": (16000, speech)})
    with pytest.raises(DataError, match="holds a wave; should be a matrix"):
        read_matrix(f"{ark}:2")
    with open(ark, "wb") as file:
        file.write(b"a PKL" + pickle.dumps(np.zeros((2, 2))))
    with pytest.raises(DataError, match="holds a Python pickle, which could run code"):
        read_matrix(f"{ark}:2")
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "a.npy").write_bytes(file.getvalue())
    with pytest.raises(DataError, match="is no whole numpy array"):
        read_matrix(tmp_path / "a.npy")


def test_missing_files_are_named(tmp_path):
    for name, place in (("a.ark", ":3"), ("a.npy", ""), ("a", "")):
        with pytest.raises(DataError, match=f"{name}: no such file"):
            read_matrix(f"{tmp_path}/{name}{place}")
