"""Texts by key, for comparing: Kaldi text, jsonl records, or a directory that holds them."""

import glob
import os
import re
from dataclasses import dataclass, field

from asrtools.errors import DataError
from asrtools.io.jsonl import read_jsonl
from asrtools.io.scp import read_scp
from asrtools.io.sniff import AUDIO_KINDS, HEAD_SIZE, kind_of
from asrtools.io.text_file import GZIP_MAGIC, UTF16_BOMS, StrPath, display_name, look_into
from asrtools.record import Utterance

# Where decoding leaves its text in an output directory; the last of them in parts, one a job
_IN_DIRECTORY = ("text", "1best_recog/text", "output.*/1best_recog/text")


@dataclass
class TextTable:
    """What was read; a key stands in `texts` or in `unusable`, not in both."""

    name: str
    texts: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)  # by key or FILE:LINE, the sentence that says why
    without_text: dict[str, str] = field(default_factory=dict)  # records of what could not be recognised, and why
    records: dict[str, Utterance] = field(default_factory=dict)  # where the lines are records


def text_files(path: StrPath) -> list[str]:
    """The files that hold the texts of a file or directory."""
    path = os.fspath(path)
    if not os.path.isdir(path):
        return [path]
    for pattern in _IN_DIRECTORY:
        if found := glob.glob(os.path.join(glob.escape(path), pattern)):
            return sorted(found, key=_by_number)
    raise DataError(f"{path}: is a directory without {', '.join(_IN_DIRECTORY)}; name the file with the text")


def read_text_table(path: StrPath, is_reference: bool) -> TextTable:
    """All texts. Of records a reference is `target`, and `text` where there is none; a hypothesis is `text`.

    Keys that stand twice are a DataError, since none of their lines is more right than the other. Lines that cannot be
    used are kept apart with their reason.
    """
    table = TextTable(display_name(path))
    duplicates: list[str] = []
    for file in text_files(path):
        if _holds_records(file):
            _read_records(file, is_reference, table, duplicates)
        else:
            _read_lines(file, table, duplicates)
    if duplicates:
        more = f" (and {len(duplicates) - 1} more)" if len(duplicates) > 1 else ""
        raise DataError(f"{duplicates[0]}{more}; every key should stand once")
    return table


def _by_number(path: str) -> list[tuple[int, str]]:
    """output.2 before output.10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", path)]


def _holds_records(file: str) -> bool:
    head = look_into(file, HEAD_SIZE)
    kind = kind_of(head)
    if kind in AUDIO_KINDS or (b"\0" in head and not head.startswith((GZIP_MAGIC, *UTF16_BOMS))):
        what = f"audio ({kind})" if kind in AUDIO_KINDS else "binary"
        raise DataError(f"{display_name(file)}: is {what}, not text; should have lines `key words` or JSON records")
    return kind == "json"


def _read_lines(file: str, table: TextTable, duplicates: list[str]) -> None:
    for entry in read_scp(file, allow_empty=True):
        if entry.line == 1 and entry.key.startswith('[{"'):
            raise DataError(
                f"{display_name(file)}: is a JSON array; should have one object a line (jq -c .[] makes them)"
            )
        if entry.key in table.texts or entry.key in table.unusable:
            duplicates.append(f"{display_name(file)}:{entry.line}: duplicate key {entry.key}")
        elif entry.error:
            table.unusable[entry.key] = entry.error
        else:
            table.texts[entry.key] = entry.value


def _read_records(file: str, is_reference: bool, table: TextTable, duplicates: list[str]) -> None:
    for record in read_jsonl(file):
        text = record.target if is_reference and record.target is not None else record.text
        if record.key in table.records or record.key in table.texts or record.key in table.unusable:
            duplicates.append(f"{display_name(file)}: duplicate key {record.key}")
        elif record.status == "error" and not _is_of_decoding(record):
            table.unusable[record.key] = record.error or "is not usable"
        elif text is not None:
            # half of a surrogate pair, which JSON can hold as an escape and no output file can
            table.texts[record.key] = text.encode("utf-8", "replace").decode()
            table.records[record.key] = record
        elif is_reference:
            table.unusable[record.key] = f"{display_name(file)}: {record.key} has no target; should have the reference"
        else:
            table.without_text[record.key] = record.error or "has no text"
            table.records[record.key] = record


def _is_of_decoding(record: Utterance) -> bool:
    """Whether the record itself says that its utterance failed; a line that could not be read has nothing but a key."""
    return bool(record.source or record.target is not None or record.text is not None)
