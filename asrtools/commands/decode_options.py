"""The options of decode."""

import click

from asrtools.commands.options import Decorator, dtype_option, shard_option, stack
from asrtools.config import parse_value

FORMATS = ("kaldi", "txt", "json", "srt", "vtt", "ctm")

model_options: Decorator = stack(
    click.option("--checkpoint", metavar="FILE", help="Take the parameters from this file in place of the model's."),
    dtype_option,
    click.option("--remote-code", metavar="FILE.py", help="Where the class of the model is defined."),
)

companion_options: Decorator = stack(
    click.option("--vad-model", metavar="MODEL", help="Cut recordings of any length into stretches of speech by it."),
    click.option("--punc-model", metavar="MODEL", help="Attach punctuation by it."),
    click.option("--spk-model", metavar="MODEL", help="Tell speakers apart by it; goes with --vad-model."),
    click.option("--num-speakers", type=click.IntRange(1), help="How many speak, where it is known."),
    click.option(
        "--max-segment-seconds", type=click.FloatRange(0, min_open=True), help="Cut longer stretches of speech."
    ),
    click.option(
        "--merge-seconds",
        type=click.FloatRange(0, min_open=True),
        help="Put neighbouring stretches together, pauses and all, up to this length.",
    ),
)

merge_option: Decorator = click.option(
    "--merge-segments", is_flag=True, help="One line a recording where DATA holds neighbouring segments of it."
)

stream_options: Decorator = stack(
    click.option("--streaming", is_flag=True, help="Hear DATA chunk by chunk: partial and final texts as JSON lines."),
    click.option(
        "--chunk",
        metavar="600ms|B,N,A",
        help="--streaming: audio of a chunk, half as much is looked ahead; or frames before, of a chunk, ahead.  "
        "[default: 600ms; of an export 5,10,5]",
    ),
    click.option(
        "--look-back",
        metavar="E,D",
        help="--streaming: chunks that the encoder and the decoder remember.  [default: 4,1; of an export, whose "
        "encoder remembers none, 0,1]",
    ),
    click.option("--two-pass", metavar="MODEL", help="--streaming: its text replaces that of a finished sentence."),
    click.option(
        "--num-streams",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="--streaming: recordings of a list that are heard side by side, as one batch of the network.",
    ),
    click.option("--ref", metavar="TEXT|DIR", help="--streaming: references, for the error rate of the report."),
)

search_options: Decorator = stack(
    click.option(
        "--hotword",
        metavar="WORDS|FILE.txt|URL",
        callback=lambda _, __, value: parse_value(value) if (value or "").startswith("[") else value,
        help='Words to listen for, blanks between or one a line; or \'["a b","c"]\'.',
    ),
    click.option("--language", default="auto", show_default=True, help="auto, zh, en, yue, ja, ko (SenseVoice)."),
    click.option("--use-itn/--no-use-itn", default=False, help="Numbers in digits, with punctuation (SenseVoice)."),
    click.option(
        "--decoding-mode",
        type=click.Choice(["fast", "normal", "offline"]),
        default=None,
        help="UniASR: one quick pass, two passes (the default), or long chunks for the most exact text.",
    ),
    click.option("--nbest", type=click.IntRange(1), default=1, show_default=True, help="Hypotheses of each input."),
    click.option(
        "--beam-size", type=click.IntRange(0), default=0, metavar="N", help="Beam search; 0: the model's own way."
    ),
    click.option("--decoding-ctc-weight", type=click.FloatRange(0, 1), help="CTC in a joint beam search."),
    click.option("--greedy", is_flag=True, help="The best path, also where the model would search."),
    click.option("--lm-weight", type=click.FloatRange(0), default=0.0, help="Weight of the language model."),
    click.option("--lm-file", metavar="FILE|DIR", help="An ARPA n-gram, or a directory of a language model."),
    click.option("--maxlenratio", type=float, default=0.0, hidden=True),
    click.option("--minlenratio", type=float, default=0.0, hidden=True),
    click.option("--penalty", type=float, default=0.0, hidden=True),
)

output_options: Decorator = stack(
    click.option(
        "--format",
        "style",
        type=click.Choice(FORMATS),
        default="kaldi",
        show_default=True,
        help="kaldi: `key text`; txt: text only; the others hold times.",
    ),
    shard_option,
)
