"""LoRA (Hu et al. 2021): of chosen linear layers only the product of two narrow matrices is trained.

What is saved has them multiplied out, so that a fine-tuned model is a model like any other.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.config import Config
from asrtools.errors import ConfigError

KEYS = {"rank": 8, "alpha": 16.0, "dropout": 0.0, "targets": ["linear_q_k_v", "linear_q", "linear_k_v", "linear_out"]}


class LoraLinear(nn.Linear):
    """A linear layer whose own weights are frozen, with `lora_a` and `lora_b` beside them."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float, dropout: float):
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None)
        self.weight, self.bias = linear.weight, linear.bias
        self.lora_a = nn.Parameter(torch.empty(rank, linear.in_features))
        self.lora_b = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=5**0.5)
        self.scale = alpha / rank
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        narrow = F.linear(self.dropout(x), self.lora_a)
        return super().forward(x) + self.scale * F.linear(narrow, self.lora_b)

    def merged(self) -> Tensor:
        return self.weight + self.scale * (self.lora_b @ self.lora_a)


def add_lora(network: nn.Module, config: Config) -> list[str]:
    """`lora_conf`: put LoRA into layers whose names end in one of `targets`, and freeze all else."""
    given = config.section("lora_conf")
    if not given:
        if config.values.get("lora_only"):
            raise ConfigError(
                f"{config.origin('lora_only')}: lora_only is true, and there is no lora_conf; "
                "lora_conf.rank says how wide LoRA is, and then nothing else is trained"
            )
        return []
    for key in given:
        if key not in KEYS:
            raise ConfigError(
                f"{config.origin(f'lora_conf.{key}')}: lora_conf.{key} is no key; known are {', '.join(KEYS)}"
            )
    options: dict[str, Any] = {**KEYS, **given}
    if not isinstance(options["rank"], int) or options["rank"] < 1:
        raise ConfigError(
            f"{config.origin('lora_conf.rank')}: lora_conf.rank is {options['rank']!r}; 1 or more is wanted"
        )
    targets = options["targets"] if isinstance(options["targets"], list) else str(options["targets"]).split(",")
    found = [
        (module, name, child)
        for module in list(network.modules())
        for name, child in list(module.named_children())
        if type(child) is nn.Linear and name in targets
    ]
    if not found:
        raise ConfigError(
            f"{config.origin('lora_conf.targets')}: lora_conf.targets: no linear layer is called {' or '.join(targets)}"
        )
    network.requires_grad_(False)
    for module, name, child in found:
        setattr(module, name, LoraLinear(child, options["rank"], float(options["alpha"]), float(options["dropout"])))
    num = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return [f"LoRA of rank {options['rank']} in {len(found)} layers: {num:,} parameters are trained"]


@torch.no_grad()
def merged_state(network: nn.Module) -> dict[str, Tensor]:
    """The parameters under the names that the network has without LoRA."""
    state = dict(network.state_dict())
    for name, module in network.named_modules():
        if isinstance(module, LoraLinear):
            state[f"{name}.weight"] = module.merged()
            del state[f"{name}.lora_a"], state[f"{name}.lora_b"]
    return state
