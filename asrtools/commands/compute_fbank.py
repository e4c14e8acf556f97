"""compute-fbank: recordings to filter-bank features."""

from typing import Any

import click

from asrtools.commands.command import Tally, command, launch, progress
from asrtools.commands.frontend_options import config_option, dither_option, frontend_from, lfr_option, use_one_thread
from asrtools.commands.options import data_argument, data_options, jobs_option

EXAMPLE = """\
compute-fbank --nj 2 data/test exp/fbank
compute-fbank --lfr 7,6 --cmvn am.mvn wav.scp ark,scp:feats.ark,feats.scp"""


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@click.argument("out")
@config_option
@lfr_option
@click.option("--cmvn", "cmvn_file", type=click.Path(), metavar="am.mvn", help="Normalise with these statistics.")
@dither_option
@click.option("--compress", metavar="auto|2|3|5|7", help="Compress the archive, by Kaldi's method of that number.")
@jobs_option
@data_options
def compute_fbank(
    data: tuple[str, ...],
    out: str,
    config_file: str | None,
    lfr: tuple[int, int] | None,
    cmvn_file: str | None,
    dither: float | None,
    compress: str | None,
    nj: int,
    input_type: str,
    fs: int,
    channel: str,
    overrides: dict[str, Any],
) -> int:
    """Compute the filter-bank features of DATA (wav.scp, a data directory, list.jsonl, recordings, or - for stdin).

    OUT is a directory (feats.ark, feats.scp, utt2num_frames) or a Kaldi wspecifier such as ark,scp:a.ark,a.scp or
    ark:- for stdout. What stands there under these names is replaced once everything is written.
    """
    if not data:
        raise click.UsageError("it takes DATA and OUT")
    if channel == "all":
        raise click.UsageError("--channel all: features are of one channel; take mix, each or a number")
    use_one_thread()
    from asrtools.io.feature_writer import FeatureWriter
    from asrtools.io.source import read_inputs
    from asrtools.tasks.features import FeatureComputer, write_features

    lfr_m, lfr_n = lfr or (None, None)
    chosen = {"lfr_m": lfr_m, "lfr_n": lfr_n, "cmvn_file": cmvn_file, "dither": dither}
    computer = FeatureComputer(frontend_from(config_file, overrides, chosen), channel, fs)
    tally = Tally("compute-fbank")
    utterances = read_inputs(data, input_type, fs, channel, tables=())
    with FeatureWriter(out, compress=compress) as writer:
        for utterance in progress(write_features(utterances, computer, writer, nj), "compute-fbank"):
            if utterance.status == "error":
                tally.fail(utterance.key, utterance.error or "no features")
            else:
                tally.add(utterance.status)
    return tally.close()


def main() -> None:
    launch(compute_fbank)
