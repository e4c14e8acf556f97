"""A directory of results as FunASR's recipes read it: `1best_recog/{text,token,score,rtf,time_stamp,timestamp}`.

While the work goes on there is only `journal.jsonl`. The files appear when everything is done, whole; `run.json` last.
"""

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from asrtools.errors import DataError
from asrtools.io.journal import Journal, count_entries
from asrtools.io.jsonl import from_object, to_object
from asrtools.io.text_file import StagedFile, raise_if_disk, write_failure
from asrtools.record import Utterance

JOURNAL = "journal.jsonl"
ERRORS = "errors.jsonl"
RUN = "run.json"
LINES = ("text", "token", "score", "time_stamp", "timestamp")  # `timestamp`: the name FunASR 1.x has for it
MORE = ("vad", "text_with_punc")  # of runs that cut and mark
RTF = "rtf"


class ResultDir:
    """Takes an entry for each input, in order; `finish` makes the files."""

    def __init__(
        self,
        folder: str | Path,
        head: Mapping[str, Any],
        num_best: int = 1,
        resume: bool = False,
        more: Collection[str] = (),
    ):
        """`more`: names of further files of lines that the best hypothesis has."""
        self.folder = Path(folder)
        self.more = tuple(more)
        self.num_best = num_best
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_failure(folder, error) from error
        self.num_left_behind = 0 if resume else count_entries(self.folder / JOURNAL)
        self.journal = Journal(self.folder / JOURNAL, head, resume)
        self._remove_results()

    def earlier(self) -> Iterator[Utterance]:
        """The records that an interrupted run has finished."""
        for index, entry in enumerate(self.journal.entries(self.journal.num_earlier)):
            yield from_object(entry["record"], f"{self.journal.path}:{index + 2}")

    def add(
        self, utterance: Utterance, lines: list[dict[str, str]], num_frames: int, seconds: float, forward_s: float
    ) -> None:
        """A record, and what it has for each of LINES in each of its n best."""
        self.journal.append(
            {
                "record": to_object(utterance),
                "lines": lines,
                "frames": num_frames,
                "seconds": round(seconds, 4),
                "forward_s": round(forward_s, 6),
            }
        )

    def finish(self, run: Mapping[str, Any]) -> None:
        """Write the files from the journal, and `run` with what the entries sum up to."""
        with contextlib.ExitStack() as stack:
            staged: list[StagedFile] = []

            def new(path: Path) -> StagedFile:
                path.parent.mkdir(exist_ok=True)
                file = StagedFile(path, "w")
                stack.callback(file.discard)
                staged.append(file)
                return file

            try:
                sums = self._write_entries(new)
                new(self.folder / RUN).stream.write(json.dumps({**run, **sums}, ensure_ascii=False, indent=1) + "\n")
                for file in staged:
                    file.finish()
                for file in staged:
                    file.commit()
            except OSError as error:
                raise_if_disk(self.folder, error)
                raise
        self.journal.close()

    def close(self) -> None:
        self.journal.close()

    def _write_entries(self, new) -> dict[str, Any]:
        best = [
            {
                name: new(self.folder / f"{n}best_recog" / name).stream
                for name in (*LINES, *(self.more if n == 1 else ()))
            }
            for n in range(1, self.num_best + 1)
        ]
        rtf = new(self.folder / "1best_recog" / RTF).stream
        errors = new(self.folder / ERRORS).stream
        counts: dict[str, int] = {}
        frames, seconds, forward_s = 0, 0.0, 0.0
        for entry in self.journal.entries():
            record = entry["record"]
            counts[record["status"]] = counts.get(record["status"], 0) + 1
            if record["status"] == "error":
                errors.write(json.dumps(record, ensure_ascii=False) + "\n")
                continue
            for streams, lines in zip(best, entry["lines"], strict=False):
                for name, value in lines.items():
                    streams[name].write(f"{record['key']} {value}\n")
            spent, length = entry["forward_s"], entry["frames"]
            rate = spent / entry["seconds"] if entry["seconds"] else 0.0
            rtf.write(
                f"{record['key']} decoding, feature length: {length}, forward_time: {spent:.4f}, rtf: {rate:.4f}\n"
            )
            frames, seconds, forward_s = frames + length, seconds + entry["seconds"], forward_s + spent
        rate = forward_s / seconds if seconds else 0.0
        rtf.write(
            f"rtf_avf decoding, feature length total: {frames}, forward_time total: {forward_s:.4f}, "
            f"rtf avg: {rate:.4f}\n"
        )
        return {
            "counts": counts,
            "audio_seconds": round(seconds, 3),
            "forward_seconds": round(forward_s, 3),
            "real_time_factor": round(rate, 5),
        }

    def _remove_results(self) -> None:
        """Those of an earlier run into this directory would look like this one's."""
        for path in [
            self.folder / RUN,
            self.folder / ERRORS,
            *(folder / name for folder in self.folder.glob("*best_recog") for name in (*LINES, RTF, *MORE)),
        ]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise DataError(f"{path}: cannot be removed ({error.strerror}); choose another directory") from error
