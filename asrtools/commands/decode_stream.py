"""decode --streaming: JSON lines as the words come, and a report of how they came."""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrtools.commands.command import Tally, complain, progress
from asrtools.commands.decode_search import search_of
from asrtools.commands.decode_stream_options import check_search, is_live
from asrtools.commands.interrupt import UntilInterrupted
from asrtools.record import Sentence, Utterance

if TYPE_CHECKING:
    from asrtools.tasks.call_options import CallOptions
    from asrtools.tasks.recognition import Recognition
    from asrtools.tasks.stream_recognition import Listener
    from asrtools.tasks.stream_session import Told

DEFAULT_MODEL = "paraformer-zh-streaming"
INTERRUPTED = 130
OTHER_FILES = 200  # that a process has open besides recordings


def decode_streams(
    utterances: Iterator[Utterance],
    data: tuple[str, ...],
    recognition: "Recognition",
    beside: "dict[str, Path]",
    theirs: dict[str, dict[str, Any]],
    call: "CallOptions",
    options: dict[str, Any],
    results: Any,
    run: dict[str, Any],
) -> int:
    """`results`: a ResultDir or None; `run`: what its run.json tells of the run."""
    from asrtools.io.pcm_stream import read_resampled
    from asrtools.tasks.result_lines import lines_of, take_earlier
    from asrtools.tasks.stream_report import StreamReport, report_lines
    from asrtools.tasks.stream_sentence import HOP_MS
    from asrtools.tasks.stream_session import Told

    started = time.time()
    check_search(recognition.model.network, options)
    refs = _references(data, options)
    listener = _listener(recognition, beside, theirs, call, options)
    report, tally = StreamReport(refs), Tally("decode")
    _allow_files(options["num_streams"])
    for utterance in take_earlier(utterances, results) if results is not None else ():
        _print_earlier(utterance)
        tally.count(utterance)
        report.add(utterance, (), 0.0, 0.0)
    if tally.counts.total():
        heard = f"{tally.counts.total()} inputs were heard by an earlier run"
        complain("decode", f"{heard}, and are part of the error rate but of no latency")
    live = None
    if is_live(data, options):
        live = UntilInterrupted(read_resampled(HOP_MS, options["fs"], listener.rate))
    packets = None if live is None else iter(live)
    for event in progress(listener(utterances, options["num_streams"], packets), "decode"):
        if isinstance(event, Told):
            _print(event)
            continue
        utterance = event.transcript.utterance
        if utterance.status == "error":
            _write({"key": utterance.key, "error": utterance.error})
        elif not event.facts:  # nobody spoke
            _write({"key": utterance.key, "final": utterance.text or "", "start_ms": utterance.start_ms})
        tally.count(utterance)
        if utterance.error and utterance.status != "error":
            tally.note(utterance.key, utterance.error)
        one = event.transcript
        report.add(utterance, event.facts, event.seconds, one.forward_s)
        if results is not None:
            lines = lines_of(one, listener.model_name, results.more)
            results.add(utterance, lines, one.num_frames, one.seconds, one.forward_s)
    summary = report.summary()
    for line in report_lines(summary):
        complain("decode", line)
    if results is not None:
        results.finish({**run, "wall_seconds": round(time.time() - started, 3), "streaming": summary})
    code = tally.close()
    if live is not None and live.was_interrupted:
        complain("decode", "interrupted")
        return INTERRUPTED
    return code


def _listener(
    recognition: "Recognition",
    beside: "dict[str, Path]",
    theirs: dict[str, dict[str, Any]],
    call: "CallOptions",
    options: dict[str, Any],
) -> "Listener":
    from dataclasses import replace

    from asrtools.hub import model_directory
    from asrtools.tasks.batching import BatchLimits
    from asrtools.tasks.companion import open_companions
    from asrtools.tasks.long_face import with_call
    from asrtools.tasks.recognition import open_recognition
    from asrtools.tasks.stream_marks import StreamMarks
    from asrtools.tasks.stream_recognition import Listener, chunks_of, parse_chunk, parse_look_back

    chunks = parse_chunk(options["chunk"], recognition, chunks_of(recognition, call))
    chunks = parse_look_back(options["look_back"], chunks)
    first = replace(
        call.search,
        decoding_model=options["decoding_mode"] or call.search.decoding_model,
        beam_size=options["beam_size"],
        greedy=options["greedy"],
        penalty=options["penalty"],
    )
    found = open_companions(beside, theirs, recognition.device, options["ncpu"], options["dtype"])
    segmenter = found.segmenter
    if segmenter is not None:
        segmenter = with_call(segmenter, call)
        if options["max_segment_seconds"] is not None:
            longest = round(1000 * options["max_segment_seconds"])
            segmenter = replace(segmenter, options=replace(segmenter.options, max_single_segment_time=longest))
    listener = Listener(
        recognition,
        replace(chunks, search=first),
        segmenter,
        marks=None if found.punctuate is None else StreamMarks(found.punctuate),
        channel="mix" if options["channel"] == "each" else options["channel"],
        fs=options["fs"],
    )
    if not options["two_pass"]:
        return listener
    directory = model_directory(options["two_pass"], **{key: options[key] for key in ("hub", "offline")})
    second = open_recognition(directory, device=options["device"], num_threads=options["ncpu"], dtype=options["dtype"])
    limits = BatchLimits(options["batch_size"], options["batch_seconds"], call.limits.alone_seconds)
    return replace(
        listener, second=second, second_options=search_of(second, call, options, needs_times=True), limits=limits
    )


def _references(data: tuple[str, ...], options: dict[str, Any]) -> Any:
    """Of --ref, or of the data directory; None: those that stand in the records."""
    from asrtools.io.text_table import read_text_table

    if options["ref"]:
        return read_text_table(options["ref"], is_reference=True)
    file = Path(data[0]) / "text"
    if len(data) == 1 and os.path.isdir(data[0]) and file.is_file() and not options["shard"]:
        return read_text_table(str(file), is_reference=True)
    return None


def _allow_files(num_streams: int) -> None:
    """Each recording that is heard is open; a shell allows 1024 files, or 256, where the system allows more."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = num_streams + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _print(told: "Told") -> None:
    from asrtools.io.jsonl import to_object

    line: dict[str, Any] = {"key": told.key, "final" if told.is_final else "partial": told.text}
    line["start_ms"] = told.start_ms
    if told.end_ms is not None:
        line["end_ms"] = told.end_ms
    line["latency_ms"] = told.latency_ms
    if told.tokens:
        line["tokens"] = to_object(Utterance(told.key, tokens=told.tokens))["tokens"]
    if told.error:
        line["error"] = told.error
    _write(line)


def _print_earlier(utterance: Utterance) -> None:
    """What an earlier run has told, as far as it was final."""
    if utterance.status == "error":
        _write({"key": utterance.key, "error": utterance.error})
        return
    for one in utterance.sentences or (Sentence(utterance.text or "", utterance.start_ms, utterance.end_ms),):
        line: dict[str, Any] = {"key": utterance.key, "final": one.text, "start_ms": one.start_ms}
        if one.end_ms is not None:
            line["end_ms"] = one.end_ms
        _write(line)


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
