"""What compute-fbank and compute-cmvn share: which frontend, and one thread a process."""

import os
from typing import Any

import click

from asrtools import build, config
from asrtools.register import tables

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


def frontend_from(
    config_file: str | None, overrides: dict[str, Any], chosen: dict[str, Any], without: tuple[str, ...] = ()
) -> Any:
    """The frontend of a config file, or the default one, with the overrides and those options that are not None."""
    read = config.load(config_file) if config_file else config.Config()
    name = overrides.pop("frontend", None) or read.values.get("frontend") or "WavFrontend"
    routed = build.route(overrides, {"frontend_conf": tables.frontend_classes.find(name)})
    routed |= {f"frontend_conf.{key}": value for key, value in chosen.items() if value is not None}
    routed["frontend"] = name
    read = config.load(config_file, routed) if config_file else config.from_overrides(routed)
    return build.build_frontend(read, without)


def use_one_thread() -> None:
    """For numpy's matrix products, before numpy is imported: the unit of parallelism here is the process."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
