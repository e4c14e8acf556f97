"""Configuration: a model directory or yaml file, and overrides, to plain nested values that know where they came from.

Order of precedence, as published: config.yaml, then the paths that configuration.json names, then the user's overrides;
only `model`, the class, always stands as the file says. `${a.b}` is resolved last, so that an override reaches whoever
refers to it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from asrtools.errors import ConfigError

# Spellings that stand in the documents beside the ones that published configs use.
SPELLINGS = {
    "Scheduler": "scheduler",
    "Scheduler_conf": "scheduler_conf",
    "Warmup_steps": "scheduler_conf.warmup_steps",
    "frontend_conf.upscale_samples": "frontend_conf.upsacle_samples",
    "encoder_conf.sanm_shift": "encoder_conf.sanm_shfit",
}

# A directory without configuration.json: what a file of this name is. Of two for one key the later one wins.
KNOWN_FILES = (
    ("model.pt", "init_param"),
    ("tokens.txt", "tokenizer_conf.token_list"),
    ("tokens.json", "tokenizer_conf.token_list"),
    ("seg_dict", "tokenizer_conf.seg_dict"),
    ("bpe.model", "tokenizer_conf.bpemodel"),
    ("am.mvn", "frontend_conf.cmvn_file"),
    ("jieba_usr_dict", "jieba_usr_dict"),
)

# `++name=value` of the documents and the option it means here; `DATA` is a command's input.
DOCUMENTED_NAMES = {
    "input": "DATA",
    "batch_size_s": "batch_seconds",
    "model_revision": "revision",
    "init_param": "checkpoint",
    "jsonl_file_out": "output",
    "train_data_set_list": "DATA",
}


@dataclass
class Config:
    """Resolved values, and for each dotted key the file and line, or the option, that set it."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    directory: Path | None = None
    missing: dict[str, Path] = field(default_factory=dict)  # files that configuration.json names and that are not there

    def section(self, name: str) -> dict[str, Any]:
        """`name` as a dict of its own; an absent or empty section is an empty dict."""
        values = self.values.get(name)
        if values is None:
            return {}
        if not isinstance(values, Mapping):
            raise ConfigError(f"{self.origin(name)}: {name} is {values!r}; a section of keys is wanted there")
        return dict(values)

    def origin(self, key: str) -> str:
        """Where the value of a dotted key was set: its own entry, or that of what holds it."""
        while key:
            if key in self.origins:
                return self.origins[key]
            key = key.rpartition(".")[0]
        return "default"


def load(path: str | Path | None, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration of a model directory, of one yaml file, or (None) of overrides alone."""
    path = None if path is None else Path(path)
    if path is None:
        config = Config()
    elif path.is_dir():
        config = _from_directory(path)
    elif path.is_file():
        config = Config(directory=path.parent)
        _merge_file(config, path)
    else:
        raise ConfigError(f"{path}: there is no such model directory or config file")
    for key, value in (overrides or {}).items():
        if key != "model" or "model" not in config.values:
            _set(config, SPELLINGS.get(key, key), value, f"++{key}")
    config.values = _resolve(config)
    return config


def _from_directory(directory: Path) -> Config:
    config = Config(directory=directory)
    index = directory / "configuration.json"
    if not index.is_file():
        _merge_file(config, _existing_yaml(directory, "config.yaml"))
        for name, key in KNOWN_FILES:
            if (directory / name).is_file():
                _set(config, key, str(directory / name), f"{directory / name} is there")
        return config
    metas = _read_json(index).get("file_path_metas") or {}
    if not isinstance(metas, Mapping):
        raise ConfigError(f"{index}: file_path_metas is {metas!r}; an object of names and files is wanted there")
    _merge_file(config, _existing_yaml(directory, metas.get("config", "config.yaml")))
    for key, name in _leaves(metas):
        file = directory / str(name)
        if file.exists():
            _set(config, key, str(file), f"{index} file_path_metas")
        else:
            config.missing[key] = file
    for key, names in _lists(metas):
        there = [directory / name for name in names if (directory / name).exists()]
        _set(config, key, [str(file) for file in there], f"{index} file_path_metas")
        config.missing.update(
            (f"{key}.{i}", directory / name) for i, name in enumerate(names) if directory / name not in there
        )
    return config


def _existing_yaml(directory: Path, name: Any) -> Path:
    file = directory / str(name)
    if not file.is_file():
        raise ConfigError(f"{directory}: it has no {name}, so it is not a (complete) model directory")
    return file


def _leaves(metas: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The file names of `file_path_metas` by dotted key (lists apart)."""
    for key, value in metas.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            yield prefix + key, value


def _lists(metas: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """The lists of file names (keyword-spotting models have a token list for each language)."""
    for key, value in metas.items():
        if isinstance(value, Mapping):
            yield from _lists(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield prefix + key, [str(item) for item in value]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; a JSON object is wanted") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: it holds a {type(content).__name__}; a JSON object is wanted")
    return content


class _Loader(yaml.SafeLoader):
    """Safe yaml in which 1e-4 is a number (PyYAML takes it for text) and a key given twice is an error."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:float"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(\d[\d_]*\.[\d_]*([eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+|\.\d[\d_]*([eE][-+]?\d+)?|\.(inf|Inf|INF))|\.(nan|NaN|NAN)"
    ),
    list("-+0123456789."),
)


def _merge_file(config: Config, path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8-sig")
        tree = yaml.compose(text, Loader=_Loader)
        if tree is not None and not isinstance(tree, yaml.MappingNode):
            raise ConfigError(f"{path}: it holds no `key: value` lines")
        if tree is not None:
            _merge_node(config, _Loader(""), tree, "", path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: {_in_one_line(error)}; a yaml file of `key: value` lines is wanted") from error


def _merge_node(config: Config, loader: _Loader, node: yaml.MappingNode, prefix: str, path: Path) -> None:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if key_node.value in seen:
            line = key_node.start_mark.line + 1
            raise ConfigError(f"{path}:{line}: {prefix}{key_node.value} is given twice; keep one")
        seen.add(key_node.value)
    loader.flatten_mapping(node)  # `<<: *anchor`: what it brings stands first, so that the section's own keys win
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = SPELLINGS.get(f"{prefix}{key_node.value}", f"{prefix}{key_node.value}")
        if isinstance(value_node, yaml.MappingNode) and value_node.value:
            _set(config, key, {}, f"{path}:{line}", keep=True)
            _merge_node(config, loader, value_node, key + ".", path)
        else:
            value = loader.construct_object(value_node, deep=True)
            _set(config, key, value, f"{path}:{line}", keep=value is None)


def _set(config: Config, key: str, value: Any, origin: str, keep: bool = False) -> None:
    """Set a dotted key; sections on the way are made, a value in the way is replaced. `keep`: not over a section."""
    *parents, last = key.split(".")
    place = config.values
    for parent in parents:
        if not isinstance(place.get(parent), dict):
            place[parent] = {}
        place = place[parent]
    if keep and isinstance(place.get(last), dict):
        return
    if isinstance(value, Mapping) and isinstance(place.get(last), dict) and value:
        for name, item in value.items():
            _set(config, f"{key}.{name}", item, origin)
        return
    place[last] = dict(value) if isinstance(value, Mapping) else value
    config.origins[key] = origin


def _resolve(config: Config) -> dict[str, Any]:
    """The values with every `${a.b}` replaced."""
    if not any(isinstance(value, str) and "${" in value for _, value in flatten(config.values)):
        return config.values
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        resolved = OmegaConf.to_container(OmegaConf.create(config.values), resolve=True)
    except OmegaConfBaseException as error:
        key = str(getattr(error, "full_key", "") or "")
        raise ConfigError(f"{config.origin(key)}: {key}: {_in_one_line(error)}") from error
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def flatten(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every leaf; lists are leaves, their items are looked into for `${...}` only."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, name + ".")
        elif isinstance(value, list) and any("${" in str(item) for item in value):
            yield name, str(value)
        else:
            yield name, value


def parse_overrides(arguments: Iterable[str]) -> dict[str, Any]:
    """`++key=value` arguments to a dict of dotted keys; a key given twice is an error."""
    overrides: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.removeprefix("++").partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][\w-]*(\.[\w-]+)*", key):
            raise ConfigError(f"{argument}: not of the form ++key=value (++section.key=value)")
        if key in overrides:
            raise ConfigError(f"++{key} is given twice, as {overrides[key]!r} and {parse_value(value)!r}; keep one")
        overrides[key] = parse_value(value)
    return overrides


def parse_value(text: str) -> Any:
    """What a value on the command line means: number, true/false/null, quoted text, [list] or {dict}, else text."""
    stripped = text.strip()
    if stripped[:1] in ("[", "{", '"', "'"):
        try:
            return yaml.load(stripped, Loader=_Loader)
        except yaml.YAMLError as error:
            raise ConfigError(f'{text}: {_in_one_line(error)}; lists are written \'["a","b"]\'') from error
    word = stripped.lower()
    if word in ("true", "false"):
        return word == "true"
    if word in ("null", "none", ""):
        return None
    if re.fullmatch(r"[-+]?\d+", stripped):
        return int(stripped)
    if re.fullmatch(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?", stripped):
        return float(stripped)
    return text
