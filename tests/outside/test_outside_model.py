"""Models from a file of one's own, written the way the documents show, with FunASR's names in its imports."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrtools import AutoModel
from asrtools.errors import ConfigError, ModelError
from asrtools.register import tables

MODEL = """
import torch
from torch import nn
from funasr.register import tables
from funasr.utils.load_utils import load_audio_text_image_video, extract_fbank
from funasr.utils.datadir_writer import DatadirWriter
from funasr.train_utils.device_funcs import force_gatherable


@tables.register("model_classes", "NAME")
class MyModel(nn.Module):
    def __init__(self, **kwargs):
        super().__init__()
        assert kwargs["frontend"].fs == 16000 and kwargs["input_size"] == 80
        self.layer = nn.Linear(kwargs["hidden_size"], 1)
        self.table = torch.arange(3)

    def forward(self, speech, speech_lengths, text, text_lengths, **kwargs):
        return force_gatherable((self.layer.weight.sum(), {}, 1), "cpu")

    def inference(self, data_in, data_lengths=None, key=None, tokenizer=None, frontend=None, **kwargs):
        assert self.table.tolist() == [0, 1, 2]
        audio = load_audio_text_image_video(data_in, fs=frontend.fs, audio_fs=16000)
        if any(len(one) == 1234 for one in audio):
            raise ZeroDivisionError("1234 samples")
        speech, lens = extract_fbank(audio, frontend=frontend)
        assert speech.shape[2] == 80
        results = []
        for name, length in zip(key, lens.tolist()):
            results.append({"key": name, "text": f"你好 {length} " + kwargs.get("language", "-"), "timestamp": TIMES})
        return results, {"batch_data_time": 1.0}
"""
TIMES = [[0, 100], [100, 200], [200, 300], [300, 400]]


@pytest.fixture
def directory(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    import torch

    folder = tmp_path / "model"
    folder.mkdir()
    name = f"MyModel{abs(hash(request.node.name))}"
    (folder / "config.yaml").write_text(
        f"model: {name}\nmodel_conf: {{hidden_size: 4}}\nfrontend: WavFrontend\nfrontend_conf: {{fs: 16000}}\n"
    )
    times = getattr(request, "param", repr(TIMES))
    (folder / "model.py").write_text(MODEL.replace("NAME", name).replace("TIMES", times))
    torch.save({"layer.weight": torch.zeros(1, 4), "layer.bias": torch.zeros(1)}, folder / "model.pt")
    return folder


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).standard_normal(16000) * 0.1, 16000)
    return path


def load(directory: Path, **keywords) -> AutoModel:
    return AutoModel(model=str(directory), trust_remote_code=True, remote_code="./model.py", device="cpu", **keywords)


def test_a_model_of_one_s_own_is_used_as_the_documents_say(directory: Path, wav: Path) -> None:
    model = load(directory)
    (result,) = model.generate(input=str(wav), language="zh", data_type="its-own")
    assert result == {"key": "a", "text": "你好 98 zh", "timestamp": TIMES}
    results = model.generate(input=[str(wav), "no.wav", np.zeros(1234, np.float32), np.zeros(16000, np.float32)])
    assert [bool(one.get("error")) for one in results] == [False, True, True, False]
    assert "ZeroDivisionError" in results[2]["error"] and results[3]["text"] == "你好 98 -"


SECONDS = '[{"start_time": 0.0, "end_time": 0.1}, {"start_time": 0.1, "end_time": 0.2}, '
SECONDS += '{"start_time": 0.2, "end_time": 0.3}, {"start_time": 0.3, "end_time": 0.4}]'
WITH_TEXT = '[[0, 100, "你"], [100, 200, "好"], [200, 300, "98"], [300, 400, "-"]]'


@pytest.mark.parametrize("directory", [SECONDS, WITH_TEXT], indirect=True)
def test_times_in_other_documented_forms_are_converted(directory: Path, wav: Path) -> None:
    assert load(directory).generate(input=str(wav))[0]["timestamp"] == TIMES


def test_it_works_in_decode(directory: Path, wav: Path, root: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    argv = [sys.executable, root / "bin/decode", "--model", directory, "--remote-code", "model.py", "--jsonl", wav]
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["text"] == "你好 98 auto"
    assert [(token["text"], token["start_ms"]) for token in record["tokens"]] == [
        ("你", 0), ("好", 100), ("98", 200), ("auto", 300),
    ]  # fmt: skip


def test_code_is_run_only_when_it_is_trusted(directory: Path) -> None:
    with pytest.raises(ConfigError, match="trust_remote_code"):
        AutoModel(model=str(directory), remote_code="./model.py")


def test_a_file_that_is_not_there_or_does_not_import_is_named(directory: Path) -> None:
    with pytest.raises(ModelError, match="other.py"):
        AutoModel(model=str(directory), trust_remote_code=True, remote_code="./other.py")
    (directory / "broken.py").write_text("import nothing_of_this_name\n")
    (directory / "requirements.txt").write_text("nothing-of-this-name\n")
    with pytest.raises(ModelError, match="nothing-of-this-name"):
        AutoModel(model=str(directory), trust_remote_code=True, remote_code="./broken.py")
    (directory / "far.py").write_text("from funasr.models.far.away import Thing\n")
    with pytest.raises(ModelError, match="funasr"):
        AutoModel(model=str(directory), trust_remote_code=True, remote_code="./far.py")


def test_names_of_funasr_are_gone_afterwards(directory: Path) -> None:
    import sys

    load(directory)
    assert not [name for name in sys.modules if name.partition(".")[0] == "funasr"]


def test_from_pretrained_and_inference(directory: Path, wav: Path, tiny_model: Path) -> None:
    name = load(directory).kwargs["model"]
    network, keywords = tables.model_classes[name].from_pretrained(model=str(directory), device="cpu")
    results, meta = network.inference([str(wav)], key=["k"], language="en", **keywords)
    assert results[0]["text"] == "你好 98 en" and meta["batch_data_time"] == 1.0

    from asrtools.models.bicif_paraformer.model import BiCifParaformer

    network, keywords = BiCifParaformer.from_pretrained(model=str(tiny_model), device="cpu")
    network.eval()
    results, meta = network.inference(data_in=str(wav), language="auto", use_itn=False, ban_emo_unk=False, **keywords)
    assert results == AutoModel(model=str(tiny_model), device="cpu").generate(input=str(wav))
    assert meta["batch_data_time"] == pytest.approx(1.0)
    assert network.inference(data_in=[], **keywords)[0] == []
    with pytest.raises(ModelError, match="BiCifParaformer"):
        tables.model_classes[name].from_pretrained(model=str(tiny_model), device="cpu")
