"""From a configuration to the components it names; nothing else in the suite does that."""

import difflib
import hashlib
import inspect
import math
import types
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrtools import config as configuration
from asrtools.config import Config
from asrtools.errors import ConfigError, ModelError, UnknownKeyError
from asrtools.register import tables
from asrtools.text.rich_tags import tag_ids

if TYPE_CHECKING:
    from torch import nn

# Keys of published configs that have no meaning for our component of that section.
_OF_TENSORFLOW = {"tf2torch_tensor_name_prefix_torch", "tf2torch_tensor_name_prefix_tf"}
_OF_ENCODER = {*_OF_TENSORFLOW, "input_size", "padding_idx"}
WITHOUT_MEANING = {
    "frontend_conf": {"frontend", "input_size", "device", "output_dir"},
    "model_conf": {"use_1st_decoder_loss", "seaco_length_normal", "predictor_weight2", "ctc_weight2"}
    | {"report_cer", "report_wer", "sym_space", "sym_blank"},
    "encoder_conf": _OF_ENCODER,
    "encoder2_conf": _OF_ENCODER,
    **dict.fromkeys(
        ("predictor_conf", "decoder_conf", "predictor2_conf", "decoder2_conf", "stride_conv_conf"), _OF_TENSORFLOW
    ),
}

# Keys of published sections that are taken with this value only, as every published config has it.
_DECODER_ONLY_AS = {"concat_after": False, "lora_list": None}
_LAYERS_ONLY_AS = {"positionwise_layer_type": "linear", "positionwise_conv_kernel_size": 1}
_OUTPUTS_ONLY_AS = {"interctc_layer_idx": [], "interctc_use_conditioning": False}
_ENCODER_ONLY_AS = {**_DECODER_ONLY_AS, **_LAYERS_ONLY_AS, **_OUTPUTS_ONLY_AS}
ONLY_AS = {
    **dict.fromkeys(("encoder_conf", "encoder2_conf"), _ENCODER_ONLY_AS),
    **dict.fromkeys(("decoder_conf", "decoder2_conf"), _DECODER_ONLY_AS),
}

# Parts of a network by the name that a model's keyword and the config's key have, and the table they are looked up in.
# A part's own keywords stand in `<name>_conf`.
PARTS = {
    "encoder": "encoder_classes",
    "encoder2": "encoder_classes",
    "bias_encoder": "encoder_classes",
    "decoder": "decoder_classes",
    "decoder2": "decoder_classes",
    "seaco_decoder": "decoder_classes",
    "predictor": "predictor_classes",
    "predictor2": "predictor_classes",
    "joint_network": "joint_network_classes",
    "stride_conv": "stride_conv_classes",
    "normalize": "normalize_classes",
}

# What the output of a part is to the parts after it.
GIVES = {
    "encoder": "encoder_output_size",
    "decoder": "decoder_output_size",
    "stride_conv": "input_size",
    "encoder2": "encoder_output_size",
}

# Models that take other features than the frontend their published configs name; of frontend_conf only what this one
# knows has a meaning then.
OWN_FRONTEND = {"CAMPPlus": "SpeakerFrontend"}
INPUTS = {"frontend": "frontend_classes", "tokenizer": "tokenizer_classes"}

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
    "encoder2_conf",
    "decoder2_conf",
    "seaco_decoder_conf",
    "predictor2_conf",
    "vad_kwargs",
    "punc_kwargs",
    "spk_kwargs",
)


def build_frontend(config: Config, without: Collection[str] = ()) -> Any:
    """The frontend a configuration names (WavFrontend where it names none), leaving out the keys `without`."""
    name = config.values.get("frontend")
    for key in config.values:
        if key not in (*SECTIONS, *FRONTEND_KEYS) and difflib.get_close_matches(key, FRONTEND_KEYS, 1, 0.75):
            raise ConfigError(f"{config.origin(key)}: {key} is no key; is {' or '.join(FRONTEND_KEYS)} meant?")
    own = OWN_FRONTEND.get(str(config.values.get("model")))
    if own is None and name is None and "model" in config.values and "frontend_conf" not in config.values:
        where = f"{config.origin('model')}: {config.values['model']}"
        raise ConfigError(f"{where} takes no features, for its config names no frontend; choose another model")
    if not isinstance(name or "", str):
        raise ConfigError(f"{config.origin('frontend')}: frontend is {name!r}; the name of one is wanted")
    cls = tables.frontend_classes.find(own or name or "WavFrontend")
    if own is not None:
        own_keys = parameters_of(cls) or ()
        given = {key: config.origin(f"frontend_conf.{key}") for key in config.section("frontend_conf")}
        without = {*without, *(key for key in given if key not in own_keys and not given[key].startswith("++"))}
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
        elif key in ONLY_AS.get(section, ()):
            if value != ONLY_AS[section][key]:
                where = config.origin(f"{section}.{key}")
                raise ConfigError(
                    f"{where}: {section}.{key} is {value!r}; only {ONLY_AS[section][key]!r} is built here"
                )
        elif key not in WITHOUT_MEANING.get(section, ()) and key not in getattr(cls, "without_meaning", ()):
            where = config.origin(f"{section}.{key}")
            near = difflib.get_close_matches(key, known, n=1)
            cure = f"did you mean {near[0]}?" if near else "it knows " + ", ".join(known)
            raise ConfigError(f"{where}: {cls.__name__} knows no {section}.{key}; {cure}")
    return keywords


def _checked(cls: type, key: str, value: Any, where: str) -> Any:
    """A value of the type that the class annotates, as far as that is a plain one; 16000.0 is the int 16000."""
    kind = getattr(inspect.signature(cls).parameters.get(key), "annotation", None)
    kinds = kind.__args__ if isinstance(kind, types.UnionType) else (kind,)
    if not all(kind in PLAIN_TYPES for kind in kinds):
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
            raise UnknownKeyError(key, names)
        if full in routed:
            raise ConfigError(f"++{full} is given twice, as {routed[full]!r} and {value!r}; keep one")
        routed[full] = value
    return routed


def route_to_model(config: Config, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides with each flat key under the section of that part of a model which knows it.

    A model from outside that takes any keyword gets what no other part knows.
    """
    components: dict[str, type] = {}
    for part, table in {"model": "model_classes", **INPUTS, **PARTS}.items():
        name = config.values.get(part)
        if isinstance(name, str) and name:
            cls = getattr(tables, table).find(name)
            components[f"{part}_conf"] = getattr(cls, "options_class", cls)
    own = components.get("model_conf")
    if own is None or parameters_of(own) is not None:
        return route(overrides, components)
    known = [name for cls in components.values() for name in parameters_of(cls) or ()]
    routed = {key: value for key, value in overrides.items() if key in known or "." in key or key in SECTIONS}
    return {**overrides, **route(routed, components)} if routed else dict(overrides)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean ++{near[0]}?" if near else ""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """What a model directory holds, ready for use."""

    directory: Path
    config: Config
    network: "nn.Module"
    frontend: Any  # None where the model takes text
    tokenizer: Any  # None where it gives no text
    parameters: Path | None = None  # the file they were taken from

    def fingerprint(self) -> str:
        """Names the parameters without reading them: another file, or the same written anew, has another."""
        if self.parameters is None:
            return ""
        about = self.parameters.stat()
        return f"{self.parameters.resolve()} {about.st_size} {about.st_mtime_ns}"

    def parameter_hash(self) -> str:
        """SHA-256 of the file of parameters."""
        if self.parameters is None:
            return ""
        digest = hashlib.sha256()
        with open(self.parameters, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    @property
    def name(self) -> str:
        """The registered name of its class."""
        return str(self.config.values["model"])


def load_model(
    directory: str | Path,
    overrides: Mapping[str, Any] | None = None,
    checkpoint: str | Path | None = None,
    allow_partial: bool = False,
    device: str = "cpu",
    dtype: str = "fp32",
    is_packed: bool = True,
) -> LoadedModel:
    """A model directory's network with its parameters, in evaluation mode, its frontend and its tokenizer.

    `checkpoint`: a file to take the parameters from in place of the directory's own. `dtype`: fp32, bf16, fp16, int8.
    `is_packed`: keep the weights a second time as a CPU multiplies them fastest; results differ in the last bits.
    """
    from asrtools.checkpoint import build_empty, load_parameters
    from asrtools.layers.precision import kind_here, lower, pack_linear_layers

    config = configuration.load(directory, overrides)
    frontend, tokenizer = build_input(config), build_tokenizer(config)
    if is_outside(config):  # it may well keep tensors that are in no file
        network = build_network(config, *sizes_of(config, frontend, tokenizer), frontend, tokenizer)
    else:
        network = build_empty(lambda: build_network(config, *sizes_of(config, frontend, tokenizer)))
    parameters = Path(checkpoint) if checkpoint else _parameter_file(config)
    load_parameters(network, parameters, allow_partial)
    tell_tags(network, tokenizer)
    lower(network, kind_here(dtype, device), device)
    if device != "cpu":
        network.to(device)
    elif is_packed:
        pack_linear_layers(network)
    return LoadedModel(Path(directory), config, network, frontend, tokenizer, parameters)


def tell_tags(network: "nn.Module", tokenizer: Any) -> None:
    """Let a network that knows tags by name (SenseVoice) know where they stand in this vocabulary."""
    if tokenizer is not None and hasattr(network, "set_tag_ids"):
        ids = tag_ids(tokenizer.token_list)
        if ids:
            network.set_tag_ids(ids)


def _parameter_file(config: Config) -> Path:
    file = config.values.get("init_param")
    if isinstance(file, str | Path):
        return Path(file)
    missing = config.missing.get("init_param")
    where = missing or (config.directory or Path()) / "model.pt"
    raise ModelError(
        f"{where}: is not there, so the model has no parameters; fetch it, or name a file with --checkpoint"
    )


def build_input(config: Config) -> Any:
    """The frontend of a model, or None where its config names none (punctuation)."""
    has_one = config.values.get("frontend") or config.values.get("model") in OWN_FRONTEND
    return build_frontend(config) if has_one else None


def build_tokenizer(config: Config) -> Any:
    """The tokenizer of a model, or None where its config names none (voice activity, speakers)."""
    name = config.values.get("tokenizer")
    if not name:
        return None
    cls = tables.tokenizer_classes.find(str(name))
    return cls(**keywords_for(cls, config, "tokenizer_conf"))


def sizes_of(config: Config, frontend: Any, tokenizer: Any) -> tuple[int | None, int | None]:
    """input_size and vocab_size: what frontend and tokenizer say, else the config."""
    input_size = frontend.output_size() if frontend is not None else config.values.get("input_size")
    vocab_size = tokenizer.get_vocab_size() if tokenizer is not None else config.values.get("vocab_size")
    return input_size, vocab_size


def is_outside(config: Config) -> bool:
    """Whether the model takes its whole configuration as keywords, as the documents have it of one's own models."""
    name = config.values.get("model")
    return isinstance(name, str) and parameters_of(tables.model_classes.find(name)) is None


def build_network(
    config: Config,
    input_size: int | None = None,
    vocab_size: int | None = None,
    frontend: Any = None,
    tokenizer: Any = None,
) -> "nn.Module":
    """The network that a configuration names, with parameters yet to be filled.

    A model's class says by its keywords which parts it wants (`encoder`, `decoder`, ...: built from `encoder` and
    `encoder_conf`), which sizes (`input_size`, `vocab_size`) and which other sections as they are (`ctc_conf`).
    """
    name = config.values.get("model")
    if not isinstance(name, str):
        raise ConfigError(
            f"{config.directory}: its config names no model; a registered name is wanted, such as Paraformer"
        )
    cls = tables.model_classes.find(name)
    known = parameters_of(cls)
    if known is None:  # a model from outside takes the whole configuration, as the documents say
        sizes = {"input_size": input_size, "vocab_size": vocab_size}
        parts = {"frontend": frontend, "tokenizer": tokenizer}
        return cls(**{**config.values, **config.section("model_conf"), **sizes, **parts})
    sizes = {"input_size": input_size, "vocab_size": vocab_size}
    options_class = getattr(cls, "options_class", None)  # where model_conf is not about the network itself
    keywords = dict(keywords_for(options_class or cls, config, "model_conf"))
    if options_class is not None:
        keywords = {"options": options_class(**keywords)}
    for part in known:
        if part in PARTS:
            keywords[part] = _part(config, part, sizes)
            if part in GIVES and hasattr(keywords[part], "output_size"):
                sizes[GIVES[part]] = keywords[part].output_size()
        elif part in SECTIONS and part not in keywords:
            keywords[part] = config.section(part)
        elif part in sizes:
            keywords[part] = _size(config, part, sizes)
    return cls(**keywords)


def _part(config: Config, part: str, sizes: Mapping[str, int | None]) -> Any:
    name = config.values.get(part)
    if not name:
        return None
    if not isinstance(name, str):
        raise ConfigError(f"{config.origin(part)}: {part} is {name!r}; a registered name is wanted")
    cls = getattr(tables, PARTS[part]).find(name)
    keywords = keywords_for(cls, config, f"{part}_conf")
    for size in parameters_of(cls) or ():
        if size in sizes and (sizes[size] is not None or size not in keywords):  # a text model's is in its section
            keywords[size] = _size(config, size, sizes)
    return cls(**keywords)


def _size(config: Config, name: str, sizes: Mapping[str, int | None]) -> int:
    size = sizes[name]
    if not isinstance(size, int):
        raise ConfigError(f"{config.directory}: {name} is not known; its config should name a frontend and a tokenizer")
    return size
