"""The files of a Kaldi data directory: which there are, what a line of each holds, how they are read and written.

The modules beside this one are the programs behind utils/validate_data_dir.sh and its siblings.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from dataclasses import dataclass, field
from typing import NamedTuple

UTTERANCE_FILES = (
    "utt2spk", "text", "segments", "feats.scp", "vad.scp", "utt2lang", "utt2uniq", "utt2num_frames", "utt2dur",
)  # fmt: skip
RECORDING_FILES = ("wav.scp", "reco2dur", "reco2file_and_channel")  # of utterances where there is no segments
SPEAKER_FILES = ("spk2utt", "spk2gender", "cmvn.scp")
ALL_FILES = UTTERANCE_FILES + RECORDING_FILES + SPEAKER_FILES

# An utterance is whole when each of these that exists knows it; segments takes the place of wav.scp.
DEFINING_FILES = ("utt2spk", "text", "segments", "wav.scp", "feats.scp", "vad.scp", "utt2lang")
# Computed from the others: better made anew than kept incomplete.
DERIVED_FILES = ("utt2num_frames", "utt2dur", "reco2dur", "cmvn.scp")

BLANKS = " \t"  # what Kaldi takes for a separator; an ideographic space is a part of the text


class DataDirError(Exception):
    """An expected failure: one sentence, exit status 1."""


class Parser(argparse.ArgumentParser):
    """Answers a wrong command line with one sentence, --help with the comment at the top of the script it serves."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help tells more)\n")

    def format_help(self) -> str:
        script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), self.prog)
        with open(script, encoding="utf-8") as lines:
            comment = itertools.takewhile(lambda line: line.startswith("#"), itertools.islice(lines, 1, None))
            return "".join(line[1:].removeprefix(" ") for line in comment)


class Problem(NamedTuple):
    file: str
    line: int | None
    kind: str  # problems of a kind are alike: only the first of them are shown
    message: str
    is_fixable: bool = True


class Entry(NamedTuple):
    line: int
    value: str
    raw: str  # the line itself, without its end


@dataclass
class Table:
    name: str
    entries: dict[str, Entry] = field(default_factory=dict)  # key -> entry, in the order of the file
    problems: list[Problem] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)  # key and reason of lines that are not in entries
    is_utf8: bool = True

    def value(self, key: str) -> str:
        return self.entries[key].value


def check_value(name: str, value: str) -> str:
    """What is wrong with the rest of a line after its key, or "": empty transcripts are right."""
    fields = value.split()
    if name in ("wav.scp", "feats.scp", "vad.scp", "cmvn.scp", "spk2utt") and not fields:
        return "has no value; there is to be " + ("a list of utterances" if name == "spk2utt" else "a file or command")
    if name in ("utt2spk", "utt2lang", "utt2uniq", "spk2gender") and len(fields) != 1:
        return f"has {len(fields)} values ('{value}'); there is to be one"
    if name == "spk2gender" and value not in ("m", "f"):
        return f"has '{value}'; there is to be m or f"
    if name in ("utt2num_frames", "utt2dur", "reco2dur") and not (len(fields) == 1 and is_number(value)):
        return f"has '{value}'; there is to be a number"
    if name == "segments":
        is_span = len(fields) in (3, 4) and is_number(fields[1]) and is_number(fields[2], -1)
        if not is_span or not all(channel.isdecimal() for channel in fields[3:]):
            return f"has '{value}'; there is to be a recording, a start and an end in seconds (and perhaps a channel)"
        if float(fields[1]) >= float(fields[2]) != -1:
            return f"ends at {fields[2]}, not after its start at {fields[1]}"
    return ""


def is_number(text: str, least: float = 0.0) -> bool:
    try:
        return least <= float(text) < float("inf")
    except ValueError:
        return False


def read_table(path: str, name: str) -> Table:
    table = Table(name)

    def problem(line: int | None, kind: str, message: str, is_fixable: bool = True) -> None:
        table.problems.append(Problem(name, line, kind, message, is_fixable))

    with open(path, "rb") as file:
        data = file.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem(line, "encoding", "not UTF-8; convert the file, for example with iconv -f GB18030 -t UTF-8", False)
        table.is_utf8 = False
        text = data.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        problem(1, "mark", "begins with a byte order mark")
        text = text[1:]
    if not text.strip():
        problem(None, "empty", "is empty; fill or remove it", False)
        return table
    if not text.endswith("\n"):
        problem(text.count("\n") + 1, "newline", "the last line does not end with a newline")
        text += "\n"
    num_crlf = text.count("\r\n")
    if num_crlf:
        line = text.count("\n", 0, text.index("\r\n")) + 1
        problem(line, "crlf", f"{num_crlf} lines end with a carriage return (CRLF), as Windows writes them")

    previous = None
    is_sorted = True
    # by line feeds alone: a transcript may hold other characters that Python takes for line ends
    for number, raw_line in enumerate(text[:-1].split("\n"), 1):
        raw = raw_line.rstrip("\r").lstrip(BLANKS)
        if not raw:
            problem(number, "blank", "blank line")
            continue
        if raw_line[0] in BLANKS:
            problem(number, "indent", "blanks before the key")
        key, value = split_key(raw)
        fault = check_value(name, value)
        if fault:
            problem(number, "value", f"{key} {fault}")
            table.dropped.append((key, f"line {number}: {fault}"))
            continue
        if key in table.entries:
            first = table.entries[key]
            how = "again" if first.value == value else "again with another value"
            problem(number, "duplicate", f"{key} stands here {how}, first on line {first.line}")
            table.dropped.append((key, f"line {number}: {how}; line {first.line} is kept"))
            continue
        if is_sorted and previous is not None and key < previous:
            # code points sort like the bytes of UTF-8, which is the C order
            problem(number, "order", f"{key} comes after {previous}; keys are to be sorted as LC_ALL=C sort does")
            is_sorted = False
        previous = key
        table.entries[key] = Entry(number, value, raw)
    return table


def split_key(line: str) -> tuple[str, str]:
    for i, char in enumerate(line):
        if char in BLANKS:
            return line[:i], line[i:].strip(BLANKS)
    return line, ""


def read_dir(path: str) -> dict[str, Table]:
    if not os.path.isdir(path):
        raise DataDirError(f"{path}: no such directory")
    found = [name for name in ALL_FILES if os.path.isfile(os.path.join(path, name))]
    if not found:
        raise DataDirError(f"{path}: no data directory; it is to hold wav.scp, text, utt2spk")
    return {name: read_table(os.path.join(path, name), name) for name in found}


def read_clean_dir(path: str) -> dict[str, Table]:
    """A directory whose every line could be taken; line ends, marks and order do not matter."""
    tables = read_dir(path)
    for table in tables.values():
        for problem in table.problems:
            if problem.kind in ("encoding", "value", "duplicate", "empty"):
                cure = f" (run utils/fix_data_dir.sh {path})" if problem.is_fixable else ""
                raise DataDirError(f"{where(path, problem)}: {problem.message}{cure}")
    if "utt2spk" not in tables:
        raise DataDirError(f"{path}: utt2spk is missing (run utils/fix_data_dir.sh {path})")
    return tables


def where(path: str, problem: Problem) -> str:
    place = os.path.join(path, problem.file)
    return place if problem.line is None else f"{place}:{problem.line}"


def recordings_of(tables: dict[str, Table]) -> dict[str, str]:
    """Utterance -> recording, from segments."""
    return {key: entry.value.split()[0] for key, entry in tables["segments"].entries.items()}


def filter_tables(tables: dict[str, Table], utterances: set[str]) -> dict[str, list[str]]:
    """The lines of every file that belong to these utterances, in C order; spk2utt made anew."""
    if "segments" in tables:
        segments = recordings_of(tables)
        recordings = {segments[utterance] for utterance in utterances if utterance in segments}
    else:
        recordings = utterances
    speakers: dict[str, list[str]] = {}
    for utterance, entry in sorted(tables["utt2spk"].entries.items()):
        if utterance in utterances:
            speakers.setdefault(entry.value, []).append(utterance)

    lines = {}
    for name, table in tables.items():
        wanted = utterances if name in UTTERANCE_FILES else recordings if name in RECORDING_FILES else speakers
        lines[name] = [entry.raw for key, entry in sorted(table.entries.items()) if key in wanted]
    lines["spk2utt"] = [f"{speaker} {' '.join(members)}" for speaker, members in sorted(speakers.items())]
    return {name: kept for name, kept in lines.items() if kept}


def write_file(path: str, lines: list[str]) -> None:
    """Whole or not at all."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)
    os.replace(temporary, path)


def write_dir(path: str, lines: dict[str, list[str]]) -> str:
    """Writes the files; returns the .backup that holds what was there before, "" if there was nothing."""
    os.makedirs(path, exist_ok=True)
    backup = ""
    old = [name for name in ALL_FILES if os.path.isfile(os.path.join(path, name))]
    if old:
        backup = new_backup(path)
        for name in old:
            copy_file(os.path.join(path, name), os.path.join(backup, name))
    for name, kept in lines.items():
        write_file(os.path.join(path, name), kept)
    for name in old:
        if name not in lines:
            os.remove(os.path.join(path, name))
    return backup


def new_backup(path: str) -> str:
    """An empty DIR/.backup; an older one is renamed, it may be the only copy of the original."""
    backup = os.path.join(path, ".backup")
    if os.path.isdir(backup):
        number = 1
        while os.path.exists(f"{backup}.{number}"):
            number += 1
        os.rename(backup, f"{backup}.{number}")
    os.makedirs(backup)
    return backup


def copy_file(source: str, target: str) -> None:
    with open(source, "rb") as file:
        data = file.read()
    with open(target, "wb") as file:
        file.write(data)


def run(prog: str, command, args: argparse.Namespace) -> int:
    """Calls command(args); its expected failures become one sentence and exit status 1."""
    # a key may hold bytes or characters that the terminal's encoding does not
    sys.stderr.reconfigure(errors="backslashreplace")
    try:
        return command(args)
    except DataDirError as error:
        print(f"{prog}: {error}", file=sys.stderr)
    except OSError as error:
        print(f"{prog}: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1
