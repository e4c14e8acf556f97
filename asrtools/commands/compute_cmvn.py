"""compute-cmvn: the mean and variance of features, as models want them beside their parameters."""

import os
from pathlib import Path
from typing import Any

import click

from asrtools.commands.command import Tally, command, complain, launch, progress
from asrtools.commands.feature_options import feature_options, open_features
from asrtools.commands.options import data_argument

EXAMPLE = """\
compute-cmvn --config conf/train.yaml --nj 8 data/train exp/cmvn
compute-cmvn --lfr 7,6 exp/fbank/feats.scp exp/cmvn"""


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@click.option(
    "--cmvn-file", type=click.Path(), metavar="F.json", help="Write F.json, and am.mvn beside it; no OUT_DIR then."
)
@click.option(
    "--scale",
    type=float,
    callback=lambda _, __, value: parse_scale(value),
    help="Take this part of the inputs, 0 to 1, chosen by their keys.  [default: all]",
)
@feature_options
def compute_cmvn(data: tuple[str, ...], cmvn_file: str | None, scale: float | None, nj: int, **options: Any) -> int:
    """Compute the mean and variance of the features of DATA: DATA... OUT_DIR.

    DATA is wav.scp, a data directory, list.jsonl, feats.scp of unnormalised filter banks, recordings, or - for stdin.
    OUT_DIR gets am.mvn, which models load, and cmvn.json, the sums. The config's own cmvn_file is left out of the
    features; its lfr_m and lfr_n count. Sums are in double precision and the same for any --nj.
    """
    inputs, json_file = (data, cmvn_file) if cmvn_file else (data[:-1], os.path.join(*data[-1:], "cmvn.json"))
    if not inputs:
        raise click.UsageError("it takes DATA and OUT_DIR (or DATA and --cmvn-file)")
    utterances, computer = open_features(inputs, **options, without=("cmvn_file",))
    from asrtools.features.cmvn import CmvnStats
    from asrtools.tasks.features import compute_statistics, sample_by_key, write_statistics

    if scale is not None:
        utterances = sample_by_key(utterances, scale)
    tally, total = Tally("compute-cmvn"), CmvnStats()
    for done, stats in progress(compute_statistics(utterances, computer, nj), "compute-cmvn"):
        for utterance in done:
            tally.count(utterance)
        total.merge(stats)
    if total.total_frames:
        write_statistics(total, Path(json_file))
        return tally.close()
    if scale is not None and not tally.counts.total():
        complain("compute-cmvn", f"--scale {scale} takes none of the inputs; a larger part is wanted")
    complain("compute-cmvn", f"no input gave features, so there is no mean and nothing was written to {json_file}")
    tally.close()
    return 1


def parse_scale(value: float | None) -> float | None:
    if value is None or value == -1:  # the documents' form of all
        return None
    if not 0 < value <= 1:
        raise click.BadParameter(f"{value} is not above 0 and at most 1")
    return value


def main() -> None:
    launch(compute_cmvn)
