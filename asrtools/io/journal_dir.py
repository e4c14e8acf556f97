"""A directory of result files that an interrupted run goes on with: an input at a time into `journal.jsonl`; the files,
`errors.jsonl` and `run.json` (last) appear when everything is done, whole."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from asrtools.errors import DataError
from asrtools.io.journal import Journal, count_entries
from asrtools.io.jsonl import from_object, to_line, to_object
from asrtools.io.result_dir import ERRORS, JOURNAL, RUN
from asrtools.io.text_file import StagedFile, raise_if_disk, write_failure
from asrtools.record import Utterance


@dataclass(frozen=True)
class Done:
    """An input that is done: its lines for each file, and the records that are counted, each with its status."""

    key: str
    texts: Mapping[str, str] = field(default_factory=dict)
    counted: Sequence[Utterance] = ()


Work = Callable[[Iterator[Utterance]], Iterable[Done]]


class JournalDir:
    """Takes what is done, in the order of the inputs; `finish` makes the files."""

    def __init__(self, folder: str | Path, head: Mapping[str, Any], files: Sequence[str], resume: bool = False):
        """`files`: their names, those in folders with them; `head`: what the results depend on."""
        self.folder = Path(folder)
        self.files = tuple(files)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.num_left_behind = 0 if resume else count_entries(self.folder / JOURNAL)
            self.journal = Journal(self.folder / JOURNAL, head, resume)
            for name in (RUN, ERRORS, *self.files):  # those of an earlier run would look like this one's
                (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise write_failure(folder, error) from error

    def earlier(self) -> Iterator[Done]:
        """What an interrupted run has done."""
        return self._entries(self.journal.num_earlier)

    def earlier_keys(self) -> Iterator[str]:
        return (entry["key"] for entry in self.journal.entries(self.journal.num_earlier))

    def add(self, done: Done) -> None:
        counted = [to_object(record) for record in done.counted]
        self.journal.append({"key": done.key, "texts": dict(done.texts), "counted": counted})

    def check(self, number: int, earlier: str, now: str | None) -> None:
        """Input `number` (from 1) of the interrupted run must be that of this one."""
        if earlier != now:
            raise DataError(
                f"{self.folder}: input {number} of the interrupted run was {earlier}, now it is {now or 'nothing'}; "
                "give the same list, or begin anew without --resume"
            )

    def through(self, utterances: Iterator[Utterance], work: Work) -> Iterator[Done]:
        """What an interrupted run has done, and then the work on the inputs that remain, each written down."""
        for number, done in enumerate(self.earlier(), 1):
            record = next(utterances, None)
            self.check(number, done.key, record and record.key)
            yield done
        for done in work(utterances):
            self.add(done)
            yield done

    def finish(self, run: Mapping[str, Any]) -> None:
        with contextlib.ExitStack() as stack:
            staged = {}
            try:
                for name in (*self.files, ERRORS, RUN):
                    (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                    staged[name] = StagedFile(self.folder / name, "w")
                    stack.callback(staged[name].discard)
                self._write(run, {name: file.stream for name, file in staged.items()})
                for file in staged.values():
                    file.finish()
                for file in staged.values():
                    file.commit()
            except OSError as error:
                raise_if_disk(self.folder, error)
                raise
        self.journal.close()

    def _write(self, run: Mapping[str, Any], streams: Mapping[str, IO]) -> None:
        counts: dict[str, int] = {}
        for done in self._entries():
            for name, text in done.texts.items():
                streams[name].write(text)
            for record in done.counted:
                counts[record.status] = counts.get(record.status, 0) + 1
                if record.status == "error":
                    streams[ERRORS].write(to_line(record) + "\n")
        streams[RUN].write(json.dumps({**run, "counts": counts}, ensure_ascii=False, indent=1) + "\n")

    def _entries(self, most: int | None = None) -> Iterator[Done]:
        for number, entry in enumerate(self.journal.entries(most), 2):
            where = f"{self.journal.path}:{number}"
            yield Done(entry["key"], entry["texts"], [from_object(one, where) for one in entry["counted"]])
