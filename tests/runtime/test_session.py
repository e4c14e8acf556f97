from pathlib import Path

import numpy as np
import pytest

from asrtools.errors import ConfigError, DataError, ModelError
from asrtools.runtime.files import exported_files
from asrtools.runtime.session import OnnxSession, more_outputs

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    """x to y = 2x + 1, with 2x in the graph only."""
    value = onnx.helper.make_tensor_value_info
    nodes = [
        onnx.helper.make_node("Add", ["x", "x"], ["twice"]),
        onnx.helper.make_node("Add", ["twice", "one"], ["y"]),
    ]
    one = onnx.numpy_helper.from_array(np.ones(1, dtype=np.float32), "one")
    outputs = [value("y", onnx.TensorProto.FLOAT, ["n"])]
    graph = onnx.helper.make_graph(nodes, "g", [value("x", onnx.TensorProto.FLOAT, ["n"])], outputs, [one])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    onnx.helper.set_model_props(model, {"asrtools": '{"hidden": ["twice"]}'})
    onnx.save(model, str(tmp_path / "model.onnx"))
    return tmp_path / "model.onnx"


def test_a_hidden_output_is_given_when_it_is_asked_for(doubling: Path) -> None:
    session = OnnxSession(doubling)
    x = np.array([1, 2], dtype=np.float32)
    assert {name: value.tolist() for name, value in session({"x": x}).items()} == {"y": [3, 5]}
    found = session({"x": x}, ("twice", "unknown"))
    assert {name: value.tolist() for name, value in found.items()} == {"y": [3, 5], "twice": [2, 4]}


def test_more_outputs_are_what_onnx_would_write() -> None:
    model = onnx.ModelProto()
    model.graph.output.add(name="alphas")
    model.graph.output.add(name="lens")
    assert more_outputs(("alphas", "lens")) == model.SerializeToString()


def test_a_file_that_is_no_model_is_named_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"model.onnx: onnxruntime cannot load it"):
        OnnxSession(tmp_path / "model.onnx")


def test_an_input_of_another_kind_is_trouble_of_the_utterance(doubling: Path) -> None:
    with pytest.raises(DataError, match="the network failed on it"):
        OnnxSession(doubling)({"x": np.zeros((2, 2), dtype=np.int32)})


def test_a_gpu_that_onnxruntime_has_not_is_said_so(doubling: Path) -> None:
    with pytest.raises(ConfigError, match="runs on a CPU only"):
        OnnxSession(doubling, "cuda:0")


def test_parameters_come_first_and_then_the_precision_that_is_asked_for(tmp_path: Path) -> None:
    for name in ("model.onnx", "model_quant.onnx", "model_eb_quant.onnx", "model.torchscript"):
        (tmp_path / name).touch()
    found = exported_files(tmp_path)
    assert found is not None
    assert {name: path.name for name, path in found.paths.items()} == {"model": "model.onnx"}
    found = exported_files(tmp_path, dtype="int8")
    assert found is not None
    assert [path.name for path in found.paths.values()] == ["model_quant.onnx", "model_eb_quant.onnx"]
    found = exported_files(tmp_path, tmp_path / "model.torchscript")
    assert found is not None
    assert found.kind == "torchscript"
    (tmp_path / "model.pt").touch()
    assert exported_files(tmp_path) is None
    assert exported_files(tmp_path, tmp_path / "model_quant.onnx") is not None
    assert exported_files(tmp_path, tmp_path / "model.pt.ep3") is None


def test_a_file_beside_the_network_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "model_eb.onnx").touch()
    with pytest.raises(ModelError, match="is no export"):
        exported_files(tmp_path, tmp_path / "model_eb.onnx")
