"""Optimisers and rates against their formulas."""

import math

import pytest
import torch
from torch import nn

from asrtools.config import Config
from asrtools.errors import ConfigError
from asrtools.train.optim import OPTIMISERS, build_optimizer
from asrtools.train.schedule import build_scheduler


def rates(scheduler: str, conf: dict, num: int, lr: float = 2.0) -> list[float]:
    """The rates of the first steps."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = build_scheduler(Config({"scheduler": scheduler, "scheduler_conf": conf}), optimizer)
    found = []
    for _ in range(num):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_warmuplr_rises_to_the_rate_and_falls_with_the_root() -> None:
    found = rates("warmuplr", {"warmup_steps": 4}, 16)
    assert found[:4] == pytest.approx([0.5, 1.0, 1.5, 2.0])
    assert found[15] == pytest.approx(2.0 * math.sqrt(4 / 16))


def test_noamlr_is_the_transformer_s() -> None:
    found = rates("noamlr", {"model_size": 16, "warmup_steps": 4}, 9, lr=1.0)
    wanted = [16**-0.5 * min(step**-0.5, step * 4**-1.5) for step in range(1, 10)]
    assert found == pytest.approx(wanted)


def test_tri_stage_rises_holds_and_falls() -> None:
    conf = {"phase_ratio": [0.2, 0.3, 0.5], "max_update": 20, "init_lr_scale": 0.1, "final_lr_scale": 0.01}
    found = rates("tri_stage", conf, 30)
    assert found[0] == pytest.approx(2.0 * (0.1 + 0.9 / 4))
    assert found[3:9] == pytest.approx([2.0] * 6)
    assert found[14] == pytest.approx(2.0 * math.exp(math.log(0.01) * 0.5))
    assert found[-1] == pytest.approx(0.02)


def test_custom_lambdalr_rises_and_falls_in_lines() -> None:
    found = rates("custom_lambdalr", {"warmup_steps": 4, "total_steps": 8}, 10)
    assert found == pytest.approx([0.5, 1.0, 1.5, 2.0, 1.5, 1.0, 0.5, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("name", "conf"),
    [
        ("StepLR", {"step_size": 2, "gamma": 0.5}),
        ("ExponentialLR", {"gamma": 0.7}),
        ("CosineAnnealingLR", {"T_max": 5}),
    ],
)
def test_torch_s_own_rates_are_there(name: str, conf: dict) -> None:
    assert rates(name, conf, 4)[3] < 2.0


def test_what_a_rate_needs_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"needs scheduler_conf\.step_size"):
        rates("steplr", {}, 1)
    with pytest.raises(ConfigError, match="total_steps is 3; more than warmup_steps"):
        rates("custom_lambdalr", {"warmup_steps": 4, "total_steps": 3}, 1)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_goes_downhill(name: str) -> None:
    weight = nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = build_optimizer(Config({"optim": name, "optim_conf": {"lr": 0.05}}), [weight])
    before = float(weight.detach().square().sum())
    for _ in range(20):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert float(weight.detach().square().sum()) < before


def test_fairseq_adam_adds_eps_before_the_correction_and_decays_apart() -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    conf = {"lr": 0.1, "adam_betas": [0.8, 0.9], "adam_eps": 0.3, "weight_decay": 0.2}
    optimizer = build_optimizer(Config({"optim": "fairseq_adam", "optim_conf": conf}), [weight])
    wanted, mean, square = weight.detach().clone(), torch.zeros(3), torch.zeros(3)
    for step, grad in enumerate(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), start=1):
        weight.grad = grad.clone()
        optimizer.step()
        mean, square = 0.8 * mean + 0.2 * grad, 0.9 * square + 0.1 * grad**2
        size = 0.1 * math.sqrt(1 - 0.9**step) / (1 - 0.8**step)
        wanted = wanted - 0.2 * 0.1 * wanted - size * mean / (square.sqrt() + 0.3)
    torch.testing.assert_close(weight.detach(), wanted)
