"""Reports everything in a data directory that would trip a later stage; the program behind validate_data_dir.sh."""

from __future__ import annotations

import collections
import os
import sys

from tables import (
    DEFINING_FILES,
    RECORDING_FILES,
    UTTERANCE_FILES,
    DataDirError,
    Parser,
    Problem,
    Table,
    read_dir,
    recordings_of,
    run,
    where,
)

PROG = "validate_data_dir.sh"
MAX_SHOWN = 5  # problems of a kind in a file


def main(argv: list[str]) -> int:
    parser = Parser(prog=PROG)
    parser.add_argument("--no-feats", action="store_true")
    parser.add_argument("--no-text", action="store_true")
    parser.add_argument("--no-wav", action="store_true")
    parser.add_argument("--no-spk-sort", action="store_true")
    parser.add_argument("dir")
    return run(PROG, validate, parser.parse_args(argv))


def validate(args) -> int:
    tables = read_dir(args.dir)
    problems = [problem for table in tables.values() for problem in table.problems]
    required = ["utt2spk", "spk2utt"]
    for name, is_unneeded in (("text", args.no_text), ("wav.scp", args.no_wav), ("feats.scp", args.no_feats)):
        if not is_unneeded:
            required.append(name)
    for name in required:
        if name not in tables:
            problems.append(missing_file(name))
    problems += cross_checks(tables)
    if problems:
        raise DataDirError(report(args.dir, problems))

    for note in notes(tables, args.no_spk_sort):
        print(f"{PROG}: {args.dir}: {note}", file=sys.stderr)
    num_utterances, num_speakers = (len(tables[name].entries) for name in ("utt2spk", "spk2utt"))
    print(f"{PROG}: {args.dir} is valid: {num_utterances} utterances, {num_speakers} speakers", file=sys.stderr)
    return 0


def missing_file(name: str) -> Problem:
    if name == "utt2spk":
        message = "is missing; without it every utterance counts as a speaker of its own"
    elif name == "spk2utt":
        message = "is missing"
    else:
        message = f"is missing; make it, or say --no-{name.split('.')[0]}"
    return Problem(name, None, "missing", message, name in ("utt2spk", "spk2utt"))


def cross_checks(tables: dict[str, Table]) -> list[Problem]:
    problems: list[Problem] = []

    def compare(name: str, known: dict, other: str, what: str) -> None:
        """Every key of a file is known, and every known key is in the file."""
        entries = tables[name].entries
        for key, entry in entries.items():
            if key not in known:
                problems.append(Problem(name, entry.line, f"not in {other}", f"{what} {key} has no line in {other}"))
        for key in known:
            if key not in entries:
                line = tables[other].entries[key].line if other in tables and key in tables[other].entries else None
                problems.append(Problem(other, line, f"not in {name}", f"{what} {key} has no line in {name}"))

    # the file that the others are held against: utt2spk, or the first that is there
    reference = next((name for name in DEFINING_FILES if name in tables and tables[name].entries), None)
    if reference is None:
        return problems
    if "segments" in tables:
        recordings = dict.fromkeys(recordings_of(tables).values())
    else:
        recordings = tables[reference].entries
    for name in tables:
        if name == reference or name == "utt2uniq" or not tables[name].entries:
            continue
        if name in UTTERANCE_FILES or (name in RECORDING_FILES and "segments" not in tables):
            compare(name, tables[reference].entries, reference, "utterance")
        elif name in RECORDING_FILES:
            compare(name, recordings, "segments", "recording")

    if reference == "utt2spk":
        speakers: dict[str, list[str]] = {}
        for utterance, entry in sorted(tables["utt2spk"].entries.items()):
            speakers.setdefault(entry.value, []).append(utterance)
        if "spk2utt" in tables:
            problems += compare_speakers(tables["spk2utt"], speakers)
        if "cmvn.scp" in tables:
            compare("cmvn.scp", speakers, "spk2utt", "speaker")
        if "spk2gender" in tables:
            for key, entry in tables["spk2gender"].entries.items():
                if key not in speakers:
                    problems.append(Problem("spk2gender", entry.line, "unknown", f"speaker {key} has no utterance"))
    return problems


def compare_speakers(spk2utt: Table, speakers: dict[str, list[str]]) -> list[Problem]:
    problems = []
    for speaker, entry in spk2utt.entries.items():
        if sorted(entry.value.split()) != speakers.get(speaker, []):
            message = f"speaker {speaker} has other utterances in utt2spk"
            problems.append(Problem("spk2utt", entry.line, "differs", message))
    for speaker in speakers:
        if speaker not in spk2utt.entries:
            problems.append(Problem("spk2utt", None, "differs", f"speaker {speaker} of utt2spk has no line"))
    return problems


def report(path: str, problems: list[Problem]) -> str:
    """Prints the first problems of each kind; returns the closing sentence."""
    counts = collections.Counter((problem.file, problem.kind) for problem in problems)
    shown: collections.Counter = collections.Counter()
    for problem in problems:
        kind = (problem.file, problem.kind)
        shown[kind] += 1
        if shown[kind] > MAX_SHOWN:
            continue
        cure = f" (run utils/fix_data_dir.sh {path})" if problem.is_fixable else ""
        print(f"{where(path, problem)}: {problem.message}{cure}", file=sys.stderr)
        if shown[kind] == MAX_SHOWN < counts[kind]:
            more = counts[kind] - MAX_SHOWN
            print(f"{os.path.join(path, problem.file)}: and {more} more of this kind", file=sys.stderr)
    return f"{path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}"


def notes(tables: dict[str, Table], is_speaker_order_right: bool) -> list[str]:
    """What is allowed and still worth knowing."""
    found = []
    if "text" in tables:
        empty = [key for key, entry in tables["text"].entries.items() if not entry.value]
        if empty:
            found.append(f"text: {len(empty)} transcripts are empty, the first {empty[0]}")
    previous = ""
    for utterance, entry in tables["utt2spk"].entries.items():
        if entry.value < previous and not is_speaker_order_right:
            found.append(
                f"utt2spk:{entry.line}: speaker {entry.value} of {utterance} comes after {previous}; "
                "Kaldi wants speaker names to be prefixes of utterance names"
            )
            break
        previous = entry.value
    if "spk2gender" in tables:
        lacking = [speaker for speaker in tables["spk2utt"].entries if speaker not in tables["spk2gender"].entries]
        if lacking:
            found.append(f"spk2gender: {len(lacking)} speakers have no line, the first {lacking[0]}")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
