"""asrtools: the umbrella, `asrtools COMMAND ...`."""

import difflib
import importlib

import click

from asrtools import __version__
from asrtools.commands.command import launch

# Listed here so that `asrtools --help` imports none of them.
COMMANDS = {
    "download": "Fetch a published model and print its directory.",
    "scp2jsonl": "Join wav.scp and text into a training list.",
    "jsonl2scp": "Split a training list into wav.scp and text.",
    "compute-fbank": "Compute filter-bank features.",
    "compute-cmvn": "Compute the mean and variance of features.",
    "vad-segment": "Find the stretches of speech in recordings.",
    "decode": "Recognise speech.",
    "punc": "Attach punctuation to text.",
    "align": "Find when each word of a known text is spoken.",
    "spk-diarize": "Find who speaks when.",
    "train": "Train or fine-tune a model.",
    "average-ckpt": "Average the parameters of checkpoints.",
    "plot": "Draw the curves of a training run.",
    "export": "Write a model as ONNX or TorchScript.",
    "score": "Compare recognised text with references.",
    "itn": "Write numbers, dates and units in digits.",
    "tn": "Spell numbers, dates and units out.",
    "doctor": "Say what is wrong with this machine or a model directory.",
    "info": "Print what a model directory holds and what it costs to run.",
    "merge-shards": "Merge the results of parts of a list, in its order.",
    "config": "Print a model directory's configuration and where each value came from.",
}


class Umbrella(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        attribute = name.replace("-", "_")
        found = getattr(importlib.import_module(f"asrtools.commands.{attribute}"), attribute)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=2)
            cure = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {cure}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    "asrtools",
    cls=Umbrella,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="\b\nExample:\n  asrtools config exp/model",
)
@click.version_option(__version__)
def asrtools() -> None:
    """A speech-recognition suite for the command line.

    Every command but `doctor`, `info`, `plot`, `merge-shards` and `config` is also a program of its own; `export` is
    written `asrtools export`, since the shell has a builtin of that name.
    """


def main() -> None:
    launch(asrtools)
