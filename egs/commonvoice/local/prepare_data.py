#!/usr/bin/env python3
"""Data directories of one language of a Common Voice release that lies unpacked.

    python local/prepare_data.py [--keep-case] [--keep-punctuation] LANGUAGE DATA

LANGUAGE is its folder: {train,dev,test}.tsv and clips/. Makes DATA/{train,dev,test}/{wav.scp,text,utt2spk,spk2utt}.
Texts are normalised to NFC, without punctuation (an apostrophe or hyphen inside of a word stays) and in lower case.
Clips that are not there, and texts with nothing left, are left out and counted.
"""

import argparse
import csv
import re
import sys
import unicodedata
from pathlib import Path

from asrtools.errors import AsrError
from asrtools.tasks.corpus import Line, write_data_dir

SETS = ("train", "dev", "test")
APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("language", type=Path, metavar="LANGUAGE")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--keep-case", action="store_true")
    parser.add_argument("--keep-punctuation", action="store_true")
    args = parser.parse_args()
    for name in SETS:
        table = args.language / f"{name}.tsv"
        if not table.is_file():
            sys.exit(f"prepare_data.py: {table} is missing; the folder of one language is wanted, as it is unpacked")
    try:
        for name in SETS:
            prepare(args, name)
    except AsrError as error:
        sys.exit(f"prepare_data.py: {error}")
    return 0


def prepare(args: argparse.Namespace, name: str) -> None:
    clips = (args.language / "clips").absolute()
    there = {path.name for path in clips.iterdir()} if clips.is_dir() else set()
    lines, missing, empty = [], 0, 0
    with open(args.language / f"{name}.tsv", encoding="utf-8", newline="") as file:
        # the sentences have quotes that do not close
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            text = normalise(row["sentence"] or "", args.keep_case, args.keep_punctuation)
            # older releases leave the ending out
            clip = row["path"] if row["path"].endswith(".mp3") else f"{row['path']}.mp3"
            if clip not in there:
                missing += 1
            elif not text:
                empty += 1
            else:
                # 512 bits of a speaker are more than names need; keys begin with the speaker, as Kaldi wants it
                speaker = row["client_id"][:20]
                lines.append(Line(f"{speaker}-{Path(clip).stem}", str(clips / clip), text, speaker))
    count = write_data_dir(args.data / name, lines)
    left_out = ", ".join(f"{n} {why}" for n, why in ((missing, "clips are not there"), (empty, "texts are empty")) if n)
    sys.stderr.write(
        f"prepare_data.py: {args.data / name}: {count} utterances{'; left out: ' * bool(left_out)}{left_out}\n"
    )


def normalise(text: str, keeps_case: bool = False, keeps_punctuation: bool = False) -> str:
    text = unicodedata.normalize("NFC", text).translate(APOSTROPHES)
    if not keeps_case:
        text = text.lower()
    if not keeps_punctuation:
        text = "".join(char if char in "'-" or unicodedata.category(char)[0] not in "PSC" else " " for char in text)
        text = re.sub(r"(?<!\w)['-]+|['-]+(?!\w)", " ", text)
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
