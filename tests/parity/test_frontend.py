"""Our features against those that FunASR computed, for every array of oracle/frontend.

The limit is 1e-4; what is left is the noise of FunASR's own float32 transform, up to 8e-5 in log-mel without
normalisation (measured against double precision), and up to 3e-5 after it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrtools.features.frontend import WavFrontend
from asrtools.features.lfr import stack_frames

LIMIT = 1e-4


class Oracle:
    """The stored settings, inputs and arrays."""

    def __init__(self, folder: Path):
        self.folder = folder / "frontend"
        self.wavs = folder / "wavs"
        self.about = json.loads((self.folder / "expected.json").read_text())
        with np.load(self.folder / "expected.npz") as arrays:
            self.arrays = dict(arrays)

    def frontend(self, conf: str) -> WavFrontend:
        keywords = dict(self.about["confs"][conf])
        if "cmvn_file" in keywords:
            keywords["cmvn_file"] = self.folder / keywords["cmvn_file"]
        return WavFrontend(**keywords)

    def samples(self, name: str) -> np.ndarray:
        samples, rate = soundfile.read(self.wavs / f"{name}.wav", dtype="float32")
        assert rate == 16000
        return samples


@pytest.fixture(scope="module")
def stored(oracle: Path) -> Oracle:
    return Oracle(oracle)


def check(ours: np.ndarray, stored: Oracle, key: str) -> None:
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, stored.arrays[key], rtol=0, atol=LIMIT, err_msg=key)


def check_conf(stored: Oracle, key: str) -> None:
    conf, name = key.split("/")
    check(stored.frontend(conf)(stored.samples(name)), stored, key)


def check_lfr_edge(stored: Oracle, key: str) -> None:
    num_frames = int(key.split("/")[1])
    samples = stored.samples("short500ms")[: 400 + 160 * (num_frames - 1)]
    check(stored.frontend("lfr76_nocmvn")(samples), stored, key)


def check_subwindow(stored: Oracle, key: str) -> None:
    check(stored.frontend("lfr76_nocmvn")(stored.samples("short500ms")[: int(key.split("/")[1])]), stored, key)


def check_online(stored: Oracle, key: str) -> None:
    kind, size = key.split("/")
    frontend = stored.frontend({"online_lfr76": "lfr76_cmvn", "online_vad51": "vad_lfr51"}[kind])
    check(np.concatenate(streamed(frontend, stored.samples("odd"), int(size))), stored, key)


CHECKS: dict[str, Callable[[Oracle, str], None]] = {
    "lfr_edge": check_lfr_edge,
    "subwindow": check_subwindow,
    "online_lfr76": check_online,
    "online_vad51": check_online,
}


def streamed(frontend: WavFrontend, samples: np.ndarray, size: int) -> list[np.ndarray]:
    stream = frontend.stream()
    pieces = [stream.accept(samples[begin : begin + size]) for begin in range(0, len(samples), size)]
    return [*pieces, stream.finish()]


def test_every_stored_array_is_ours_within_1e_4(stored: Oracle) -> None:
    wrong = []
    for key in stored.arrays:
        try:
            CHECKS.get(key.split("/")[0], check_conf)(stored, key)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n".join(wrong)


def test_every_stored_shape_is_ours(stored: Oracle) -> None:
    checked = 0
    for key, shape in stored.about["shapes"].items():
        kind, name = key.split("/")
        if kind in stored.about["confs"]:
            ours = stored.frontend(kind)(stored.samples(name)).shape
        elif kind == "lfr_edge":
            ours = stack_frames(np.zeros((int(name), 80), np.float32), 7, 6).shape
        elif kind == "subwindow":
            ours = stored.frontend("lfr76_nocmvn")(stored.samples("short500ms")[: int(name)]).shape
        elif kind.startswith("online_"):
            continue  # below: FunASR's pieces are cut otherwise, their sum is ours
        else:
            pytest.fail(f"{key}: no test for this kind")
        assert list(ours) == shape, key
        checked += 1
    assert checked


def test_streams_in_the_stored_chunks_give_the_frames_of_the_whole(stored: Oracle) -> None:
    for key, (online, offline, difference) in stored.about["online_vs_offline"].items():
        kind, size = key.split("/")
        frontend = stored.frontend({"online_lfr76": "lfr76_cmvn", "online_vad51": "vad_lfr51"}[kind])
        pieces = streamed(frontend, stored.samples("odd"), int(size))
        assert sum(len(piece) for piece in pieces) == online[0] == offline[0], key
        # never later than FunASR, so that what streams on top of it is as quick
        theirs = np.cumsum([shape[1] for shape in stored.about["shapes"][key]])
        ours = np.cumsum([len(piece) for piece in pieces])[: len(theirs)]
        assert (ours[:-1] >= theirs[:-1]).all(), key
        whole = frontend(stored.samples("odd"))
        np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=max(difference, 1e-6), err_msg=key)


def test_a_batch_has_the_stored_shape_and_lengths(stored: Oracle) -> None:
    frontend = stored.frontend("lfr76_cmvn")
    feats, lens = frontend.batch([stored.samples("short500ms"), stored.samples("odd")])
    assert list(feats.shape) == stored.about["batch_shape"]
    assert lens.tolist() == stored.about["batch_lens"]
    check(feats[0, : lens[0]], stored, "lfr76_cmvn/short500ms")
    check(feats[1], stored, "lfr76_cmvn/odd")


def test_the_torch_face_gives_the_stored_arrays_too(stored: Oracle) -> None:
    torch = pytest.importorskip("torch")
    from asrtools.features.torch_fbank import TorchFrontend

    names = stored.about["inputs"]
    utterances = [torch.from_numpy(stored.samples(name)) for name in names]
    samples = torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True)
    sizes = torch.tensor([len(one) for one in utterances])
    for conf in stored.about["confs"]:
        feats, lens = TorchFrontend(stored.frontend(conf))(samples, sizes)
        for name, row, length in zip(names, feats, lens.tolist(), strict=True):
            if f"{conf}/{name}" in stored.arrays:
                check(row[:length].numpy(), stored, f"{conf}/{name}")
