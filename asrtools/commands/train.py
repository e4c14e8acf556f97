"""train: train a model, or fine-tune a published one."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from asrtools.commands.command import command, complain, launch
from asrtools.commands.options import device_options, hub_options
from asrtools.errors import AsrError, ConfigError


def _gpuids(value: str | None) -> tuple[int, ...]:
    if not value or value.strip() == "-1":
        return ()
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of numbers, e.g. 0,1") from error


@command(
    example=(
        "train --config conf/train.yaml --train train.jsonl --valid dev.jsonl --output-dir exp/model\n"
        "train --model paraformer-zh --train train.jsonl --valid dev.jsonl --output-dir exp/new ++optim_conf.lr=0.0002"
    ),
    takes_overrides=True,
)
@click.option(
    "--config", "config_file", type=click.Path(dir_okay=False), metavar="FILE", help="What to train, and how."
)
@click.option("--model", metavar="MODEL", help="Go on training this one: alias, hub id or model directory.")
@click.option("--init", metavar="MODEL", help="With --config, begin with the parameters of this directory or file.")
@click.option(
    "--train",
    "train_data_set_list",
    multiple=True,
    metavar="LIST",
    help="Training list (jsonl), or a file that names several.",
)
@click.option("--valid", "valid_data_set_list", multiple=True, metavar="LIST", help="Validation list.")
@click.option("--output-dir", type=click.Path(file_okay=False), metavar="DIR", help="The model directory to make.")
@click.option("--nproc", type=click.IntRange(1), help="Processes that train together on this machine.")
@click.option(
    "--gpuid_list", "--gpuid-list", callback=lambda _, __, value: _gpuids(value), help="GPUs, one process each: 0,1"
)
@click.option("--seed", type=int, help="Of all that is drawn at random.  [default: 0]")
@click.option("--remote-code", metavar="FILE", help="A file that registers the model's class, or a data set's.")
@click.option("--trust-remote-code", is_flag=True, hidden=True)
@click.option("--local-rank", "--local_rank", type=int, hidden=True, help="From torch.distributed.launch.")
@device_options
@hub_options
def train(**options: Any) -> int:
    """Train a model, or fine-tune a published one.

    The output directory becomes a model directory: `decode --model DIR` takes it. A run that was stopped goes on where
    it was, with the same result. Runs as it is under torchrun, torch.distributed.launch and srun.
    """
    for name, option in (("train_data_set_list", "--train"), ("output_dir", "--output-dir")):
        if not options[name]:
            raise click.UsageError(f"{option} is not given")
    if not options["config_file"] and not options["model"]:
        raise click.UsageError("--config FILE, or --model MODEL to go on from, is not given")
    if options["init"] and not options["config_file"]:
        raise click.UsageError("--init goes with --config; --model alone trains a model further")
    num = options["nproc"] or max(1, len(options["gpuid_list"]))
    if num > 1 and not _has_launcher():
        from asrtools.train.distributed import start_workers

        return start_workers(sys.argv[1:], num)
    try:
        return _train(options)
    except AsrError as error:
        from asrtools.train.distributed import is_first_to_say

        if is_first_to_say(str(error)):
            complain("train", str(error))
        return 2 if isinstance(error, ConfigError) else 1


def _has_launcher() -> bool:
    return "RANK" in os.environ or int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1


def _train(options: dict[str, Any]) -> int:
    from asrtools.hub import model_directory
    from asrtools.models.runner import set_threads
    from asrtools.train import session

    def found(name: str | None, is_initial: bool = False) -> Path | None:
        """Of what one begins with only the parameters are wanted, so that no loader is (data2vec's pretraining)."""
        if name is None or Path(name).is_file():
            return None if name is None else Path(name)
        where = (options["hub"], options["revision"], options["offline"])
        return model_directory(name, *where, without_loader=is_initial)

    set_threads(options["ncpu"])
    overrides = dict(options["overrides"])
    if options["seed"] is not None:
        overrides["seed"] = options["seed"]
    outcome = session.train(
        session.Request(
            Path(options["output_dir"]),
            options["train_data_set_list"],
            options["valid_data_set_list"],
            Path(options["config_file"]) if options["config_file"] else None,
            found(options["model"]),
            found(options["init"], is_initial=True),
            overrides,
            options["device"],
            options["gpuid_list"],
            options["remote_code"],
        )
    )
    if outcome.place.is_first:
        progress = outcome.progress
        skipped = f", {progress.num_skipped} steps left out" if progress.num_skipped else ""
        averaged = f"; model.pt is the mean of {', '.join(outcome.averaged)}" if outcome.averaged else ""
        complain("train", f"{progress.epoch} epochs, {progress.updates} steps{skipped}: {outcome.directory}{averaged}")
    return 0


def main() -> None:
    launch(train)
