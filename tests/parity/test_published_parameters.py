"""Every published-size configuration, built on the meta device, has exactly the published parameters and buffers."""

import os
from pathlib import Path

import pytest

from asrtools import config as configuration
from asrtools.build import build_input, build_network
from asrtools.checkpoint import build_empty
from asrtools.register import tables

SHARED = Path(os.environ.get("ASRTOOLS_SHARED") or Path(__file__).resolve().parents[3] / "shared")
MODELS = sorted(path.parent.name for path in SHARED.glob("oracle/keys/*/parameters.tsv"))
OUTPUT_LAYERS = ("decoder.output_layer.weight", "ctc.ctc_lo.weight", "embed.weight", "decoder2.output_layer.weight")

Parameters = dict[str, tuple[tuple[int, ...], str]]


def published(file: Path) -> Parameters:
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line]
    return {name: (tuple(int(n) for n in shape.split(",") if n), kind) for name, shape, kind in rows}


@pytest.mark.parametrize("model", MODELS or ["absent"])
def test_a_published_model_pt_loads_strictly(oracle: Path, model: str) -> None:
    directory = oracle / "keys" / model
    config = configuration.load(directory / "config.yaml")
    if config.values["model"] not in tables.model_classes:
        pytest.skip(f"{config.values['model']} is not built yet")
    wanted = published(directory / "parameters.tsv")
    frontend = build_input(config)
    input_size = frontend.output_size() if frontend else None
    vocab_size = next((wanted[name][0][0] for name in OUTPUT_LAYERS if name in wanted), None)
    network = build_empty(lambda: build_network(config, input_size, vocab_size))
    built = {
        name: (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
    }
    assert sorted(built) == sorted(wanted)
    assert built == wanted
