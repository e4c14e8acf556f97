"""vad-segment: find the stretches of speech in recordings: Kaldi segments on stdout."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from asrtools.commands.command import Tally, command, launch, progress
from asrtools.commands.options import (
    data_argument,
    data_options,
    device_options,
    hub_options,
    model_option,
    resume_option,
    shard_option,
)
from asrtools.commands.resumable import check_resume, finish, open_results
from asrtools.commands.vad_options import segment_options, vad_model_options, vad_overrides
from asrtools.record import Utterance

if TYPE_CHECKING:
    from asrtools.io.journal_dir import Done
    from asrtools.tasks.segment import Segmenter

DEFAULT_MODEL = "fsmn-vad"
EXAMPLE = """\
vad-segment wav.scp > segments
vad-segment --jsonl --max-segment-seconds 30 meeting.wav | decode -
arecord -t raw -f S16_LE -r 16000 | vad-segment --streaming --input-type pcm -"""


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@click.option("--jsonl", is_flag=True, help="Print records: one for each segment, or with status no-speech or error.")
@click.option("--rttm", is_flag=True, help="Print RTTM, all speech under the name `speech`.")
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write DIR/segments, DIR/rttm, DIR/records.jsonl and DIR/1best_recog/text (FunASR's lists) as well.",
)
@resume_option
@click.option(
    "--streaming", is_flag=True, help="Print `key begin SECONDS` and `key end SECONDS` as soon as they are decided."
)
@click.option(
    "--chunk-size",
    type=click.IntRange(10),
    metavar="MS",
    help="--streaming: the packets; --vad-profile funasr-1.4: how often it looks.  [default: 60; 60000]",
)
@segment_options
@model_option
@data_options
@shard_option
@device_options
@hub_options
@vad_model_options
def vad_segment(data: tuple[str, ...], **options: Any) -> int:
    """Find the stretches of speech in recordings: Kaldi segments on stdout.

    DATA is wav.scp, a data directory, list.jsonl, recordings, or - for stdin; hours of audio take little memory. With
    --streaming, raw PCM from stdin is heard as it comes.
    """
    if not data:
        raise click.UsageError("it takes DATA")
    if options["channel"] == "all":
        raise click.UsageError("--channel all: speech is looked for in one channel; take mix, each or a number")
    if options["jsonl"] and options["rttm"]:
        raise click.UsageError("--jsonl and --rttm are two ways to print; keep one")
    check_resume(options)
    if options["streaming"]:
        for name in ("rttm", "output_dir", "merge_seconds", "pad_ms"):
            if options[name]:
                raise click.UsageError(f"--{name.replace('_', '-')} needs whole recordings; --streaming prints events")
    overrides = vad_overrides(options)
    utterances = _inputs(data, options)
    segmenter = _open(overrides, options)
    if options["streaming"]:
        return _stream(utterances, segmenter, options)
    return _cut(utterances, segmenter, data, options)


def _inputs(data: tuple[str, ...], options: dict[str, Any]) -> Iterator[Utterance]:
    import itertools

    from asrtools.io.shard import take_shard
    from asrtools.io.source import read_inputs

    utterances = read_inputs(data, options["input_type"], options["fs"], options["channel"], tables=())
    first = next(utterances)  # what is wrong with DATA itself shows now
    return take_shard(itertools.chain([first], utterances), options["shard"])


def _open(overrides: dict[str, Any], options: dict[str, Any]) -> "Segmenter":
    from asrtools.hub import model_directory
    from asrtools.tasks.segment import open_segmenter

    merge_s = options["merge_seconds"]
    return open_segmenter(
        model_directory(options["model"] or DEFAULT_MODEL, options["hub"], options["revision"], options["offline"]),
        overrides,
        options["device"],
        options["ncpu"],
        profile=options["vad_profile"],
        chunk_ms=options["chunk_size"],
        merge_ms=None if merge_s is None else merge_s * 1000,
        pad_ms=options["pad_ms"],
        channel="mix" if options["channel"] == "each" else options["channel"],
        fs=options["fs"],
    )


def _cut(
    utterances: Iterator[Utterance], segmenter: "Segmenter", data: tuple[str, ...], options: dict[str, Any]
) -> int:
    started, tally = time.time(), Tally("vad-segment")
    results = open_results("vad-segment", data, [*FILES.values()], segmenter.model, options)

    def work(inputs: Iterator[Utterance]) -> "Iterator[Done]":
        keys: deque[str] = deque()
        for parts in segmenter(_noting(inputs, keys)):
            yield _done(keys.popleft(), parts, options["channel"])

    shown = FILES["jsonl" if options["jsonl"] else "rttm" if options["rttm"] else "segments"]
    for done in progress(results.through(utterances, work) if results else work(utterances), "vad-segment"):
        sys.stdout.write(done.texts[shown])
        sys.stdout.flush()
        tally.count(done.counted[0])
    finish(results, segmenter.model, options, started)
    return tally.close()


FILES = {"segments": "segments", "rttm": "rttm", "text": "1best_recog/text", "jsonl": "records.jsonl"}


def _noting(utterances: Iterable[Utterance], keys: "deque[str]") -> Iterator[Utterance]:
    for utterance in utterances:
        keys.append(utterance.key)
        yield utterance


def _done(key: str, parts: list[Utterance], channel: str) -> "Done":
    """The lines of a recording: its segments, or what is said of it instead."""
    from asrtools.io.journal_dir import Done

    found = [part for part in parts if not part.status]
    counted = parts[0] if parts[0].status else Utterance(key, status="ok")
    times = [[part.start_ms, part.end_ms] for part in found]
    return Done(
        key,
        {
            FILES["segments"]: "".join(_segment_line(part, channel) + "\n" for part in found),
            FILES["rttm"]: "".join(_rttm_line(part, channel) + "\n" for part in found),
            FILES["text"]: "" if counted.status == "error" else f"{key} {times}\n",
            FILES["jsonl"]: "".join(_record_line(part) + "\n" for part in parts),
        },
        [counted],
    )


def _segment_line(part: Utterance, channel: str) -> str:
    from asrtools.io.segments import Segment, to_line

    return to_line(Segment(part.key, _recording(part, channel), part.start_ms, part.end_ms, part.channel))


def _rttm_line(part: Utterance, channel: str) -> str:
    from asrtools.io.rttm import Turn, to_line

    number = "1" if part.channel is None else str(part.channel + 1)
    return to_line(Turn(_recording(part, channel), part.start_ms, part.end_ms or 0, "speech", number))


def _record_line(part: Utterance) -> str:
    from asrtools.io.jsonl import to_line

    return to_line(part)


def _recording(part: Utterance, channel: str) -> str:
    """The recording's key in the list: --channel each has put the channel behind it."""
    key = part.recording or part.key
    return key.removesuffix(f"-{part.channel}") if channel == "each" and part.channel is not None else key


def _stream(utterances: Iterator[Utterance], segmenter: "Segmenter", options: dict[str, Any]) -> int:
    from asrtools.errors import DataError
    from asrtools.io.seconds import to_seconds
    from asrtools.tasks.segment import hear

    tally = Tally("vad-segment")
    for utterance in utterances:
        if utterance.status == "error":
            tally.count(utterance)
            continue
        is_live = options["input_type"] == "pcm" and utterance.source == "-"
        found = False
        try:
            for name, time_ms in hear(segmenter, utterance, options["chunk_size"] or 60, is_live):
                found = True
                if options["jsonl"]:
                    line = json.dumps({"key": utterance.key, "event": name, "time_ms": time_ms}, ensure_ascii=False)
                else:
                    line = f"{utterance.key} {name} {to_seconds(time_ms)}"
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
        except DataError as error:
            tally.fail(utterance.key, str(error))
            continue
        tally.add("ok" if found else "no-speech")
    return tally.close()


def main() -> None:
    launch(vad_segment)
