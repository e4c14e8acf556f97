"""jsonl2scp: the lines of a training list to wav.scp and text."""

import re
from pathlib import Path

import click

from asrtools.commands.command import Tally, command, complain, launch, progress, refuse_overwriting
from asrtools.errors import DataError

EXAMPLE = """\
jsonl2scp train.jsonl data/train
jsonl2scp train.jsonl source=wav.scp target=text emo_target=emotion.txt
jsonl2scp ++jsonl_file_in=train.jsonl ++scp_file_list='["wav.scp","text"]' ++data_type_list='["source","target"]'"""


@command(example=EXAMPLE)
@click.argument("names", nargs=-1, metavar="LIST.jsonl DATA_DIR|TYPE=FILE...")
@click.option("--allow-missing", is_flag=True, help="Go on when a line lacks one of the types.")
@click.option("--jsonl-file-in", hidden=True)
@click.option("--scp-file-list", multiple=True, hidden=True)
@click.option("--data-type-list", multiple=True, hidden=True)
def jsonl2scp(
    names: tuple[str, ...],
    allow_missing: bool,
    jsonl_file_in: str | None,
    scp_file_list: tuple[str, ...],
    data_type_list: tuple[str, ...],
) -> int:
    """Split a training list into `key value` files.

    A DATA_DIR gets wav.scp and text, and segments, utt2spk and the files of tags where lines have such fields. The
    files appear when all lines are read; fields that no file holds are named at the end.
    """
    from asrtools.io.source import read_inputs
    from asrtools.tasks.list_splitter import ListSplitter
    from asrtools.tasks.training_list import FILE_NAMES

    directory = None
    if jsonl_file_in is not None:
        source = jsonl_file_in
        kinds = data_type_list or ("source", "target")
        if names or len(scp_file_list) != len(kinds):
            raise click.UsageError(f"scp_file_list names {len(scp_file_list)} files, data_type_list {len(kinds)} types")
        outputs = dict(zip(kinds, map(Path, scp_file_list), strict=True))
    else:
        if len(names) < 2:
            raise click.UsageError("it takes LIST.jsonl and a DATA_DIR, or LIST.jsonl and TYPE=FILE...")
        source, *wanted = names
        if len(wanted) == 1 and "=" not in wanted[0]:
            directory = Path(wanted[0])
            if directory.exists() and not directory.is_dir():
                raise click.UsageError(f"{directory} is a file; a DATA_DIR or TYPE=FILE is wanted")
            outputs = {kind: directory / name for kind, name in FILE_NAMES.items()}
        else:
            outputs = dict(_parse(name) for name in wanted)
    refuse_overwriting([source], list(outputs.values()))
    tally = Tally("jsonl2scp")
    # the documents' form writes a tab, Kaldi's files have a space
    required = () if allow_missing else ("source", "target") if directory else tuple(outputs)
    with ListSplitter(outputs, required, directory, separator="\t" if jsonl_file_in else " ") as splitter:
        for utterance in progress(read_inputs([source], "jsonl"), "jsonl2scp"):
            try:
                if utterance.status == "error" and utterance.error:
                    raise DataError(utterance.error)
                splitter.write(utterance)
                tally.add("ok")
            except DataError as error:
                tally.fail(utterance.key, str(error))
    if not tally.counts["ok"]:
        complain("jsonl2scp", "no line could be used, so nothing was written")
    if splitter.unheld:
        fields = ", ".join(f"{name} (of {count})" for name, count in splitter.unheld.items())
        complain("jsonl2scp", f"no file holds these fields of the lines: {fields}")
    return tally.close()


def _parse(name: str) -> tuple[str, Path]:
    kind, equals, path = name.partition("=")
    if not equals or not re.fullmatch(r"\w+", kind):
        raise click.UsageError(f"{name}: not of the form TYPE=FILE")
    return kind, Path(path)


def main() -> None:
    launch(jsonl2scp)
