"""The network to be trained: built from a configuration, filled at random or from other parameters, frozen in parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrtools import build
from asrtools.checkpoint import load_parameters, mismatches, read_state
from asrtools.config import Config
from asrtools.errors import ConfigError, ModelError

INITS = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
    "kaiming_normal": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
}


@dataclass(frozen=True, eq=False)
class Trainee:
    """A network in training mode, with what turns records into its input."""

    config: Config
    network: nn.Module
    frontend: Any
    tokenizer: Any
    notes: tuple[str, ...] = ()  # what to tell the user about its parameters


def build_trainee(config: Config, init: Path | None, is_strict: bool, seed: int) -> Trainee:
    """`init`: a file of parameters; `is_strict`: all of the network must be in it."""
    frontend, tokenizer = build.build_input(config), build.build_tokenizer(config)
    torch.manual_seed(seed)
    network = build.build_network(config, *build.sizes_of(config, frontend, tokenizer), frontend, tokenizer)
    initialise(network, config)
    build.tell_tags(network, tokenizer)
    notes = [] if init is None else fill(network, init, is_strict)
    network.requires_grad_(True)
    notes += freeze(network, config)
    network.train()
    return Trainee(config, network, frontend, tokenizer, tuple(notes))


def initialise(network: nn.Module, config: Config) -> None:
    """`init`: how matrices are drawn, biases being 0; without it every layer draws its own way."""
    name = config.values.get("init")
    if name in (None, "none", "pytorch"):
        return
    if name not in INITS:
        raise ConfigError(f"{config.origin('init')}: init is {name!r}; known are {', '.join(INITS)}")
    for parameter in network.parameters():
        if parameter.dim() > 1:
            INITS[name](parameter.data)
    for module in network.modules():
        if isinstance(module, nn.LayerNorm | nn.BatchNorm1d | nn.GroupNorm | nn.Embedding):
            module.reset_parameters()
        elif isinstance(getattr(module, "bias", None), nn.Parameter) and module.bias.dim() == 1:
            module.bias.data.zero_()


def fill(network: nn.Module, path: Path, is_strict: bool) -> list[str]:
    """Parameters from a file: of the whole network, of another with parts in common, or of an encoder alone."""
    if is_strict:
        load_parameters(network, path)
        return [f"{path}: all parameters are taken from it"]
    wanted = network.state_dict()
    state = read_state(path)
    if not set(state) & set(wanted):
        inside = {f"encoder.{name}": value for name, value in state.items()}
        if set(inside) & set(wanted):
            state = inside
    _, unexpected, shapes = mismatches(wanted, state)
    fitting = {name: value for name, value in state.items() if name in wanted and name not in shapes}
    if not fitting:
        raise ModelError(f"{path}: none of its {len(state)} parameters fits this model; is it another model's?")
    network.load_state_dict({name: value.to(wanted[name].dtype) for name, value in fitting.items()}, strict=False)
    left = [name for name in wanted if name not in fitting]
    notes = [f"{path}: {len(fitting)} of {len(wanted)} parameters are taken from it"]
    if left:
        notes.append(f"{path}: left as drawn at random: {parts_of(left)}")
    if unexpected:
        notes.append(f"{path}: not of this model, and left out: {parts_of(unexpected)}")
    return notes


def freeze(network: nn.Module, config: Config) -> list[str]:
    """`freeze_param`: prefixes of names, as a list or between commas, whose parameters stay as they are."""
    given = config.values.get("freeze_param")
    if not given:
        return []
    prefixes = given if isinstance(given, list) else str(given).split(",")
    prefixes = [str(prefix).strip() for prefix in prefixes if str(prefix).strip()]
    names = [name for name, _ in network.named_parameters()]
    for prefix in prefixes:
        if not any(has_prefix(name, prefix) for name in names):
            raise ConfigError(
                f"{config.origin('freeze_param')}: freeze_param: no parameter's name begins with {prefix!r}; there are "
                f"{parts_of(names)}"
            )
    num = 0
    for name, parameter in network.named_parameters():
        if any(has_prefix(name, prefix) for prefix in prefixes):
            parameter.requires_grad_(False)
            num += parameter.numel()
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ConfigError(f"{config.origin('freeze_param')}: freeze_param leaves nothing to train; freeze less")
    return [f"{num:,} parameters are frozen ({', '.join(prefixes)})"]


def has_prefix(name: str, prefix: str) -> bool:
    """Whole parts of a dotted name, or the beginning of one where the prefix is written so."""
    return name == prefix or name.startswith(prefix if prefix.endswith((".", "_")) else prefix + ".")


def parts_of(names: Iterable[str]) -> str:
    """Names shortened to the parts they are of, with how many each has."""
    counts: dict[str, int] = {}
    for name in names:
        head = name.split(".")[0]
        counts[head] = counts.get(head, 0) + 1
    return ", ".join(f"{head} ({count})" for head, count in counts.items())
