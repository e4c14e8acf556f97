"""What a transcript has for each file of a result directory, and transcripts into one that can be gone on with."""

from collections.abc import Callable, Collection, Iterable, Iterator

from asrtools.errors import DataError
from asrtools.io.result_dir import ResultDir
from asrtools.record import Utterance
from asrtools.tasks.funasr_text import line_of, surface_of
from asrtools.tasks.transcribe import TokenText, Transcript

VAD, TEXT_WITH_PUNC = "vad", "text_with_punc"  # files of a run with companions, as FunASR 0.x names them


def lines_of(transcript: Transcript, model: str, more: Collection[str] = ()) -> list[dict[str, str]]:
    """For each hypothesis the value of `text`, `token`, `score` and the times; `model`: the registered name.

    `more`: of `vad` and `text_with_punc` those that are wanted too.
    """
    parts = [part for part in transcript.segments or (transcript,) if part.best]
    count = max((len(part.best) for part in parts), default=1)
    lines = [_lines([part.best[min(n, len(part.best) - 1)] for part in parts], model) for n in range(count)]
    if TEXT_WITH_PUNC in more:
        lines[0][TEXT_WITH_PUNC] = transcript.utterance.text or ""
    if VAD in more:
        found = [part.utterance for part in transcript.segments]
        lines[0][VAD] = str([[one.start_ms, one.end_ms] for one in found if one.status != "no-speech"])
    return lines


def _lines(parts: list[TokenText], model: str) -> dict[str, str]:
    texts = [line_of(part, model) for part in parts]
    lines = {
        "text": " ".join(text for text in texts if text),
        "token": " ".join(token for part in parts for token in part.tokens),
        "score": str(sum(part.score for part in parts)),
    }
    if all(part.spans is not None or not part.tokens for part in parts):
        spans = [list(span) for part in parts for span in surface_of(part, model, is_timed=True).spans or ()]
        lines["time_stamp"] = lines["timestamp"] = str(spans)
    return lines


def record_results(
    utterances: Iterable[Utterance],
    transcribe: Callable[[Iterable[Utterance]], Iterator[Transcript]],
    results: ResultDir,
    model: str,
    more: Collection[str] = (),
) -> Iterator[Utterance]:
    """The records an earlier run has finished, then the others as they are done and written down."""
    source = iter(utterances)
    yield from take_earlier(source, results)
    for done in transcribe(source):
        results.add(done.utterance, lines_of(done, model, more), done.num_frames, done.seconds, done.forward_s)
        yield done.utterance


def take_earlier(source: Iterator[Utterance], results: ResultDir) -> Iterator[Utterance]:
    """The records an earlier run has finished, each in the place of the input it came from."""
    for number, earlier in enumerate(results.earlier(), 1):
        record = next(source, None)
        if record is None or record.key != earlier.key:
            now = "nothing" if record is None else record.key
            raise DataError(
                f"{results.folder}: input {number} of the interrupted run was {earlier.key}, now it is {now}; "
                "give the same list, or begin anew without --resume"
            )
        yield earlier
