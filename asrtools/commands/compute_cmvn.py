"""compute-cmvn: the mean and variance of features, as models want them beside their parameters."""

from pathlib import Path
from typing import Any

import click

from asrtools.commands.command import Tally, command, launch, progress
from asrtools.commands.frontend_options import config_option, dither_option, frontend_from, lfr_option, use_one_thread
from asrtools.commands.options import data_argument, data_options, jobs_option
from asrtools.errors import DataError

EXAMPLE = """\
compute-cmvn --config conf/train.yaml --nj 8 data/train exp/cmvn
compute-cmvn --lfr 7,6 exp/fbank/feats.scp exp/cmvn"""


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@click.option(
    "--cmvn-file", type=click.Path(), metavar="F.json", help="Write F.json, and am.mvn beside it; no OUT_DIR then."
)
@config_option
@lfr_option
@dither_option
@click.option(
    "--scale", type=float, default=-1.0, help="Take this part of the inputs, chosen by their keys.  [default: all]"
)
@jobs_option
@data_options
def compute_cmvn(
    data: tuple[str, ...],
    cmvn_file: str | None,
    config_file: str | None,
    lfr: tuple[int, int] | None,
    dither: float | None,
    scale: float,
    nj: int,
    input_type: str,
    fs: int,
    channel: str,
    overrides: dict[str, Any],
) -> int:
    """Compute the mean and variance of the features of DATA: DATA... OUT_DIR.

    DATA is wav.scp, a data directory, list.jsonl, feats.scp of unnormalised filter banks, recordings, or - for stdin.
    OUT_DIR gets am.mvn, which models load, and cmvn.json, the sums. The config's own cmvn_file is left out of the
    features; its lfr_m and lfr_n count. Sums are in double precision and the same for any --nj.
    """
    if cmvn_file is None:
        *inputs, out = data
        json_file = Path(out) / "cmvn.json"
    else:
        inputs, json_file = list(data), Path(cmvn_file)
    if not inputs:
        raise click.UsageError("it takes DATA and OUT_DIR (or DATA and --cmvn-file)")
    if channel == "all":
        raise click.UsageError("--channel all: features are of one channel; take mix, each or a number")
    use_one_thread()
    from asrtools.features.cmvn import CmvnStats
    from asrtools.io.source import read_inputs
    from asrtools.tasks.features import FeatureComputer, compute_statistics, sample_by_key, write_statistics

    lfr_m, lfr_n = lfr or (None, None)
    chosen = {"lfr_m": lfr_m, "lfr_n": lfr_n, "dither": dither}
    computer = FeatureComputer(frontend_from(config_file, overrides, chosen, without=("cmvn_file",)), channel, fs)
    utterances = read_inputs(inputs, input_type, fs, channel, tables=())
    if scale > 0:
        utterances = sample_by_key(utterances, scale)
    tally, total = Tally("compute-cmvn"), CmvnStats()
    for done, stats in progress(compute_statistics(utterances, computer, nj), "compute-cmvn"):
        for utterance in done:
            if utterance.status == "error":
                tally.fail(utterance.key, utterance.error or "no features")
            else:
                tally.add(utterance.status)
        total.merge(stats)
    if not total.total_frames:
        tally.close()
        raise DataError(f"{' '.join(inputs)}: no input gave features, so there is no mean; nothing was written")
    write_statistics(total, json_file)
    return tally.close()


def main() -> None:
    launch(compute_cmvn)
