"""vad-segment: find the stretches of speech in recordings: Kaldi segments on stdout."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from asrtools.commands.command import Tally, command, launch, progress
from asrtools.commands.options import (
    data_argument,
    data_options,
    device_options,
    hub_options,
    model_option,
    shard_option,
)
from asrtools.commands.vad_options import segment_options, vad_model_options, vad_overrides
from asrtools.record import Utterance

if TYPE_CHECKING:
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
    help="Write DIR/segments, DIR/rttm and DIR/1best_recog/text (FunASR's lists) as well.",
)
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
    if options["streaming"]:
        for name in ("rttm", "output_dir", "merge_seconds", "pad_ms"):
            if options[name]:
                raise click.UsageError(f"--{name.replace('_', '-')} needs whole recordings; --streaming prints events")
    overrides = vad_overrides(options)
    utterances = _inputs(data, options)
    segmenter = _open(overrides, options)
    if options["streaming"]:
        return _stream(utterances, segmenter, options)
    return _cut(utterances, segmenter, options)


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


def _cut(utterances: Iterator[Utterance], segmenter: "Segmenter", options: dict[str, Any]) -> int:
    tally = Tally("vad-segment")
    line = _record_line if options["jsonl"] else _rttm_line if options["rttm"] else _segment_line
    with _files(options["output_dir"], options["channel"]) as write:
        for parts in progress(segmenter(utterances), "vad-segment"):
            for part in parts:
                if options["jsonl"] or not part.status:
                    sys.stdout.write(line(part, options["channel"]) + "\n")
            sys.stdout.flush()
            write(parts)
            if parts[0].status:
                tally.count(parts[0])
            else:
                tally.add("ok")
    return tally.close()


def _segment_line(part: Utterance, channel: str) -> str:
    from asrtools.io.segments import Segment, to_line

    return to_line(Segment(part.key, _recording(part, channel), part.start_ms, part.end_ms, part.channel))


def _rttm_line(part: Utterance, channel: str) -> str:
    from asrtools.io.rttm import Turn, to_line

    number = "1" if part.channel is None else str(part.channel + 1)
    return to_line(Turn(_recording(part, channel), part.start_ms, part.end_ms or 0, "speech", number))


def _record_line(part: Utterance, _: str) -> str:
    from asrtools.io.jsonl import to_line

    return to_line(part)


def _recording(part: Utterance, channel: str) -> str:
    """The recording's key in the list: --channel each has put the channel behind it."""
    key = part.recording or part.key
    return key.removesuffix(f"-{part.channel}") if channel == "each" and part.channel is not None else key


@contextlib.contextmanager
def _files(folder: str | None, channel: str) -> Iterator[Callable[[list[Utterance]], None]]:
    """What writes the files of --output-dir, an input at a time; they appear whole, at the end."""
    if folder is None:
        yield lambda parts: None
        return
    from pathlib import Path

    from asrtools.io.text_file import atomic_write

    lists = Path(folder) / "1best_recog"
    lists.mkdir(parents=True, exist_ok=True)
    with (
        atomic_write(Path(folder) / "segments") as segments,
        atomic_write(Path(folder) / "rttm") as rttm,
        atomic_write(lists / "text") as text,
    ):

        def write(parts: list[Utterance]) -> None:
            found = [part for part in parts if not part.status]
            segments.writelines(_segment_line(part, channel) + "\n" for part in found)
            rttm.writelines(_rttm_line(part, channel) + "\n" for part in found)
            if parts[0].status != "error":
                times = [[part.start_ms, part.end_ms] for part in found]
                key = found[0].key.rsplit("-", 2)[0] if found else parts[0].key
                text.write(f"{key} {times}\n")

        yield write


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
