"""Joins data directories into one; the program behind combine_data.sh."""

from __future__ import annotations

import os
import sys

from tables import (
    ALL_FILES,
    RECORDING_FILES,
    SPEAKER_FILES,
    DataDirError,
    Entry,
    Parser,
    Table,
    filter_tables,
    read_clean_dir,
    run,
    write_dir,
)

PROG = "combine_data.sh"
MAX_NAMED = 10


def main(argv: list[str]) -> int:
    parser = Parser(prog=PROG)
    parser.add_argument("dest")
    parser.add_argument("sources", metavar="source", nargs="+")
    return run(PROG, combine, parser.parse_args(argv))


def combine(args) -> int:
    seen: set[str] = set()
    for source in args.sources:
        real = os.path.realpath(source)
        if real == os.path.realpath(args.dest):
            raise DataDirError(f"{args.dest} is both the result and a source; name another directory for the result")
        if real in seen:
            raise DataDirError(f"{source} is named twice; name every source once")
        seen.add(real)
    all_tables = [read_clean_dir(source) for source in args.sources]
    add_segments(args.sources, all_tables)

    merged: dict[str, Table] = {}
    for name in ALL_FILES:
        having = [i for i, tables in enumerate(all_tables) if name in tables]
        if name == "spk2utt" or not having:
            continue
        if len(having) < len(all_tables):
            lacking = next(args.sources[i] for i in range(len(all_tables)) if i not in having)
            if name in ("wav.scp", "text", "utt2spk", "segments"):
                raise DataDirError(f"{lacking}: {name} is missing, {args.sources[having[0]]} has it; make or remove it")
            print(f"{PROG}: {name} is left out: {lacking} has none", file=sys.stderr)
            continue
        merged[name] = merge(name, args.sources, all_tables)

    utterances = set(merged["utt2spk"].entries)
    write_dir(args.dest, filter_tables(merged, utterances))
    num_speakers = len({entry.value for entry in merged["utt2spk"].entries.values()})
    print(
        f"{PROG}: {args.dest}: {len(utterances)} utterances, {num_speakers} speakers, {len(args.sources)} sources",
        file=sys.stderr,
    )
    return 0


def add_segments(sources: list[str], all_tables: list[dict[str, Table]]) -> None:
    """Beside directories with segments, those without get one segment a recording: the whole of it."""
    if not any("segments" in tables for tables in all_tables):
        return
    for source, tables in zip(sources, all_tables, strict=True):
        if "segments" in tables or "wav.scp" not in tables:
            continue
        segments = Table("segments")
        for key in tables["wav.scp"].entries:
            # -1 is Kaldi's "to the end"
            end = tables["utt2dur"].value(key) if "utt2dur" in tables and key in tables["utt2dur"].entries else "-1"
            segments.entries[key] = Entry(0, f"{key} 0.00 {end}", f"{key} {key} 0.00 {end}")
        tables["segments"] = segments
        print(f"{PROG}: {source}: given segments, one a recording, as others have them", file=sys.stderr)


def merge(name: str, sources: list[str], all_tables: list[dict[str, Table]]) -> Table:
    result = Table(name)
    origin: dict[str, str] = {}
    conflicts = []
    # a recording or speaker may be in several directories; an utterance that is would count twice
    may_be_shared = name in SPEAKER_FILES or (name in RECORDING_FILES and "segments" in all_tables[0])
    for source, tables in zip(sources, all_tables, strict=True):
        for key, entry in tables[name].entries.items():
            if key not in result.entries:
                result.entries[key] = entry
                origin[key] = source
            elif not may_be_shared or result.entries[key].value != entry.value:
                conflicts.append(f"{key} ({origin[key]} and {source})")
    if conflicts:
        more = f" and {len(conflicts) - MAX_NAMED} more" if len(conflicts) > MAX_NAMED else ""
        what = "different values" if may_be_shared else "lines in two directories"
        raise DataDirError(
            f"{name}: {len(conflicts)} keys have {what}: {', '.join(conflicts[:MAX_NAMED])}{more}; "
            "rename them or leave one directory out"
        )
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
