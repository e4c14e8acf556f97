import pytest
import torch
from torch import nn

from asrtools.errors import ConfigError
from asrtools.layers.feed_forward import NormedFeedForward, PositionwiseFeedForward
from asrtools.layers.norm import LayerNorm
from asrtools.layers.precision import HalfLinear, Int8Linear, kind_here, lower, pack_linear_layers
from asrtools.layers.sanm import SanmAttention, SanmEncoderLayer


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(64, 96), LayerNorm(96), nn.Linear(96, 64, bias=False))
    return nn.ModuleDict(
        {"encoder": body, "predictor": nn.Sequential(nn.Linear(64, 1)), "output_layer": nn.Linear(64, 9)}
    )


@pytest.mark.parametrize("kind", ["bf16", "fp16", "int8"])
def test_linear_layers_give_nearly_what_they_gave(network: nn.Module, kind: str) -> None:
    x = torch.randn(3, 7, 64)
    with torch.inference_mode():
        before = network["encoder"](x)
        after = lower(network, kind)["encoder"](x)
    assert after.dtype == torch.float32
    assert (after - before).abs().max() < 0.05 * before.abs().max()
    assert not torch.equal(after, before)


def test_sums_of_weights_and_output_layers_stay_in_float32(network: nn.Module) -> None:
    lower(network, "bf16")
    assert isinstance(network["encoder"][0], HalfLinear)
    assert type(network["predictor"][0]) is nn.Linear
    assert type(network["output_layer"]) is nn.Linear


@pytest.mark.parametrize("kind", ["bf16", "int8"])
def test_scores_of_ctc_are_not_rounded_to_16_bits(kind: str) -> None:
    torch.manual_seed(0)
    network = nn.ModuleDict({"ctc": nn.ModuleDict({"ctc_lo": nn.Linear(64, 200)})})
    x = torch.randn(30, 64)
    with torch.inference_mode():
        before = network["ctc"]["ctc_lo"](x)
        after = lower(network, kind)["ctc"]["ctc_lo"](x)
    assert (after - before).abs().max() < 0.03 * before.abs().max()
    assert len(after.unique()) > 0.9 * after.numel()


def test_int8_gives_each_row_what_it_would_have_alone(network: nn.Module) -> None:
    layer = Int8Linear(network["encoder"][0])
    rows = torch.randn(5, 64) * torch.tensor([1e-3, 1.0, 50.0, 0.0, 7.0])[:, None]
    with torch.inference_mode():
        together = layer(rows)
        alone = torch.cat([layer(row[None]) for row in rows])
    assert torch.equal(together, alone)


def test_int8_of_zeros_is_the_bias(network: nn.Module) -> None:
    layer = Int8Linear(network["encoder"][0])
    assert torch.allclose(layer(torch.zeros(2, 64)), network["encoder"][0].bias.expand(2, -1))


def test_an_unknown_kind_and_int8_elsewhere_than_on_a_cpu_are_errors(network: nn.Module) -> None:
    with pytest.raises(ConfigError, match="'int4' is not known; should be fp32, bf16, fp16 or int8"):
        kind_here("int4", "cpu")
    with pytest.raises(ConfigError, match="the device is cuda:0"):
        kind_here("int8", "cuda:0")


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_products_that_the_processor_does_not_have_are_taken_in_float32(monkeypatch, kind: str) -> None:
    monkeypatch.setattr("asrtools.layers.precision.multiplies", lambda dtype: False)
    assert kind_here(kind, "cpu") == "fp32"
    assert kind_here(kind, "cuda:0") == kind
    assert kind_here("int8", "cpu") == "int8"


@pytest.mark.parametrize("largest", [255, 127])
def test_sums_of_8_bit_products_do_not_overflow(largest: int) -> None:
    """Where the processor adds two products in 16 bits, rows of the largest numbers show it."""
    layer = nn.Linear(64, 8, bias=False)
    nn.init.constant_(layer.weight, 0.5)
    with torch.inference_mode():
        assert torch.allclose(Int8Linear(layer)(torch.full((2, 64), float(largest))), torch.tensor(32.0 * largest))


def test_packed_layers_give_the_same_and_keep_their_parameters(monkeypatch, network: nn.Module) -> None:
    monkeypatch.setattr("asrtools.layers.precision.packs_weights", lambda: True)
    x = torch.randn(3, 7, 64)
    with torch.inference_mode():
        before = network["encoder"](x)
        names = list(network.state_dict())
        after = pack_linear_layers(network)["encoder"](x)
    assert torch.allclose(before, after, atol=1e-5)
    assert list(network.state_dict()) == names


def test_packed_layers_follow_their_weights(monkeypatch, network: nn.Module) -> None:
    monkeypatch.setattr("asrtools.layers.precision.packs_weights", lambda: True)
    pack_linear_layers(network)
    layer, x = network["encoder"][0], torch.randn(2, 64)
    with torch.no_grad():
        before = layer(x)
        layer.weight.mul_(2)
        layer.bias.mul_(2)
        assert torch.allclose(layer(x), 2 * before, atol=1e-5)


def test_packed_layers_can_be_trained(monkeypatch, network: nn.Module) -> None:
    monkeypatch.setattr("asrtools.layers.precision.packs_weights", lambda: True)
    pack_linear_layers(network)
    network["encoder"](torch.randn(2, 64)).sum().backward()
    assert network["encoder"][0].weight.grad is not None


@pytest.mark.parametrize("kind", ["fp32", "bf16", "fp16", "int8"])
def test_blocks_that_keep_16_bits_or_join_their_relu_give_nearly_what_they_gave(monkeypatch, kind: str) -> None:
    if kind == "fp32":  # packing works with every processor that has the operations, if slower
        monkeypatch.setattr("asrtools.layers.precision.packs_weights", lambda: True)
    torch.manual_seed(0)
    attention = SanmAttention(4, 64, 64, 0.0, 5)
    blocks = nn.ModuleList(
        [
            SanmEncoderLayer(64, 64, attention, PositionwiseFeedForward(64, 128, 0.0), 0.0),
            NormedFeedForward(64, 128, 0.0),
            PositionwiseFeedForward(64, 128, 0.0, "swish"),
        ]
    ).eval()
    x, mask = torch.randn(2, 9, 64), torch.arange(9) < torch.tensor([[9], [6]])
    with torch.inference_mode():
        before = [blocks[0](x, mask), blocks[1](x), blocks[2](x)]
        pack_linear_layers(lower(blocks, kind))
        after = [blocks[0](x, mask), blocks[1](x), blocks[2](x)]
    assert blocks[0].feed_forward.w_1.ends_in_relu
    assert not getattr(blocks[2].w_1, "ends_in_relu", False)
    assert getattr(blocks[0].feed_forward.w_2, "takes_positive", False) == (kind == "int8")
    assert not getattr(blocks[1].w_2, "takes_positive", False)
    for one, other in zip(before, after, strict=True):
        assert other.dtype == torch.float32
        assert (one - other).abs().max() < (1e-5 if kind == "fp32" else 0.05) * one.abs().max()


def test_a_joined_relu_is_taken_with_gradients_too(monkeypatch) -> None:
    monkeypatch.setattr("asrtools.layers.precision.packs_weights", lambda: True)
    torch.manual_seed(0)
    block = pack_linear_layers(nn.ModuleList([PositionwiseFeedForward(16, 32, 0.0)]))[0].eval()
    x = torch.randn(3, 16)
    with torch.inference_mode():
        expected = block(x)
    assert torch.allclose(block(x), expected, atol=1e-6)
    assert (block.w_1(x) >= 0).all()
