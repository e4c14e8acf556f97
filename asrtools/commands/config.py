"""asrtools config: the resolved configuration of a model directory, with the origin of every value."""

import json
from typing import Any

import click

from asrtools import config as configuration
from asrtools.commands.command import command, launch


@command(example="asrtools config exp/model ++frontend_conf.dither=0", takes_overrides=True)
@click.argument("model_dir", metavar="MODEL_DIR|FILE.yaml", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="The resolved values alone, as one JSON object.")
def config(model_dir: str, as_json: bool, overrides: dict[str, Any]) -> None:
    """Print a model directory's configuration: each value, resolved, and where it came from."""
    read = configuration.load(model_dir, overrides)
    if as_json:
        click.echo(json.dumps(read.values, ensure_ascii=False, indent=2))
        return
    rows = [(key, json.dumps(value, ensure_ascii=False), read.origin(key)) for key, value in _leaves(read.values)]
    rows += [(key, "null", f"{path} is named and is not there") for key, path in read.missing.items()]
    widths = [min(max((len(row[i]) for row in rows), default=0), 60) for i in (0, 1)]
    for key, value, origin in rows:
        click.echo(f"{key:<{widths[0]}}  {value:<{widths[1]}}  {origin}")


def _leaves(values: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(configuration.flatten(values))


def main() -> None:
    launch(config)
