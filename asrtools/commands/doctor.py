"""asrtools doctor: what is wrong with a machine or a model directory."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asrtools.commands.command import command, complain, launch
from asrtools.commands.options import hub_options
from asrtools.errors import AsrError

if TYPE_CHECKING:
    from asrtools.tasks.finding import Finding

EXAMPLE = """\
asrtools doctor
asrtools doctor exp/model"""


@command(example=EXAMPLE, reads_stdin=True)
@click.argument("model", required=False, metavar="[MODEL_DIR]")
@click.option("--json", "as_json", is_flag=True, help="The findings as a JSON list.")
@hub_options
def doctor(model: str | None, as_json: bool, hub: str, revision: str | None, offline: bool) -> int:
    """Say what this machine has, and everything that stops MODEL_DIR (or a model's name) from working.

    A directory that should load is loaded, and run on a generated second of sound. Exit code 0: all would work.
    """
    from asrtools.tasks.environment import look_around

    report = {"environment": look_around()}
    if model is not None:
        directory = _directory(model, hub, revision, offline)
        report[str(directory)] = _examine(directory)
    if as_json:
        plain = {place: [vars(finding) for finding in findings] for place, findings in report.items()}
        click.echo(json.dumps(plain, ensure_ascii=False, indent=1))
    else:
        for place, findings in report.items():
            click.echo(place)
            for finding in findings:
                click.echo(f"  {finding.kind:<8}{finding.text}")
    num_problems = sum(finding.kind == "problem" for findings in report.values() for finding in findings)
    complain("doctor", f"{num_problems or 'no'} problem{'' if num_problems == 1 else 's'}")
    return 1 if num_problems else 0


def _directory(model: str, hub: str, revision: str | None, offline: bool) -> Path:
    """A directory is looked at as it is, whatever is in it."""
    from asrtools.hub import model_directory

    if Path(model).is_dir():
        return Path(model)
    return model_directory(model, hub, revision, offline, without_loader=True)


def _examine(directory: Path) -> "list[Finding]":
    from asrtools.tasks import trial_run
    from asrtools.tasks.checkup import examine

    checkup = examine(directory)
    if not checkup.has_problem:
        try:
            checkup.ok(trial_run.run(directory))
        except AsrError as error:
            checkup.problem(error)
    return checkup.findings


def main() -> None:
    launch(doctor)
