"""Data2VecEncoder, alone and in a Paraformer that begins with its pretrained parameters."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from torch import Tensor, nn

from asrtools import config as configuration
from asrtools.auto import AutoModel
from asrtools.build import build_input, build_network, build_tokenizer, sizes_of
from asrtools.checkpoint import load_parameters
from asrtools.commands.train import train
from asrtools.errors import ConfigError
from asrtools.layers.data2vec import Data2VecEncoder, conv_shapes

SMALL: dict[str, Any] = {
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 4,
    "encoder_layers": 3,
    "conv_pos_groups": 8,
    "conv_feature_layers": "[(48,2,2)] + [(48,2,2)]",
}
# Two published forms, and what FunASR 1.4.16 gives for the parameters and features below: of every fourth frame channel
# 3, of frame 5 the first channels.
FORMS = {
    "as in the published recipes": (
        {"extractor_mode": "layer_norm", "pos_conv_depth": 5, "conv_pos": 95},
        [1.79098, 1.70334, 1.67564, 1.70377],
        [0.5091, -1.10338, -0.43198, 1.74774, 0.41708, 0.54905],
    ),
    "one convolution for positions": (
        {"extractor_mode": "default", "pos_conv_depth": 1, "conv_pos": 32, "layer_norm_first": True},
        [0.58633, 0.6273, 0.32198, 0.67598],
        [1.75767, -0.41618, -1.4161, 0.60001, 1.35329, 0.29238],
    ),
}


def waves(count: int, step: float, shift: float = 0.0) -> Tensor:
    return torch.sin(torch.arange(count, dtype=torch.float64) * step + shift).float()


def filled(form: str) -> Data2VecEncoder:
    encoder = Data2VecEncoder(80, **SMALL, **FORMS[form][0]).eval()
    for index, (name, parameter) in enumerate(sorted(encoder.named_parameters())):
        values = waves(parameter.numel(), 0.37 * (1 + index % 5), index).reshape(parameter.shape)
        is_scale = parameter.dim() == 1 and name.endswith("weight")
        parameter.data.copy_(1 + 0.2 * values if is_scale else 0.3 * values)
    return encoder


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_it_gives_what_funasr_gives(form: str) -> None:
    feats = 2 * waves(53 * 80, 0.11).reshape(1, 53, 80)
    encoded, lens = filled(form)(feats, torch.tensor([53]))
    assert lens.tolist() == [13]
    np.testing.assert_allclose(encoded[0, ::4, 3], FORMS[form][1], atol=2e-5)
    np.testing.assert_allclose(encoded[0, 5, :6], FORMS[form][2], atol=2e-5)


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_a_row_of_a_batch_is_what_it_is_alone(form: str) -> None:
    encoder = filled(form)
    feats, lens = 5 * waves(4 * 60 * 80, 0.7).reshape(4, 60, 80), torch.tensor([60, 33, 7, 2])
    encoded, num = encoder(feats, lens)
    assert num.tolist() == [15, 8, 1, 0]
    for row, length in enumerate(lens.tolist()):
        alone, _ = encoder(feats[row : row + 1, :length], lens[row : row + 1])
        torch.testing.assert_close(encoded[row, : num[row]], alone[0, : num[row]], rtol=0, atol=1e-5)


def test_gradients_reach_the_extractor_as_far_as_they_are_let() -> None:
    norms = []
    for share in (1.0, 0.5, 0.0):
        encoder = filled("as in the published recipes")
        encoder.feature_grad_mult = share
        encoder(waves(40 * 80, 0.3).reshape(1, 40, 80), torch.tensor([40]))[0].square().sum().backward()
        gradient = encoder.feature_extractor.conv_layers[0][0].weight.grad
        norms.append(0.0 if gradient is None else float(gradient.norm()))
    assert norms[1] == pytest.approx(norms[0] / 2, rel=1e-4)
    assert norms[2] == 0.0 < norms[0]


def test_lists_of_convolutions_are_read_and_nothing_else_is() -> None:
    assert conv_shapes("[(512,10,5)] + [(512, 3, 2)] * 2") == [(512, 10, 5), (512, 3, 2), (512, 3, 2)]
    for text in ("__import__('os').getcwd()", "[(1,2)]", "512", "[(1,2,3)"):
        with pytest.raises(ConfigError, match="conv_feature_layers"):
            conv_shapes(text)


CONFIG = {
    "model": "Paraformer",
    "model_conf": {"ctc_weight": 0.3, "lsm_weight": 0.1, "predictor_weight": 1.0, "sampling_ratio": 0.4},
    "encoder": "Data2VecEncoder",
    "encoder_conf": {
        **SMALL,
        **FORMS["as in the published recipes"][0],
        "encoder_layerdrop": 0.1,
        "feature_grad_mult": 0.0,
        "mask_prob": 0.65,
        "instance_norm_target_layer": True,
        "ema_decay": 0.999,
        "loss_scale": None,
    },
    "decoder": "ParaformerSANDecoder",
    "decoder_conf": {"attention_heads": 4, "linear_units": 64, "num_blocks": 1},
    "predictor": "CifPredictor",
    "predictor_conf": {"idim": 32, "threshold": 1.0, "l_order": 1, "r_order": 1},
    "frontend": "WavFrontend",
    "frontend_conf": {"fs": 16000, "n_mels": 80, "lfr_m": 1, "lfr_n": 1, "dither": 0.0},
    "tokenizer": "CharTokenizer",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data2vec")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (folder / "tokens.json").write_text(json.dumps(["<blank>", "<s>", "</s>", *"零一二三四五六七八九", "<unk>"]))
    torch.manual_seed(1)
    torch.save(network(folder).state_dict(), folder / "model.pt")
    return folder


def network(folder: Path) -> nn.Module:
    read = configuration.load(folder)
    return build_network(read, *sizes_of(read, build_input(read), build_tokenizer(read)))


def test_a_paraformer_with_it_decodes(directory: Path) -> None:
    model = AutoModel(str(directory), device="cpu", ncpu=1)
    noise = 0.1 * np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    results = model.generate([noise, noise[:9000], noise[:400]], output_timestamp=True)
    assert [model.generate(one, output_timestamp=True)[0]["text"] for one in (noise, noise[:9000])] == [
        result["text"] for result in results[:2]
    ]
    assert all(0 <= begin <= end <= 2000 for begin, end in results[0]["timestamp"])
    assert results[0]["text"]


def test_pretrained_parameters_are_those_of_its_encoder(directory: Path, tmp_path: Path) -> None:
    torch.manual_seed(2)
    pretrained = filled("as in the published recipes")
    torch.save(
        {f"encoder.{name}": value for name, value in pretrained.state_dict().items()}, tmp_path / "pretrained.pt"
    )
    fresh = network(directory)
    left = load_parameters(fresh, tmp_path / "pretrained.pt", allow_partial=True)
    assert left and not any(name.startswith("encoder.") for name in left)
    assert torch.equal(fresh.encoder.encoder.layers[0].fc1.weight, pretrained.encoder.layers[0].fc1.weight)


def test_it_learns(directory: Path) -> None:
    made = network(directory).train()
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-3)
    feats, lens = waves(2 * 80 * 80, 0.05).reshape(2, 80, 80), torch.tensor([80, 60])
    text = torch.tensor([[3, 4, 5, 6], [5, 6, -1, -1]])
    losses = []
    for _ in range(12):
        loss, _, _ = made(feats, lens, text, torch.tensor([4, 2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_training_begins_with_a_pretrained_encoder_by_its_name(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No class here stands for the pretraining; its parameters are looked for all the same."""
    monkeypatch.setenv("ASRTOOLS_OFFLINE", "1")
    name = "iic/speech_data2vec_pretrain-zh-cn-aishell2-16k-pytorch"
    arguments = ["--config", str(directory / "config.yaml"), "--output-dir", str(directory / "exp"), "--offline"]
    result = CliRunner().invoke(train, [*arguments, "--train", "a.jsonl", "--init", name], standalone_mode=False)
    assert result.return_value == 1
    assert f"{name}: " in result.stderr and "fetch it once" in result.stderr
