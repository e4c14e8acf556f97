"""compute-fbank: recordings to filter-bank features."""

from typing import Any

import click

from asrtools.commands.command import Tally, command, complain, launch, progress, refuse_overwriting
from asrtools.commands.feature_options import feature_options, open_features
from asrtools.commands.options import data_argument, shard_option

EXAMPLE = """\
compute-fbank --nj 2 data/test exp/fbank
compute-fbank --lfr 7,6 --cmvn am.mvn wav.scp ark,scp:feats.ark,feats.scp"""


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@click.argument("out")
@click.option("--cmvn", "cmvn_file", type=click.Path(), metavar="am.mvn", help="Normalise with these statistics.")
@click.option(
    "--compress",
    type=click.Choice(["auto", "1", "2", "3", "5", "7"]),
    help="Compress the archive, by Kaldi's method of that number.",
)
@feature_options
@shard_option
def compute_fbank(data: tuple[str, ...], out: str, compress: str | None, nj: int, **options: Any) -> int:
    """Compute the filter-bank features of DATA (wav.scp, a data directory, list.jsonl, recordings, or - for stdin).

    OUT is a directory (feats.ark, feats.scp, utt2num_frames) or a Kaldi wspecifier such as ark,scp:a.ark,a.scp or
    ark:- for stdout. What stands there under these names is replaced once everything is written.
    """
    if not data:
        raise click.UsageError("it takes DATA and OUT")
    if out == "-":
        raise click.UsageError("OUT is -, which would be a directory of that name; write ark:- for stdout")
    utterances, computer = open_features(data, **options)
    from asrtools.io.feature_writer import FeatureWriter
    from asrtools.tasks.features import write_features

    tally = Tally("compute-fbank")
    writer = FeatureWriter(out, compress=compress)
    refuse_overwriting(data, writer.paths)
    with writer:
        for utterance in progress(write_features(utterances, computer, writer, nj), "compute-fbank"):
            tally.count(utterance)
    if not writer.count:
        complain("compute-fbank", f"no input gave features, so nothing was written to {out}")
    return tally.close() or (0 if writer.count else 1)


def main() -> None:
    launch(compute_fbank)
