"""Takes some utterances of a data directory; the program behind subset_data_dir.sh."""

from __future__ import annotations

import hashlib
import os
import sys

from tables import BLANKS, DataDirError, Parser, Table, filter_tables, read_clean_dir, run, write_dir

PROG = "subset_data_dir.sh"
MAX_NAMED = 20


def main(argv: list[str]) -> int:
    parser = Parser(prog=PROG)
    ways = parser.add_mutually_exclusive_group()
    for way in ("first", "last", "shortest", "speakers", "per-spk"):
        ways.add_argument(f"--{way}", dest="way", action="store_const", const=way)
    ways.add_argument("--utt-list")
    ways.add_argument("--spk-list")
    parser.add_argument("source")
    parser.add_argument("words", nargs="+")
    args = parser.parse_args(argv)
    by_list = args.utt_list is not None or args.spk_list is not None
    if by_list and len(args.words) == 1:
        args.number, args.dest = None, args.words[0]
    elif not by_list and len(args.words) == 2 and args.words[0].isdigit() and int(args.words[0]) > 0:
        args.number, args.dest = int(args.words[0]), args.words[1]
    else:
        takes = "SRC DEST" if by_list else "SRC N DEST, N a number from 1"
        parser.error(f"after the options it takes {takes}, got: {' '.join([args.source, *args.words])}")
    return run(PROG, subset, args)


def subset(args) -> int:
    if os.path.realpath(args.source) == os.path.realpath(args.dest):
        raise DataDirError(f"{args.dest} is both the source and the result; name another directory for the result")
    tables = read_clean_dir(args.source)
    if args.number is None:
        kept = choose_listed(args, tables["utt2spk"])
    else:
        kept = choose(args, tables)
    write_dir(args.dest, filter_tables(tables, kept))
    speakers = {tables["utt2spk"].value(utterance) for utterance in kept}
    print(
        f"{PROG}: {args.dest}: {len(kept)} of {len(tables['utt2spk'].entries)} utterances, {len(speakers)} speakers",
        file=sys.stderr,
    )
    return 0


def choose(args, tables: dict[str, Table]) -> set[str]:
    utterances = sorted(tables["utt2spk"].entries)
    number = args.number
    by_speaker: dict[str, list[str]] = {}
    for utterance in utterances:
        by_speaker.setdefault(tables["utt2spk"].value(utterance), []).append(utterance)
    if args.way == "per-spk":
        return {utterance for members in by_speaker.values() for utterance in spread(members, number)}
    if number > len(utterances):
        raise DataDirError(f"{args.source}: asked for {number} of its {len(utterances)} utterances; ask for fewer")
    if args.way == "first":
        return set(utterances[:number])
    if args.way == "last":
        return set(utterances[-number:])
    if args.way == "shortest":
        length = lengths(args.source, tables)
        return set(sorted(utterances, key=lambda utterance: length[utterance])[:number])
    if args.way == "speakers":
        kept: set[str] = set()
        # an order that has nothing to do with names, and is the same every time
        for speaker in sorted(by_speaker, key=lambda name: hashlib.sha1(name.encode()).digest()):
            if len(kept) >= number:
                break
            kept.update(by_speaker[speaker])
        return kept
    return set(spread(utterances, number))


def spread(items: list[str], number: int) -> list[str]:
    """As many items, evenly spread over the list: their order often means speaker or time."""
    if number >= len(items):
        return items
    return [items[i * len(items) // number] for i in range(number)]


def lengths(source: str, tables: dict[str, Table]) -> dict[str, float]:
    for name in ("utt2num_frames", "utt2dur"):
        if name in tables and tables[name].entries.keys() >= tables["utt2spk"].entries.keys():
            return {key: float(entry.value) for key, entry in tables[name].entries.items()}
    if "segments" in tables:
        spans = {key: entry.value.split()[1:3] for key, entry in tables["segments"].entries.items()}
        if all(float(end) >= 0 for _, end in spans.values()) and spans.keys() >= tables["utt2spk"].entries.keys():
            return {key: float(end) - float(start) for key, (start, end) in spans.items()}
    raise DataDirError(f"{source}: --shortest needs utt2num_frames, utt2dur or segments with every utterance; make one")


def choose_listed(args, utt2spk: Table) -> set[str]:
    path = args.utt_list or args.spk_list
    with open(path, encoding="utf-8-sig") as file:
        # the first word: any file with such keys will do
        listed = dict.fromkeys(line.strip(BLANKS + "\r\n").split()[0] for line in file if line.strip())
    speakers = {entry.value for entry in utt2spk.entries.values()}
    known = utt2spk.entries.keys() if args.utt_list else speakers
    unknown = [key for key in listed if key not in known]
    if args.utt_list:
        kept = {key for key in listed if key in known}
    else:
        kept = {key for key, entry in utt2spk.entries.items() if entry.value in listed}
    if not kept:
        raise DataDirError(f"{path}: none of its {len(listed)} keys is in {args.source}; it is to list ids, one a line")
    if unknown:
        more = f" and {len(unknown) - MAX_NAMED} more" if len(unknown) > MAX_NAMED else ""
        print(
            f"{PROG}: {path}: {len(unknown)} keys are not in {args.source}: {', '.join(unknown[:MAX_NAMED])}{more}",
            file=sys.stderr,
        )
    return kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
