"""What `output_dir` holds of models that do not recognise: the lines of each input, whole when the call ends."""

from collections.abc import Iterable, Sequence
from typing import Any

from asrtools.build import LoadedModel
from asrtools.io.journal_dir import Done, JournalDir
from asrtools.record import Utterance
from asrtools.tasks.funasr_result import failed


def write_results(folder: str, model: LoadedModel, files: Sequence[str], found: Iterable[Done]) -> None:
    """The lines of each input, in `files` of an output directory."""
    results = JournalDir(folder, {"model": str(model.directory)}, files)
    for done in found:
        results.add(done)
    results.finish({"model": {"directory": str(model.directory), "class": model.name}})


def failure(key: str, error: str) -> tuple[dict[str, Any], Done]:
    """The result of an input that cannot be used, and what stands in the output directory of it."""
    record = Utterance(key, status="error", error=error)
    return failed(record), Done(key, {}, [record])
