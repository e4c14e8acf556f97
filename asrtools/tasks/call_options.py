"""The keywords of `AutoModel(...)` and `.generate(...)`, to what they mean here."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from asrtools.errors import ConfigError
from asrtools.models.protocols import ChunkOptions, DecodeOptions
from asrtools.tasks.batching import BatchLimits
from asrtools.tasks.stream import chunk_options

# Said by documents and scripts; of no meaning for what comes out.
IGNORED = (
    "disable_update",
    "disable_pbar",
    "disable_log",
    "log_level",
    "seed",
    "check_latest",
    "ngpu",
    "return_time_stamps",
    "return_spk_res",
    "model_conf_override",
    "output_timestamp_type",
    "data_list_dir",
    "begin_time",
)

SEARCH = {
    "nbest": "nbest",
    "beam_size": "beam_size",
    "greedy": "greedy",
    "decoding_ctc_weight": "ctc_weight",
    "lm_weight": "lm_weight",
    "lm_file": "lm_file",
    "maxlenratio": "max_len_ratio",
    "minlenratio": "min_len_ratio",
    "penalty": "penalty",
    "language": "language",
    "use_itn": "use_itn",
    "ban_emo_unk": "ban_emo_unk",
    "decoding_model": "decoding_model",
    "decoding_mode": "decoding_model",
    "clas_scale": "hotword_weight",
    "seaco_weight": "hotword_weight",
    "nfilter": "num_hotwords",
}
BATCH = ("batch_size", "batch_size_s", "batch_size_threshold_s")
STREAM = ("chunk_size", "encoder_chunk_look_back", "decoder_chunk_look_back", "cache", "is_final")
INPUT = ("fs", "audio_fs", "data_type", "key", "input_len")
TEXT = (
    "hotword",
    "text_norm",
    "output_timestamp",
    "pred_timestamp",
    "sentence_timestamp",
    "return_raw_text",
    "en_post_proc",
    "merge_vad",
    "merge_length_s",
    "preset_spk_num",
    "return_spk_center",
    "spk_mode",
    "output_dir",
    "progress_callback",
    "dynamic_silence",
    "max_end_silence_time",
    "max_single_segment_time",
    "speech_noise_thres",
    "split_size",
)
KNOWN = (*SEARCH, *BATCH, *STREAM, *INPUT, *TEXT)

# Those that a command heeds although it has no option of that name.
HEEDED = (
    *("ban_emo_unk", "decoding_model", "decoding_mode", "clas_scale", "seaco_weight", "nfilter", "text_norm"),
    *("chunk_size", "encoder_chunk_look_back", "decoder_chunk_look_back", "batch_size_threshold_s"),
    *("merge_vad", "merge_length_s", "preset_spk_num"),
    *("dynamic_silence", "max_end_silence_time", "max_single_segment_time", "speech_noise_thres"),
)

DEFAULT_SECONDS = 300.0
DEFAULT_ITEMS = 64


@dataclass(frozen=True)
class CallOptions:
    """The keywords of one call, those of the constructor below them."""

    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> "CallOptions":
        for name in given:
            if name not in KNOWN and name not in IGNORED:
                near = difflib.get_close_matches(name, KNOWN, n=1)
                cure = f"did you mean {near[0]}?" if near else "it is no keyword of generate()"
                raise ConfigError(f"{name}={given[name]!r}: nothing knows it; {cure}")
        return cls({**defaults, **given})

    def get(self, name: str, default: Any = None) -> Any:
        value = self.values.get(name)
        return default if value is None else value

    @property
    def fs(self) -> int:
        return int(self.get("audio_fs", self.get("fs", 16000)))

    @property
    def is_timed(self) -> bool | None:
        """Whether times are asked for; None: as the family has it."""
        asked = self.get("output_timestamp", self.get("pred_timestamp"))
        return True if asked else None

    @property
    def search(self) -> DecodeOptions:
        found = {ours: self.values[name] for name, ours in SEARCH.items() if self.values.get(name) is not None}
        text_norm = self.values.get("text_norm")
        if text_norm is not None:
            if text_norm not in ("withitn", "woitn"):
                raise ConfigError(f"text_norm is {text_norm!r}; withitn or woitn is wanted")
            found["use_itn"] = text_norm == "withitn"
        return DecodeOptions(**found)

    @property
    def limits(self) -> BatchLimits:
        seconds = float(self.get("batch_size_s", DEFAULT_SECONDS))
        alone = float(self.get("batch_size_threshold_s", "inf"))
        items = self.values.get("batch_size")
        return BatchLimits(DEFAULT_ITEMS if items is None else max(1, int(items)), max(seconds, 1e-3), alone)

    @property
    def chunks(self) -> ChunkOptions:
        cut = chunk_options(
            list(self.get("chunk_size", [0, 10, 5])),
            int(self.get("encoder_chunk_look_back", 0)),
            int(self.get("decoder_chunk_look_back", 0)),
        )
        return replace(cut, search=self.search)


def split_overrides(given: Mapping[str, Any]) -> tuple[CallOptions, list[str], dict[str, Any]]:
    """`++` names of a command: keywords of `generate` that it heeds, those without use here, and configuration."""
    calls, idle, rest = {}, [], {}
    for name, value in given.items():
        if name in HEEDED:
            calls[name] = value
        elif name in KNOWN or name in IGNORED or name == "trust_remote_code":
            idle.append(name)
        else:
            rest[name] = value
    return CallOptions(calls), [name for name in idle if name not in IGNORED], rest


def split_keywords(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords of the constructor to defaults of the calls, and what is left for the model's configuration."""
    calls = {name: value for name, value in given.items() if name in KNOWN}
    rest = {name: value for name, value in given.items() if name not in KNOWN and name not in IGNORED}
    return calls, rest
