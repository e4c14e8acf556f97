"""Records to one subtitle file a recording: python local/subtitles.py RECORDS.jsonl DIR

DIR/files lists what was written and comes last.
"""

import sys
from pathlib import Path

from asrtools.io.jsonl import read_jsonl
from asrtools.io.subtitles import to_srt
from asrtools.io.text_file import atomic_write
from asrtools.tasks.subtitle import cues_of


def main(records: str, folder: str) -> int:
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    written, failed = [], 0
    for record in read_jsonl(records):
        if record.status == "error":
            sys.stderr.write(f"subtitles.py: {record.key}: {record.error}\n")
            failed += 1
            continue
        file = place / f"{record.key.replace('/', '_')}.srt"
        with atomic_write(file) as out:
            out.writelines(to_srt(cues_of(record)))
        written.append(file)
    with atomic_write(place / "files") as out:
        out.writelines(f"{file}\n" for file in written)
    sys.stderr.write(f"subtitles.py: {len(written)} of {len(written) + failed} ok\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
