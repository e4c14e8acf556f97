"""From a configuration to the components it names; nothing else in the suite does that."""

import difflib
import inspect
import math
import typing
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from asrtools.config import Config
from asrtools.errors import ConfigError
from asrtools.register import tables

# Keys of published configs that have no meaning for our component of that section.
WITHOUT_MEANING = {
    "frontend_conf": {"frontend", "input_size", "device", "output_dir"},
}

FRONTEND_KEYS = ("frontend", "frontend_conf")
PLAIN_TYPES = (bool, int, float, str, Path, type(None))

# Sections that published configs and the documents have; a command leaves alone those whose part it does not load.
SECTIONS = (
    "model_conf",
    "encoder_conf",
    "decoder_conf",
    "predictor_conf",
    "tokenizer_conf",
    "frontend_conf",
    "specaug_conf",
    "normalize_conf",
    "ctc_conf",
    "dataset_conf",
    "train_conf",
    "optim_conf",
    "scheduler_conf",
    "joint_network_conf",
    "stride_conv_conf",
    "vad_kwargs",
    "punc_kwargs",
    "spk_kwargs",
)


def build_frontend(config: Config, without: Collection[str] = ()) -> Any:
    """The frontend a configuration names (WavFrontend where it names none), leaving out the keys `without`."""
    name = config.values.get("frontend")
    near = [
        key for key in config.values if key not in SECTIONS and difflib.get_close_matches(key, FRONTEND_KEYS, 1, 0.75)
    ]
    for key in near:
        if key not in FRONTEND_KEYS:
            raise ConfigError(f"{config.origin(key)}: {key} is no key; is {' or '.join(FRONTEND_KEYS)} meant?")
    if name is None and "model" in config.values and "frontend_conf" not in config.values:
        where = f"{config.origin('model')}: {config.values['model']}"
        raise ConfigError(f"{where} takes no features, for its config names no frontend; choose another model")
    if not isinstance(name or "", str):
        raise ConfigError(f"{config.origin('frontend')}: frontend is {name!r}; the name of one is wanted")
    cls = tables.frontend_classes.find(name or "WavFrontend")
    return cls(**keywords_for(cls, config, "frontend_conf", without))


def keywords_for(cls: type, config: Config, section: str, without: Collection[str] = ()) -> dict[str, Any]:
    """The keywords of a section for a class, leaving out the keys `without`.

    A key that the class does not know is an error that names the near match, and so is a file that is not there.
    """
    for name, file in config.missing.items():
        key = name.removeprefix(f"{section}.")
        if key != name and key not in without and config.section(section).get(key) is None:
            raise ConfigError(f"{file}: configuration.json names it as {name}, and it is not there; put it there")
    known = parameters_of(cls)
    keywords = {}
    for key, value in config.section(section).items():
        if key in without:
            continue
        if known is None or key in known:
            keywords[key] = _checked(cls, key, value, f"{config.origin(f'{section}.{key}')}: {section}.{key}")
        elif key not in WITHOUT_MEANING.get(section, ()):
            where = config.origin(f"{section}.{key}")
            near = difflib.get_close_matches(key, known, n=1)
            cure = f"did you mean {near[0]}?" if near else "it knows " + ", ".join(known)
            raise ConfigError(f"{where}: {cls.__name__} knows no {section}.{key}; {cure}")
    return keywords


def _checked(cls: type, key: str, value: Any, where: str) -> Any:
    """A value of the type that the class annotates, as far as that is a plain one; 16000.0 is the int 16000."""
    parameter = inspect.signature(cls).parameters.get(key)
    kinds = () if parameter is None else typing.get_args(parameter.annotation) or (parameter.annotation,)
    if not kinds or not all(kind in PLAIN_TYPES for kind in kinds):
        return value
    if int in kinds and float not in kinds and isinstance(value, float) and value.is_integer():
        value = int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    fits = type(value) in kinds and not (isinstance(value, float) and not is_number) or (float in kinds and is_number)
    if not fits:
        wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        raise ConfigError(f"{where} is {value!r}; {wanted} is wanted")
    return value


def parameters_of(cls: type) -> list[str] | None:
    """The keywords a class takes by name; None when it takes any (`**kwargs`, as models from outside do)."""
    parameters = inspect.signature(cls).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters]


def route(overrides: Mapping[str, Any], components: Mapping[str, type]) -> dict[str, Any]:
    """Overrides with each flat key (`n_mels`) under the section whose component knows it (`frontend_conf.n_mels`)."""
    routed: dict[str, Any] = {}
    names: list[str] = []
    for section, cls in components.items():
        names += [section.removesuffix("_conf"), *(parameters_of(cls) or ())]
    for key, value in overrides.items():
        full = key
        owners = [section for section, cls in components.items() if key in (parameters_of(cls) or ())]
        if "." in key or key in SECTIONS:
            section = key.partition(".")[0]
            if section not in SECTIONS:
                raise ConfigError(f"++{key}: {section} is no section{_near(section, SECTIONS)}")
        elif owners:
            full = f"{owners[0]}.{key}"
        elif f"{key}_conf" not in SECTIONS:
            raise ConfigError(f"++{key}: nothing that is loaded here knows it{_near(key, names)}")
        if full in routed:
            raise ConfigError(f"++{full} is given twice, as {routed[full]!r} and {value!r}; keep one")
        routed[full] = value
    return routed


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean ++{near[0]}?" if near else ""
