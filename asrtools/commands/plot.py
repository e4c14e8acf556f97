"""plot: draw the curves of a training run."""

from pathlib import Path

import click

from asrtools.commands.command import command, complain, launch


@command(example="asrtools plot exp/model\nasrtools plot exp/one exp/other --output curves.png")
@click.argument("directories", nargs=-1, required=True, metavar="DIR...", type=click.Path(file_okay=False))
@click.option("--output", "-o", metavar="FILE", help="A png, pdf or svg.  [default: DIR/curves.png]")
def plot(directories: tuple[str, ...], output: str | None) -> int:
    """Draw loss, accuracy, error rate and learning rate of training runs over their steps."""
    from asrtools.train.curves import draw, read_curves

    target = Path(output) if output else Path(directories[0]) / "curves.png"
    draw({directory: read_curves(Path(directory)) for directory in directories}, target)
    complain("plot", str(target))
    return 0


def main() -> None:
    launch(plot)
