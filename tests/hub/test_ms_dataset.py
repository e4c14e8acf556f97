"""download --dataset ms:..., with modelscope's own MsDataset reading a table on disk."""

import contextlib
import sys
from pathlib import Path

import pytest

from asrtools.errors import HubError
from asrtools.hub import dataset
from asrtools.tasks import corpus


def test_a_name_without_namespace_is_an_error() -> None:
    pytest.importorskip("modelscope.msdatasets", reason="the extra modelscope is not installed")
    with pytest.raises(HubError, match="NAMESPACE/NAME is wanted"):
        list(dataset.rows("speech_asr_aishell", "train"))


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    monkeypatch.setitem(sys.modules, "modelscope.msdatasets", None)
    with pytest.raises(HubError, match="utils/setup.sh --extras modelscope"):
        list(dataset.rows("modelscope/speech_asr", "train"))


def test_a_table_of_modelscope_becomes_a_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table lies on disk: MsDataset reads it as it reads what it has fetched."""
    for name in ("MODELSCOPE_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    with contextlib.redirect_stdout(sys.stderr):
        ms = pytest.importorskip("modelscope.msdatasets", reason="the extra modelscope is not installed")
    table = tmp_path / "train.csv"
    table.write_text("Audio:FILE,Text:LABEL\n/data/b.wav,さようなら\n/data/a.wav,こんにちは 世界\n", encoding="utf-8")
    load = ms.MsDataset.load
    monkeypatch.setattr(ms.MsDataset, "load", lambda name, namespace, split: load(str(table), split=split))
    lines = corpus.rows_to_lines(dataset.rows("modelscope/speech_asr", "train"), "ms:modelscope/speech_asr")
    assert corpus.write_data_dir(tmp_path / "data/train", lines) == 2
    assert (tmp_path / "data/train/wav.scp").read_text() == "a /data/a.wav\nb /data/b.wav\n"
    assert (tmp_path / "data/train/text").read_text(encoding="utf-8") == "a こんにちは 世界\nb さようなら\n"
