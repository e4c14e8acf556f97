"""download: fetch a published model and print its directory."""

from pathlib import Path
from typing import Any

import click

from asrtools.commands.command import Tally, command, launch
from asrtools.commands.options import hub_options
from asrtools.errors import HubError

EXAMPLE = """\
download paraformer-zh fsmn-vad ct-punc
download --hub hf --to models/vad funasr/fsmn-vad
download --list
download --dataset librispeech --split dev-clean,test-clean --to corpora"""


@command(example=EXAMPLE)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--to", type=click.Path(), metavar="DIR", help="Put the files there.  [default: the hub's own cache]")
@click.option("--list", "as_list", is_flag=True, help="Print the models that are known, and fetch nothing.")
@click.option("--update", is_flag=True, help="Ask for what is newest even where all is there already.")
@click.option("--dataset", metavar="CORPUS|ms:NAMESPACE/NAME", help="Fetch recordings with texts in place of models.")
@click.option("--split", metavar="A,B", help="Parts of the data set.  [default: all; of ms: train,validation]")
@click.option("--mirror", metavar="URL", help="The folder where the archives of the data set lie, tried first.")
@hub_options
def download(
    names: tuple[str, ...],
    to: str | None,
    as_list: bool,
    dataset: str | None,
    split: str | None,
    mirror: str | None,
    **options: Any,
) -> int | None:
    """Fetch published models and print their directories.

    NAME is an alias (paraformer-zh), an id of modelscope or huggingface (iic/SenseVoiceSmall; damo/ is iic/), or the
    part of it after the slash. Every file is checked, an interrupted download goes on where it stopped, and what is
    complete is not asked for again. Caches: $MODELSCOPE_CACHE (~/.cache/modelscope), $HF_HOME (~/.cache/huggingface).

    --dataset fetches a corpus into DIR, unpacks it once, and prints the data directories it makes of it under DIR/data.
    """
    if dataset is not None:
        if names or as_list:
            raise click.UsageError("--dataset takes neither NAME nor --list; call download once for each")
        return _download_dataset(dataset, to, split, mirror, options["revision"], options["offline"])
    if split or mirror:
        raise click.UsageError("--split and --mirror belong to --dataset")
    if as_list:
        _print_list(names)
        return None
    if not names:
        raise click.UsageError("it takes NAME (or --list, to see the names there are)")
    if to is not None and len(names) > 1:
        raise click.UsageError(f"--to takes one NAME, for its files lie in DIR itself; there are {len(names)}")
    from asrtools.hub import model_directory

    tally = Tally("download")
    for name in names:
        try:
            click.echo(str(model_directory(name, to=to, without_loader=True, **options)))
            tally.add("ok")
        except HubError as error:
            tally.fail(name, str(error))
    return tally.close()


def _download_dataset(
    name: str, to: str | None, split: str | None, mirror: str | None, revision: str | None, offline: bool
) -> int:
    from asrtools.hub import archive, corpora, dataset, place
    from asrtools.tasks import corpus

    if to is None:
        raise click.UsageError("--dataset needs --to DIR, the place for it")
    folder, parts = Path(to), [part for part in (split or "").split(",") if part]
    if name.startswith("ms:"):
        if offline or place.is_offline():
            raise HubError(f"{name}: a data set of modelscope needs the network; leave --offline out")
        made = []
        for part in parts or ["train", "validation"]:
            rows = dataset.rows(name.removeprefix("ms:"), part, revision)
            corpus.write_data_dir(folder / "data" / part, corpus.rows_to_lines(rows, name))
            made.append(folder / "data" / part)
    else:
        found = corpora.find(name)
        chosen = corpora.choose(name, parts)
        for part in chosen:
            for file in found.parts[part]:
                archive.fetch_and_unpack(file, [mirror, *found.places] if mirror else found.places, folder, offline)
        made = corpus.prepare(name, folder / found.root, chosen, folder / "data")
    for path in made:
        click.echo(str(path))
    return 0


def _print_list(names: tuple[str, ...]) -> None:
    from asrtools import zoo

    chosen = [entry for entry in zoo.ENTRIES if not names or entry in map(zoo.find, names)]
    for name in names:
        if zoo.find(name) is None:
            raise HubError(f"{name}: is not in the table; `download {name}` asks the hub for it")
    rows = [("name", "task", "languages", "rate", "size", "status", "modelscope", "huggingface")]
    for entry in chosen:
        rate = f"{entry.rate // 1000}k" if entry.rate else "text"
        cells = (entry.task, entry.languages, rate, entry.size, entry.status, entry.ms, entry.hf)
        rows.append((entry.alias, *cells))
    rows = [tuple(cell or "-" for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def main() -> None:
    launch(download)
