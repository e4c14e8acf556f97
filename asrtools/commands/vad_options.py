"""The options of a VAD model, each under its published name."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import click

from asrtools.commands.options import Decorator, stack
from asrtools.models.fsmn_vad.options import VadOptions

HELP = {
    "max_end_silence_time": "Silence that ends a segment.",
    "max_start_silence_time": "Silence that ends the search (detect_mode 0).",
    "max_single_segment_time": "A segment longer than this is cut.",
    "speech_noise_thres": "Margin by which speech must be more probable than silence.",
    "speech_2_noise_ratio": "Exponent of the probability of silence.",
    "window_size_ms": "Window in which frames of speech are counted.",
    "sil_to_speech_time_thres": "Speech in the window that begins a segment.",
    "speech_to_sil_time_thres": "Speech in the window down from which it is silence.",
    "do_extend": "Whether segments reach beyond what the window says, by the two times below.",
    "lookback_time_start_point": "How much earlier segments begin.",
    "lookahead_time_end_point": "How much later segments end.",
    "detect_mode": "1: all segments; 0: the first only.",
    "decibel_thres": "Level that a frame of speech has at least.",
    "snr_thres": "Level above the noise that a frame of speech has at least.",
    "noise_frame_num_used_for_snr": "Frames over which the level of the noise is averaged.",
}  # the others, which seldom or never change anything, are taken and not shown

_MS = ("_ms", "_time", "_thres_ms", "_point", "_time_thres")


def _option(name: str, default: Any) -> Decorator:
    # --sample-rate is that of raw pcm, in every command
    flag = "--" + ("model-sample-rate" if name == "sample_rate" else name.replace("_", "-"))
    shown = {"help": HELP.get(name), "hidden": name not in HELP}
    if isinstance(default, tuple):
        return click.option(flag, name, metavar="N,N", callback=_numbers, **shown)
    if isinstance(default, bool):
        return click.option(flag, name, type=click.BOOL, **shown)
    whole = type(default) is int
    metavar = "MS" if name.endswith(_MS) else "DB" if name in ("decibel_thres", "snr_thres") else "N"
    return click.option(flag, name, type=int if whole else float, metavar=metavar, **shown)


def _numbers(_: Any, __: Any, value: str | None) -> list[int] | None:
    if value is None:
        return None
    parts = value.strip("[]").split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"{value!r} is not a list of numbers, e.g. 0,1")
    return [int(part) for part in parts]


NAMES = (*(name for name in HELP), *(f.name for f in fields(VadOptions) if f.name not in HELP))
_DEFAULTS = {f.name: f.default for f in fields(VadOptions)}

vad_model_options: Decorator = stack(*(_option(name, _DEFAULTS[name]) for name in NAMES))

segment_options: Decorator = stack(
    click.option(
        "--vad-profile",
        type=click.Choice(["config", "funasr-1.4"]),
        default="config",
        show_default=True,
        help="What ends a segment: the config's silence, or FunASR 1.4's, the shorter the longer the segment is.",
    ),
    click.option(
        "--max-segment-seconds",
        type=click.FloatRange(min=0, min_open=True),
        metavar="S",
        help="Cut longer segments; --max-single-segment-time in seconds.",
    ),
    click.option(
        "--min-silence-ms", type=click.IntRange(0), metavar="MS", help="Another name of --max-end-silence-time."
    ),
    click.option(
        "--pad-ms",
        type=click.IntRange(0),
        default=0,
        metavar="MS",
        help="Make segments longer at both ends, up to half of the pause between two.",
    ),
    click.option(
        "--merge-seconds",
        type=click.FloatRange(min=0, min_open=True),
        metavar="S",
        help="Put segments, and the pauses between them, together into pieces below S seconds.",
    ),
)


def vad_overrides(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options of the model that were given, by published name, together with `overrides`."""
    chosen = {name: options[name] for name in NAMES if options.get(name) is not None}
    for short, name, scale in (
        ("max_segment_seconds", "max_single_segment_time", 1000),
        ("min_silence_ms", "max_end_silence_time", 1),
    ):
        if options.get(short) is None:
            continue
        if name in chosen:
            raise click.UsageError(f"--{short.replace('_', '-')} and --{name.replace('_', '-')} mean one thing")
        chosen[name] = round(options[short] * scale)
    overrides = dict(options["overrides"])
    for name, value in chosen.items():
        if f"model_conf.{name}" in overrides:
            raise click.UsageError(f"{name} is given as an option and as ++model_conf.{name}; keep one")
        overrides[name] = value
    if options["vad_profile"] != "config":
        for name in ("max_end_silence_time", "speech_noise_thres"):
            if name in overrides or f"model_conf.{name}" in overrides:
                raise click.UsageError(
                    f"--vad-profile {options['vad_profile']} sets {name} by itself; keep one of both"
                )
    return overrides
