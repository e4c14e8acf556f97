"""Dropout from random bits keeps what dropout keeps."""

import pytest
import torch
from torch import nn

from asrtools.train.dropout import BitDropout, use_bits


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_rate_and_the_mean_are_those_of_dropout_at_every_place(rate: float) -> None:
    torch.manual_seed(0)
    kept = BitDropout(rate)(torch.ones(200_003))
    assert (kept == 0).float().mean().item() == pytest.approx(rate, abs=0.005)
    for lane in range(4):  # four values share one draw
        assert (kept[lane::4] == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert kept.mean().item() == pytest.approx(1.0, abs=0.03)
    assert torch.unique(kept[kept != 0]).numel() == 1


def test_gradients_pass_where_values_did() -> None:
    x = torch.ones(7, 5, requires_grad=True)
    y = BitDropout(0.5)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_in_evaluation_nothing_is_dropped_and_the_same_seed_gives_the_same() -> None:
    layer, x = BitDropout(0.3), torch.randn(6, 9)
    assert torch.equal(layer.eval()(x), x)
    layer.train()
    torch.manual_seed(3)
    one = layer(x)
    torch.manual_seed(3)
    assert torch.equal(layer(x), one) and not torch.equal(layer(x), one)


def test_it_stands_in_the_place_of_every_dropout_of_a_network() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Dropout(0.2), nn.Dropout(0.0)))
    names = list(network.state_dict())
    use_bits(network)
    assert [type(module).__name__ for module in network[1]] == ["BitDropout", "BitDropout"]
    assert [module.p for module in network[1]] == [0.2, 0.0] and list(network.state_dict()) == names
