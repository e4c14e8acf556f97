"""scp2jsonl: wav.scp and text to the lines of a training list."""

import contextlib
import os
import re
import sys
from pathlib import Path

import click

from asrtools.commands.command import Tally, command, complain, launch, progress, refuse_overwriting
from asrtools.commands.options import jobs_option

EXAMPLE = """\
scp2jsonl data/train > train.jsonl
scp2jsonl wav.scp text emo_target=emotion.txt --output train.jsonl
scp2jsonl ++scp_file_list='["wav.scp","text"]' ++data_type_list='["source","target"]' ++jsonl_file_out=train.jsonl"""


@command(example=EXAMPLE)
@click.argument("files", nargs=-1, metavar="DATA_DIR|[TYPE=]FILE...")
@click.option("--output", type=click.Path(dir_okay=False), metavar="F.jsonl", help="Write there.  [default: stdout]")
@click.option("--allow-missing", is_flag=True, help="Go on when ids differ between the files, and name them.")
@click.option("--offline", is_flag=True, help="Leave out the length of URLs that are not in the cache.")
@click.option("--scp-file-list", multiple=True, hidden=True)
@click.option("--data-type-list", multiple=True, hidden=True)
@jobs_option
def scp2jsonl(
    files: tuple[str, ...],
    output: str | None,
    allow_missing: bool,
    offline: bool,
    scp_file_list: tuple[str, ...],
    data_type_list: tuple[str, ...],
    nj: int,
) -> int:
    """Join a wav.scp, a text and more of the kind, one line an id: key source source_len target target_len.

    TYPE is source, target, text_language, emo_target, event_target, with_or_wo_itn or any other name; the first file is
    the source and the second the target if nothing is said. Lengths are read from the headers: source_len in 10 ms
    frames, target_len in characters, or in words where the text has spaces.
    """
    from asrtools.io.jsonl import to_line
    from asrtools.io.text_file import atomic_write
    from asrtools.tasks import training_list

    if offline:
        os.environ["ASRTOOLS_OFFLINE"] = "1"  # worker processes obey it too
    chosen = dict(_choose(files, scp_file_list, data_type_list))
    if "source" not in chosen:
        raise click.UsageError("none of the files is the source (wav.scp); write source=FILE")
    output = None if output == "-" else output
    refuse_overwriting([str(path) for path in chosen.values()], [output] if output else [])
    source_path = chosen.pop("source")
    tally, differing = Tally("scp2jsonl"), 0
    sources = training_list.read_sources(source_path)
    columns = [training_list.read_column(kind, path) for kind, path in chosen.items()]
    for key, cause in training_list.differences(sources, source_path, columns):
        complain("scp2jsonl", f"{key}: {cause}")
        differing += 1
    if differing and not allow_missing:
        complain(
            "scp2jsonl", f"{differing} ids differ, so nothing was written; make them agree or give --allow-missing"
        )
        return 1
    without_target = set()
    for column in columns:
        for key, cause in column.errors:
            tally.fail(key, cause)
            if key not in column.values and not allow_missing:
                without_target.add(key)
    sources = [utterance for utterance in sources if utterance.key not in without_target]
    unknown = []
    with atomic_write(output, may_be_empty=False) if output else contextlib.nullcontext(sys.stdout) as out:
        lines = training_list.with_lengths(training_list.join(sources, columns), nj)
        for utterance in progress(lines, "scp2jsonl", len(sources)):
            if utterance.status == "error":
                tally.fail(utterance.key, utterance.error or "it cannot be used")
                continue
            if utterance.source_len is None:
                unknown.append(utterance.key)
            out.write(to_line(utterance) + "\n")
            tally.add("ok")
    if output and not tally.counts["ok"]:
        complain("scp2jsonl", f"no input gave a line, so nothing was written to {output}")
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        complain("scp2jsonl", f"no source_len in {', '.join(unknown[:3])}{more}, whose URLs could not be had")
    return tally.close()


def _choose(files: tuple[str, ...], paths: tuple[str, ...], kinds: tuple[str, ...]) -> list[tuple[str, Path]]:
    """(type, file) of what the command names; a type named twice is a usage error."""
    from asrtools.tasks.training_list import FILE_NAMES, RESERVED, files_of, type_of

    if paths or kinds:
        kinds = kinds or ("source", "target")[: len(paths)]
        if files or len(paths) != len(kinds):
            raise click.UsageError(f"scp_file_list names {len(paths)} files and data_type_list {len(kinds)} types")
        chosen = list(zip(kinds, map(Path, paths), strict=True))
    elif len(files) == 1 and Path(files[0]).is_dir():
        chosen = files_of(Path(files[0]))
        if not chosen:
            raise click.UsageError(f"{files[0]}: there is no wav.scp in it")
    else:
        chosen = []
        for position, name in enumerate(files):
            kind, equals, path = name.partition("=")
            if equals and re.fullmatch(r"\w+", kind) and not Path(name).exists():
                chosen.append((kind, Path(path)))
            elif (guess := type_of(name, position)) is not None:
                chosen.append((guess, Path(name)))
            else:
                types = ", ".join(FILE_NAMES)
                raise click.UsageError(f"{name}: what it holds is not clear; write TYPE={name}, TYPE being {types}")
    for kind, path in chosen:
        if kind in RESERVED:
            raise click.UsageError(f"{kind} is a name of the list itself; give {path} another TYPE")
        if path.suffix == ".jsonl":
            raise click.UsageError(f"{path}: is a training list already; wav.scp, text and their like are wanted")
    twice = [kind for i, (kind, _) in enumerate(chosen) if kind in dict(chosen[:i])]
    if twice:
        raise click.UsageError(f"{twice[0]} is named twice; each type stands for one file")
    return chosen


def main() -> None:
    launch(scp2jsonl)
