"""From `lm_file` to a language model that searches can ask: an ARPA file, or the directory of a neural one."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asrtools import config as configuration
from asrtools.build import LoadedModel, keywords_for
from asrtools.config import Config
from asrtools.errors import ConfigError, ModelError
from asrtools.io.arpa import read_arpa
from asrtools.models.protocols import DecodeOptions
from asrtools.register import tables

CONFIG_FILES = ("config.yaml", "lm.yaml")
PARAMETER_FILES = ("model.pt", "lm.pt", "lm.pb", "model.pb")
PREFIX = "lm."  # of the parameters that were saved with their training


def with_language_model(options: DecodeOptions, model: LoadedModel) -> DecodeOptions:
    """Options whose `lm` is what `lm_file` names, where it has a weight; files are read once."""
    if not options.lm_weight or options.lm is not None:
        return options
    if options.lm_file is None:
        raise ConfigError(f"lm_weight is {options.lm_weight} without a language model; name one as lm_file")
    if model.tokenizer is None:
        raise ConfigError(f"{model.directory}: has no tokens, so that no language model fits; leave lm_file out")
    tokens = tuple(model.tokenizer.ids2tokens(range(model.tokenizer.get_vocab_size())))
    device = str(next(model.network.parameters()).device)
    path = Path(options.lm_file).resolve()
    changed = path.stat().st_mtime_ns if path.exists() else 0
    lm = load_language_model(str(path), tokens, model.network.sos, model.network.eos, device, changed)
    return replace(options, lm=lm)


@functools.lru_cache(maxsize=4)
def load_language_model(
    path: str, tokens: tuple[str, ...], sos: int, eos: int, device: str = "cpu", changed: int = 0
) -> Any:
    """`start()`, and `step(tokens, state)`; over the tokens of a recogniser. Another time `changed` reads it again."""
    if Path(path).is_dir():
        lm = _load_neural(Path(path), tokens)
        return lm.to(device)
    from asrtools.layers.ngram import Ngram

    arpa = read_arpa(path)
    return Ngram(arpa.order, arpa.log_probs, arpa.backoffs, tokens, sos, eos)


def _load_neural(directory: Path, tokens: Sequence[str]) -> Any:
    from asrtools.checkpoint import build_empty, load_parameters  # torch, which an exported recogniser runs without

    config = configuration.load(_first(directory, CONFIG_FILES, "configuration"))
    name = config.values.get("lm") or config.values.get("model")
    if not isinstance(name, str):
        raise ConfigError(f"{config.origin('lm')}: names no language model; `lm: TransformerLM` is wanted in it")
    cls = tables.lm_classes.find(name)
    section = "lm_conf" if "lm_conf" in config.values else "model_conf"
    keywords = keywords_for(cls, config, section, without=("vocab_size",))
    _check_tokens(config, tokens)
    lm = build_empty(lambda: cls(vocab_size=len(tokens), **keywords))
    load_parameters(lm, _first(directory, PARAMETER_FILES, "parameters"), prefix=PREFIX)
    return lm


def _first(directory: Path, names: Sequence[str], what: str) -> Path:
    for name in names:
        if (directory / name).is_file():
            return directory / name
    raise ModelError(f"{directory}: has no {what} of a language model; one of {', '.join(names)} is wanted there")


def _check_tokens(config: Config, tokens: Sequence[str]) -> None:
    """Where the language model says what its tokens are, they have to be those of the recogniser."""
    own = config.values.get("token_list")
    if not isinstance(own, list):
        return
    if [str(token) for token in own] != list(tokens):
        where = config.origin("token_list")
        raise ConfigError(
            f"{where}: the language model has {len(own)} tokens, which are not the {len(tokens)} of the recogniser; "
            "choose one that was trained for it"
        )
