"""A directory of punctuated texts: `text` (`key text` lines), `records.jsonl`, `errors.jsonl`, and `run.json` last.

While the work goes on there is only `journal.jsonl`, from which an interrupted run goes on.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asrtools.errors import DataError
from asrtools.io.journal import Journal, count_entries
from asrtools.io.jsonl import from_object, to_line, to_object
from asrtools.io.scp import to_line as to_text_line
from asrtools.io.text_file import StagedFile, raise_if_disk, write_failure
from asrtools.record import Utterance

JOURNAL = "journal.jsonl"
FILES = ("run.json", "text", "records.jsonl", "errors.jsonl")


class PunctuationDir:
    """Takes a record for each input, in order; `finish` makes the files."""

    def __init__(self, folder: str | Path, head: Mapping[str, Any], resume: bool = False):
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.num_left_behind = 0 if resume else count_entries(self.folder / JOURNAL)
            self.journal = Journal(self.folder / JOURNAL, head, resume)
            for name in FILES:  # those of an earlier run would look like this one's
                (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise write_failure(folder, error) from error

    def earlier(self) -> Iterator[Utterance]:
        """The records that an interrupted run has finished."""
        return self._records(self.journal.num_earlier)

    def add(self, record: Utterance) -> None:
        self.journal.append({"record": to_object(record)})

    def finish(self, run: Mapping[str, Any]) -> None:
        with contextlib.ExitStack() as stack:
            staged = {}
            for name in FILES:
                staged[name] = StagedFile(self.folder / name, "w")
                stack.callback(staged[name].discard)
            try:
                self._write(run, {name: file.stream for name, file in staged.items()})
                for file in staged.values():
                    file.finish()
                for name in reversed(FILES):
                    staged[name].commit()
            except OSError as error:
                raise_if_disk(self.folder, error)
                raise
        self.journal.close()

    def _write(self, run: Mapping[str, Any], streams: Mapping[str, Any]) -> None:
        counts: dict[str, int] = {}
        for record in self._records():
            counts[record.status] = counts.get(record.status, 0) + 1
            if record.status == "error":
                streams["errors.jsonl"].write(to_line(record) + "\n")
                continue
            streams["records.jsonl"].write(to_line(record) + "\n")
            streams["text"].write(to_text_line(record.key, " ".join((record.text or "").splitlines())))
        streams["run.json"].write(json.dumps({**run, "counts": counts}, ensure_ascii=False, indent=1) + "\n")

    def _records(self, most: int | None = None) -> Iterator[Utterance]:
        for index, entry in enumerate(self.journal.entries(most)):
            yield from_object(entry["record"], f"{self.journal.path}:{index + 2}")


def with_earlier(
    records: Iterator[Utterance], earlier: Iterator[Utterance], folder: Path
) -> tuple[list[Utterance], Iterator[Utterance]]:
    """Skip the inputs that an interrupted run has finished; the finished records, and the inputs that remain."""
    done = []
    for number, finished in enumerate(earlier, 1):
        record = next(records, None)
        if record is None or record.key != finished.key:
            now = "nothing" if record is None else record.key
            raise DataError(
                f"{folder}: input {number} of the interrupted run was {finished.key}, now it is {now}; give the same "
                "list, or begin anew without --resume"
            )
        done.append(finished)
    return done, records
