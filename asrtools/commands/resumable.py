"""--output-dir and --resume of commands that keep a journal of what is done."""

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from asrtools import __version__
from asrtools.commands.command import complain

if TYPE_CHECKING:
    from asrtools.build import LoadedModel
    from asrtools.io.journal_dir import JournalDir

# what a result does not depend on
APART = ("output_dir", "resume", "jsonl", "rttm", "device", "ncpu", "batch_size", "batch_seconds", "offline", "hub")


def check_resume(options: dict[str, Any]) -> None:
    if options["resume"] and not options["output_dir"]:
        raise click.UsageError("--resume goes on with an --output-dir run; give the directory")


def open_results(
    command: str, data: tuple[str, ...], files: list[str], model: "LoadedModel", options: dict[str, Any]
) -> "JournalDir | None":
    """The directory of --output-dir, where that was asked for."""
    if not options["output_dir"]:
        return None
    from asrtools.io.journal_dir import JournalDir

    head = {"data": list(data), "parameters": model.fingerprint()}
    head |= {name: value for name, value in options.items() if name not in APART}
    results = JournalDir(options["output_dir"], head, files, options["resume"])
    if results.num_left_behind:
        complain(
            command,
            f"{options['output_dir']}: what an earlier run had there ({results.num_left_behind} inputs) is begun anew; "
            "--resume would have gone on with it",
        )
    return results


def finish(results: "JournalDir | None", model: "LoadedModel", options: dict[str, Any], started: float) -> None:
    if results is None:
        return
    results.finish(
        {
            "command": sys.argv,
            "version": __version__,
            "wall_seconds": round(time.time() - started, 3),
            "options": {name: value for name, value in options.items() if name != "overrides"},
            "model": {"directory": str(model.directory), "class": model.name, "sha256": model.parameter_hash()},
        }
    )
