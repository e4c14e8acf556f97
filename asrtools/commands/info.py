"""asrtools info: what a model directory holds and what it costs to run."""

import json
from pathlib import Path
from typing import Any

import click

from asrtools import zoo
from asrtools.commands.command import command, launch
from asrtools.commands.options import hub_options


@command(example="asrtools info exp/model\nasrtools info --json paraformer-zh")
@click.argument("model", metavar="MODEL_DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@hub_options
def info(model: str, as_json: bool, hub: str, revision: str | None, offline: bool) -> None:
    """Print what MODEL_DIR (or a model's name) holds: parameters by part, cost, rate, vocabulary, companions."""
    from asrtools import build
    from asrtools.hub import model_directory
    from asrtools.tasks import trial_run
    from asrtools.tasks.checkup import hub_id

    directory = model_directory(model, hub, revision, offline)
    loaded = build.load_model(directory, is_packed=False)  # what is packed has no storage that could be counted
    costs = trial_run.account(loaded)
    name = hub_id(directory)
    facts = _facts(loaded, costs, zoo.find(name) if name else zoo.find(model))
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    for label, value in facts.items():
        if isinstance(value, dict):
            click.echo(f"{label:<14}{_words(label, sum(value.values())) if label == 'parameters' else ''}".rstrip())
            for part, number in value.items():
                click.echo(f"  {part:<24}{_words(label, number)}")
        elif value is not None:
            click.echo(f"{label:<14}{_words(label, value)}")


def _facts(model: Any, costs: Any, entry: zoo.Entry | None) -> dict[str, Any]:
    frontend, tokenizer = model.frontend, model.tokenizer
    return {
        "directory": str(Path(model.directory)),
        "class": model.name,
        "name": entry.name if entry else None,
        "task": entry.task if entry else None,
        "languages": entry.languages if entry else None,
        "license": entry.license if entry else None,
        "rate_hz": frontend.fs if frontend is not None else None,
        "features": frontend.output_size() if frontend is not None else None,
        "vocabulary": tokenizer.get_vocab_size() if tokenizer is not None else None,
        "parameters": dict(costs.parameters),
        "bytes": costs.parameter_bytes,
        "flops_per_s": costs.flops_per_second,
        "bytes_per_s": costs.bytes_per_second,
        "companions": dict(entry.companions) or None if entry else None,
    }


def _words(label: str, value: Any) -> str:
    from asrtools.hub.place import in_words

    if label == "parameters":
        return f"{value / 1e6:>9.3f} M"
    if label == "bytes":
        return f"{in_words(value)} of parameters"
    if label == "flops_per_s":
        return f"{value / 1e9:.2f} GFLOP for a second of audio (in an utterance of 10 s)"
    if label == "bytes_per_s":
        return f"{in_words(value)} for a second of audio, beside the parameters"
    return str(value)


def main() -> None:
    launch(info)
