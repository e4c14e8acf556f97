"""What compute-fbank and compute-cmvn share: which frontend, and one thread a process."""

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from asrtools import build, config
from asrtools.commands.command import complain
from asrtools.commands.options import data_options, jobs_option, stack
from asrtools.errors import ConfigError
from asrtools.record import Utterance
from asrtools.register import tables

if TYPE_CHECKING:
    from asrtools.tasks.features import FeatureComputer

config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE.yaml|MODEL_DIR",
    help="Where frontend and frontend_conf stand.  [default: 80-band filter banks, WavFrontend's own values]",
)
lfr_option = click.option(
    "--lfr",
    metavar="M,N",
    callback=lambda _, __, value: parse_lfr(value),
    help="Stack M frames and keep every Nth, e.g. 7,6.",
)
dither_option = click.option("--dither", type=click.FloatRange(0), help="Amount of random noise added.  [default: 0]")


def parse_lfr(value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    numbers = value.split(",")
    if len(numbers) != 2 or not all(number.strip().isdigit() and int(number) > 0 for number in numbers):
        raise click.BadParameter(f"{value!r} is not two numbers above 0, e.g. 7,6")
    return int(numbers[0]), int(numbers[1])


feature_options = stack(config_option, lfr_option, dither_option, jobs_option, data_options)


def open_features(
    data: Sequence[str],
    config_file: str | None,
    lfr: tuple[int, int] | None,
    dither: float | None,
    input_type: str,
    fs: int,
    channel: str,
    overrides: dict[str, Any],
    shard: tuple[int, int] | None = None,
    cmvn_file: str | None = None,
    without: tuple[str, ...] = (),
) -> "tuple[Iterator[Utterance], FeatureComputer]":
    """The utterances of DATA and what computes their features, as the options say; `without`: keys of the config."""
    if channel == "all":
        raise click.UsageError("--channel all: features are of one channel; take mix, each or a number")
    # the unit of parallelism is the process; numpy reads this when it is imported
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
    from asrtools.io.shard import take_shard
    from asrtools.io.source import read_inputs
    from asrtools.tasks.features import FeatureComputer

    lfr_m, lfr_n = lfr or (None, None)
    chosen = {"lfr_m": lfr_m, "lfr_n": lfr_n, "dither": dither, "cmvn_file": cmvn_file}
    frontend = _frontend(config_file, overrides, chosen, without)
    # each: the reader sets the channel of those that have several
    computer = FeatureComputer(frontend, "mix" if channel == "each" else channel, fs)
    utterances = read_inputs(data, input_type, fs, channel, tables=())
    first = next(utterances)  # what is wrong with DATA itself shows now, before any output is begun
    return take_shard(itertools.chain([first], utterances), shard), computer


def _frontend(
    config_file: str | None, overrides: dict[str, Any], chosen: dict[str, Any], without: tuple[str, ...]
) -> Any:
    """The frontend of a config file, or the default one, with the overrides and those options that are not None."""
    name = config.load(config_file, overrides).values.get("frontend")
    overrides = {key: value for key, value in overrides.items() if key != "frontend"}
    try:
        routed = build.route(overrides, {"frontend_conf": tables.frontend_classes.find(name or "WavFrontend")})
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    for key, value in chosen.items():
        if value is None:
            continue
        if f"frontend_conf.{key}" in routed:
            raise click.UsageError(f"{key} is given as an option and as ++{key}; keep one")
        routed[f"frontend_conf.{key}"] = value
    elsewhere = [key for key in routed if not key.startswith("frontend_conf")]
    if elsewhere:
        name_of = click.get_current_context().command_path
        complain(name_of, f"++{' ++'.join(elsewhere)} left alone: features depend on frontend_conf only")
    return build.build_frontend(config.load(config_file, routed | ({"frontend": name} if name else {})), without)
