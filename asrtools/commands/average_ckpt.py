"""average-ckpt: average the parameters of checkpoints."""

from pathlib import Path

import click

from asrtools.commands.command import command, complain, launch, refuse_overwriting


@command(
    example=(
        "average-ckpt exp/model --best 10 --by acc\n"
        "average-ckpt exp/model --last 5 --output exp/model/model.pt\n"
        "average-ckpt exp/model/model.pt.ep8 exp/model/model.pt.ep9 --output mean.pt"
    )
)
@click.argument("paths", nargs=-1, required=True, metavar="DIR|FILE...")
@click.option("--best", type=click.IntRange(1), metavar="N", help="Of DIR the best N.")
@click.option("--by", type=click.Choice(["acc", "loss", "cer"]), default="acc", show_default=True, help="What best is.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Of DIR the last N.")
@click.option("--output", "-o", metavar="FILE", help="Where it goes.  [default: DIR/model.pt.avgN]")
def average_ckpt(paths: tuple[str, ...], best: int | None, by: str, last: int | None, output: str | None) -> int:
    """Average the parameters of checkpoints: the best or last of a directory, or those that are named."""
    places = [Path(path) for path in paths]
    is_directory = len(places) == 1 and places[0].is_dir()
    if best and last:
        raise click.UsageError("--best and --last are two ways to choose; give one")
    if is_directory and not (best or last):
        raise click.UsageError(f"{paths[0]} is a directory; --best N or --last N says which of its checkpoints")
    if not is_directory and (best or last):
        raise click.UsageError("--best and --last choose from one directory; checkpoint files are averaged as named")
    if not is_directory and not output:
        raise click.UsageError("--output FILE is not given")
    from asrtools.train import choose

    if best:
        places = choose.best_of(places[0], best, by)
    elif last:
        places = choose.last_of(places[0], last)
    target = Path(output) if output else places[0].parent / f"model.pt.avg{len(places)}"
    refuse_overwriting([str(place) for place in places], [target])
    choose.write_average(places, target)
    complain("average-ckpt", f"{target}: mean of {', '.join(place.name for place in places)}")
    return 0


def main() -> None:
    launch(average_ckpt)
