"""The options of spk-diarize."""

import click

from asrtools.commands.options import Decorator, stack

speech_options: Decorator = stack(
    click.option(
        "--vad-model",
        default="fsmn-vad",
        show_default=True,
        metavar="MODEL|none",
        help="Finds the speech in whole recordings; none: they are speech from end to end.",
    ),
    click.option(
        "--segments", type=click.Path(), metavar="FILE", help="Kaldi segments that say where DATA holds speech."
    ),
)

cluster_options: Decorator = stack(
    click.option("--num-speakers", type=click.IntRange(1), metavar="N", help="How many there are in each recording."),
    click.option("--min-speakers", type=click.IntRange(1), default=1, show_default=True, help="At least so many."),
    click.option("--max-speakers", type=click.IntRange(1), default=15, show_default=True, help="At most so many."),
    click.option(
        "--merge-threshold",
        type=click.FloatRange(0, 1, min_open=True),
        default=0.78,
        show_default=True,
        help="Speakers more alike than this cosine are one, unless --num-speakers is given.",
    ),
)

known_options: Decorator = stack(
    click.option(
        "--enroll",
        type=click.Path(),
        metavar="spk.scp",
        help="Known speakers: `name recording` lines, or a data directory with utt2spk.",
    ),
    click.option(
        "--enroll-threshold",
        type=click.FloatRange(-1, 1),
        default=0.31,
        show_default=True,
        help="The cosine from which on a speaker is a known one.",
    ),
    click.option(
        "--embeddings", metavar="x.ark", help="Also write the embedding of each input, a Kaldi archive of vectors."
    ),
    click.option(
        "--trials",
        type=click.Path(),
        metavar="FILE",
        help="Score pairs of keys, `first second [target|nontarget]`, instead; first may be a known speaker.",
    ),
)
