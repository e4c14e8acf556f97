"""Makes a data directory consistent and says what that cost; the program behind fix_data_dir.sh."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from tables import (
    DEFINING_FILES,
    DERIVED_FILES,
    RECORDING_FILES,
    SPEAKER_FILES,
    UTTERANCE_FILES,
    DataDirError,
    Entry,
    Parser,
    Table,
    filter_tables,
    read_dir,
    recordings_of,
    run,
    where,
    write_dir,
    write_file,
)

PROG = "fix_data_dir.sh"
MAX_SHOWN = 20


class Removed(NamedTuple):
    what: str  # utterance, recording, speaker or line
    key: str
    file: str
    reason: str


def main(argv: list[str]) -> int:
    parser = Parser(prog=PROG)
    parser.add_argument("dir")
    return run(PROG, lambda args: fix(args.dir), parser.parse_args(argv))


def fix(path: str) -> int:
    tables = read_dir(path)
    for table in tables.values():
        for problem in table.problems:
            # what is meant cannot be known, and dropping lines would lose them
            if not problem.is_fixable:
                raise DataDirError(f"{where(path, problem)}: {problem.message}; nothing was changed")

    removed = [
        Removed("line", key, table.name, reason)
        for table in tables.values()
        for key, reason in table.dropped
        if table.name != "spk2utt"  # made anew in any case
    ]
    notes: list[str] = []
    if "utt2spk" not in tables:
        tables["utt2spk"], note = make_utt2spk(path, tables)
        notes.append(note)
    kept = find_whole_utterances(path, tables, removed)
    num_seen = len(kept) + len({item.key for item in removed if item.what == "utterance"})

    for name in list(tables):
        expected = expected_keys(name, tables, kept)
        if name in DERIVED_FILES:
            lacking = sorted(expected - tables[name].entries.keys())
            if lacking:
                notes.append(f"{name} lacks {len(lacking)} keys ({lacking[0]} first): moved to .backup; make it anew")
                del tables[name]
        elif name != "spk2utt" and (name not in DEFINING_FILES or (name == "wav.scp" and "segments" in tables)):
            what = "speaker" if name in SPEAKER_FILES else "recording" if name in RECORDING_FILES else "utterance"
            gone = [key for key in tables[name].entries if key not in expected]
            removed += [Removed(what, key, name, "no utterance is left of it") for key in gone]

    lines = filter_tables(tables, kept)
    if is_unchanged(path, lines):
        print(f"{PROG}: {path}: nothing to fix, {len(kept)} utterances", file=sys.stderr)
        return 0
    backup = write_dir(path, lines)
    write_file(os.path.join(backup, "removed"), ["\t".join(item) for item in removed])
    tell(path, removed, notes)
    print(
        f"{PROG}: {path}: {len(kept)} of {num_seen} utterances kept; the files as they were are in {path}/.backup",
        file=sys.stderr,
    )
    return 0


def make_utt2spk(path: str, tables: dict[str, Table]) -> tuple[Table, str]:
    pairs = {}
    for speaker, entry in tables["spk2utt"].entries.items() if "spk2utt" in tables else ():
        for utterance in entry.value.split():
            pairs[utterance] = speaker
    if pairs:
        note = "utt2spk was missing, made from spk2utt"
    else:
        source = next((name for name in DEFINING_FILES if name in tables and tables[name].entries), None)
        if source is None:
            raise DataDirError(f"{path}: no file names an utterance; it is to hold wav.scp, text, utt2spk")
        pairs = {utterance: utterance for utterance in tables[source].entries}
        note = f"utt2spk was missing, made from {source} with every utterance a speaker of its own"
    return Table("utt2spk", {u: Entry(0, s, f"{u} {s}") for u, s in pairs.items()}), note


def find_whole_utterances(path: str, tables: dict[str, Table], removed: list[Removed]) -> set[str]:
    """The utterances that every defining file has; adds the others to removed with the files they are missing from."""
    defining = [n for n in DEFINING_FILES if n in tables and not (n == "wav.scp" and "segments" in tables)]
    seen = dict.fromkeys(key for name in defining for key in tables[name].entries)
    recordings = recordings_of(tables) if "segments" in tables else {}
    kept = set()
    for key in seen:
        missing = [name for name in defining if key not in tables[name].entries]
        recording = recordings.get(key)
        if missing:
            removed.append(Removed("utterance", key, missing[0], "missing from " + ", ".join(missing)))
        elif recording is not None and "wav.scp" in tables and recording not in tables["wav.scp"].entries:
            removed.append(Removed("utterance", key, "wav.scp", f"its recording {recording} is missing from wav.scp"))
        else:
            kept.add(key)
    if not kept:
        found = ", ".join(f"{name} {len(tables[name].entries)}" for name in defining)
        raise DataDirError(
            f"{path}: no utterance is in all of its files ({found}); their keys are to be the same. Nothing was changed"
        )
    return kept


def expected_keys(name: str, tables: dict[str, Table], kept: set[str]) -> set[str]:
    if name in SPEAKER_FILES:
        return {tables["utt2spk"].value(utterance) for utterance in kept}
    if name in RECORDING_FILES and "segments" in tables:
        recordings = recordings_of(tables)
        return {recordings[utterance] for utterance in kept}
    return kept


def is_unchanged(path: str, lines: dict[str, list[str]]) -> bool:
    for name in UTTERANCE_FILES + RECORDING_FILES + SPEAKER_FILES:
        file = os.path.join(path, name)
        if os.path.isfile(file) != (name in lines):
            return False
        if name in lines:
            with open(file, "rb") as old:
                if old.read() != "".join(line + "\n" for line in lines[name]).encode():
                    return False
    return True


def tell(path: str, removed: list[Removed], notes: list[str]) -> None:
    for what, key, file, reason in removed[:MAX_SHOWN]:
        if what == "line":
            print(f"{PROG}: {path}/{file}: removed a line of {key}: {reason}", file=sys.stderr)
        else:
            print(f"{PROG}: {path}: removed {what} {key}: {reason}", file=sys.stderr)
    if len(removed) > MAX_SHOWN:
        print(f"{PROG}: and {len(removed) - MAX_SHOWN} more, all named in {path}/.backup/removed", file=sys.stderr)
    for note in notes:
        print(f"{PROG}: {path}: {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
