"""`dataset_conf` and what else of a configuration data sets go by."""

import difflib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from asrtools.build import keywords_for, parameters_of
from asrtools.config import Config
from asrtools.errors import ConfigError
from asrtools.register import tables

# The data sets of networks that AudioDataset has not enough for.
DATASETS = {
    "SeacoParaformer": "AudioDatasetHotword",
    "ContextualParaformer": "AudioDatasetHotword",
    "SenseVoiceSmall": "SenseVoiceCTCDataset",
    "CTTransformer": "PunctuationDataset",
    "CTTransformerStreaming": "PunctuationDataset",
    "FsmnVADStreaming": "VadDataset",
    "CAMPPlus": "SpeakerDataset",
}
LOADER_KEYS = {"num_workers", "pin_memory", "prefetch_factor", "persistent_workers", "batch_sampler", "index_ds"}
WITHOUT_MEANING = {
    "retry",
    "rank_split",
    "audio_adaptor_downsample_rate",
    "audio_encoder_downsample_rate",
    "dataset",
} | {"IndexDSJsonl", "sos", "eos", "is_training"}


def dataset_class(config: Config, network_name: str) -> type:
    name = str(config.values.get("dataset") or "AudioDataset")
    if name == "AudioDataset":  # which published configs of every kind have
        name = DATASETS.get(network_name, name)
    return tables.dataset_classes.find(name)


def facts_of(config: Config, network_name: str) -> dict[str, Any]:
    """What a data set wants to know of its model."""
    model = config.section("model_conf")
    known = {"has_pauses": network_name == "CTTransformerStreaming"}
    if network_name == "SeacoParaformer":
        known["seaco_id"] = model.get("NO_BIAS", 8377)
    for key in ("punc_list", "ignore_id"):
        if key in model:
            known[key] = model[key]
    if config.values.get("jieba_usr_dict"):
        known["jieba_usr_dict"] = config.values["jieba_usr_dict"]
    return known


def build_specaug(config: Config) -> Any:
    name = config.values.get("specaug")
    if not name:
        return None
    cls = tables.specaug_classes.find(str(name))
    return cls(**keywords_for(cls, config, "specaug_conf"))


def fitting(cls: type, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the keywords that a class takes."""
    names = parameters_of(cls)
    return {key: value for key, value in keywords.items() if names is None or key in names}


def check_keys(config: Config, classes: Sequence[type]) -> None:
    """A key that no part knows is an error; a class from outside that takes any keyword may know all."""
    known = {*LOADER_KEYS, *WITHOUT_MEANING}
    for cls in classes:
        names = parameters_of(cls)
        if names is None and is_outside(cls):
            return
        known |= set(names or _names_of(cls))
    for key in config.section("dataset_conf"):
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1)
            cure = f"did you mean {near[0]}?" if near else "it knows " + ", ".join(sorted(known))
            raise ConfigError(f"{config.origin(f'dataset_conf.{key}')}: nothing knows dataset_conf.{key}; {cure}")


def is_outside(cls: type) -> bool:
    return not cls.__module__.startswith("asrtools.")


def _names_of(cls: type) -> list[str]:
    return [name for base in cls.__mro__ if base is not object for name in inspect.signature(base).parameters]
