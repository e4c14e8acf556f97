"""decode --streaming: JSON lines as the words come, and a report of how they came."""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asrtools.commands.command import Tally, complain, progress
from asrtools.record import Utterance

if TYPE_CHECKING:
    from asrtools.tasks.call_options import CallOptions
    from asrtools.tasks.recognition import Recognition
    from asrtools.tasks.stream_recognition import Listener
    from asrtools.tasks.stream_session import Told

DEFAULT_MODEL = "paraformer-zh-streaming"
_WHOLE = ("resume", "merge_segments", "punc_model", "spk_model", "merge_seconds", "remote_code", "hotword")


def check_options(data: tuple[str, ...], options: dict[str, Any]) -> None:
    """A usage error where an option belongs to the other way of decoding."""
    if not options["streaming"]:
        for name in ("chunk", "look_back", "two_pass", "ref"):
            if options[name]:
                raise click.UsageError(f"--{name.replace('_', '-')} goes with --streaming")
        return
    for name in _WHOLE:
        if options[name]:
            raise click.UsageError(
                f"--{name.replace('_', '-')} needs whole recordings; --streaming hears them as they come"
            )
    if options["style"] != "kaldi":
        raise click.UsageError("--format: --streaming prints JSON lines; keep one")
    if options["nbest"] > 1:
        raise click.UsageError("--nbest: --streaming has one text; leave it at 1")
    if is_live(data, options) and options["two_pass"] and not options["vad_model"]:
        raise click.UsageError("--two-pass hears a finished sentence again; a live stream needs --vad-model to end one")


def is_live(data: tuple[str, ...], options: dict[str, Any]) -> bool:
    return options["input_type"] == "pcm" and data == ("-",)


def decode_streams(
    utterances: Iterator[Utterance],
    data: tuple[str, ...],
    recognition: "Recognition",
    overrides: dict[str, Any],
    call: "CallOptions",
    options: dict[str, Any],
    results: Any,
    run: dict[str, Any],
) -> int:
    """`results`: a ResultDir or None; `run`: what its run.json tells of the run."""
    from asrtools.tasks.result_lines import lines_of
    from asrtools.tasks.stream_report import StreamReport, report_lines
    from asrtools.tasks.stream_session import Told

    started = time.time()
    refs = _references(data, options)
    listener = _listener(recognition, overrides, call, options)
    report, tally = StreamReport(refs), Tally("decode")
    for event in progress(listener(utterances, options["num_streams"], is_live(data, options)), "decode"):
        if isinstance(event, Told):
            _print(event)
            continue
        utterance = event.transcript.utterance
        if utterance.status == "error":
            _write({"key": utterance.key, "error": utterance.error})
        elif not event.facts:  # nobody spoke
            _write({"key": utterance.key, "final": utterance.text or "", "start_ms": utterance.start_ms})
        tally.count(utterance)
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
    return tally.close()


def _listener(
    recognition: "Recognition", overrides: dict[str, Any], call: "CallOptions", options: dict[str, Any]
) -> "Listener":
    from dataclasses import replace

    from asrtools.hub import model_directory
    from asrtools.tasks.long_face import with_call
    from asrtools.tasks.recognition import open_recognition
    from asrtools.tasks.segment import open_segmenter
    from asrtools.tasks.stream_recognition import Listener, chunks_of, parse_chunk, parse_look_back

    chunks = parse_chunk(options["chunk"], recognition, chunks_of(recognition, call))
    chunks = parse_look_back(options["look_back"], chunks)
    where = {"device": options["device"], "num_threads": options["ncpu"]}
    hub = {key: options[key] for key in ("hub", "offline")}
    segmenter = second = None
    if options["vad_model"]:
        segmenter = open_segmenter(model_directory(options["vad_model"], **hub), overrides.pop("vad", None), **where)
        segmenter = with_call(segmenter, call)
        if options["max_segment_seconds"] is not None:
            longest = round(1000 * options["max_segment_seconds"])
            segmenter = replace(segmenter, options=replace(segmenter.options, max_single_segment_time=longest))
    if options["two_pass"]:
        second = open_recognition(model_directory(options["two_pass"], **hub), dtype=options["dtype"], **where)
    channel = "mix" if options["channel"] == "each" else options["channel"]
    search = replace(call.search, language=options["language"], use_itn=options["use_itn"] or call.search.use_itn)
    first = replace(
        search,
        decoding_model=options["decoding_mode"] or search.decoding_model,
        beam_size=options["beam_size"],
        greedy=options["greedy"],
        penalty=options["penalty"],
        lm_weight=options["lm_weight"],
    )
    chunks = replace(chunks, search=first)
    return Listener(recognition, chunks, segmenter, second, search, channel, options["fs"])


def _references(data: tuple[str, ...], options: dict[str, Any]) -> Any:
    """Of --ref, or of the data directory; None: those that stand in the records."""
    from asrtools.io.text_table import read_text_table

    if options["ref"]:
        return read_text_table(options["ref"], is_reference=True)
    file = Path(data[0]) / "text"
    if len(data) == 1 and os.path.isdir(data[0]) and file.is_file() and not options["shard"]:
        return read_text_table(str(file), is_reference=True)
    return None


def _print(told: "Told") -> None:
    line: dict[str, Any] = {"key": told.key, "final" if told.is_final else "partial": told.text}
    line["start_ms"] = told.start_ms
    if told.end_ms is not None:
        line["end_ms"] = told.end_ms
    line["latency_ms"] = told.latency_ms
    if told.error:
        line["error"] = told.error
    _write(line)


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
