"""decode: recognise speech."""

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from asrtools import __version__
from asrtools.commands.command import Tally, command, complain, launch, progress
from asrtools.commands.decode_options import (
    companion_options,
    merge_option,
    model_options,
    output_options,
    search_options,
    stream_options,
)
from asrtools.commands.decode_output import Output, check_inputs
from asrtools.commands.decode_search import search_of
from asrtools.commands.decode_stream import DEFAULT_MODEL as DEFAULT_STREAM_MODEL
from asrtools.commands.decode_stream import decode_streams
from asrtools.commands.decode_stream_options import check_options, idle_in_streams
from asrtools.commands.options import data_argument, data_options, network_options
from asrtools.record import Utterance

if TYPE_CHECKING:
    from pathlib import Path

    from asrtools.tasks.call_options import CallOptions
    from asrtools.tasks.recognition import Recognition

DEFAULT_MODEL = "paraformer-zh"
EXAMPLE = """\
decode wav.scp | punc > text
decode --model exp/model --output-dir exp/test data/test
decode --vad-model fsmn-vad --punc-model ct-punc --spk-model cam++ --jsonl meetings.scp
decode --vad-model fsmn-vad --format srt talk.mp3 > talk.srt
arecord -t raw -f S16_LE -r 16000 | decode --streaming --vad-model fsmn-vad --input-type pcm -"""


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@model_options
@companion_options
@merge_option
@search_options
@stream_options
@output_options
@data_options
@network_options
def decode(data: tuple[str, ...], **options: Any) -> int:
    """Recognise speech: `key text` lines on stdout, in the order of the input.

    DATA is wav.scp, a data directory, list.jsonl, feats.scp, recordings, or - for stdin. An input that cannot be used
    is named on stderr, and costs the others nothing.
    """
    if not data:
        raise click.UsageError("it takes DATA")
    if options["channel"] == "all" and options["vad_model"]:
        raise click.UsageError("--channel all: --vad-model hears one channel; take mix, each or a number")
    if options["resume"] and not options["output_dir"]:
        raise click.UsageError("--resume goes on with an --output-dir run; give the directory")
    if options["jsonl"] and options["style"] != "kaldi":
        raise click.UsageError("--jsonl and --format are two ways to print; keep one")
    if options["merge_segments"] and options["vad_model"]:
        raise click.UsageError("--merge-segments is for segments that are given; --vad-model finds and merges its own")
    if options["merge_segments"] and options["resume"]:
        raise click.UsageError("--merge-segments: what it merges cannot be taken up with --resume")
    if options["spk_model"] and not options["vad_model"]:
        raise click.UsageError("--spk-model tells apart who speaks in stretches of speech; give --vad-model too")
    check_options(data, options)
    style = "jsonl" if options["jsonl"] else options["style"]
    return _decode(check_inputs(_inputs(data, options), style), style, data, options)


def _inputs(data: tuple[str, ...], options: dict[str, Any]) -> Iterator[Utterance]:
    import itertools

    from asrtools.io.shard import take_shard
    from asrtools.io.source import read_inputs

    utterances = read_inputs(data, options["input_type"], options["fs"], options["channel"], tables=())
    first = next(utterances)  # what is wrong with DATA itself shows now
    utterances = itertools.chain([first], utterances)
    return take_shard(utterances, options["shard"])


def _decode(utterances: Iterator[Utterance], style: str, data: tuple[str, ...], options: dict[str, Any]) -> int:
    from asrtools.tasks.batching import BatchLimits
    from asrtools.tasks.call_options import split_overrides
    from asrtools.tasks.recognition import open_recognition

    started = time.time()
    call, idle, configured = split_overrides(options["overrides"])
    if options["streaming"]:
        idle += idle_in_streams(call)
    if idle:
        complain("decode", f"++{' ++'.join(idle)} left alone: it changes nothing that decode writes")
    directory, beside, overrides, theirs = _models(configured, options)
    recognition = open_recognition(
        directory,
        overrides,
        options["checkpoint"],
        options["device"],
        options["ncpu"],
        options["dtype"],
        options["remote_code"],
    )
    if options["streaming"]:
        results = _open_results(recognition, data, _more(beside), options) if options["output_dir"] else None
        run = _run(recognition, options, started)
        return decode_streams(utterances, data, recognition, beside, theirs, call, options, results, run)
    transcribe = recognition.transcriber(
        search_of(recognition, call, options, style not in ("kaldi", "txt") or bool(options["output_dir"])),
        BatchLimits(options["batch_size"], options["batch_seconds"], call.limits.alone_seconds),
        "mix" if options["channel"] == "each" else options["channel"],
        options["fs"],
        chunks=call.chunks,
        values=call.values,
    )
    if options["merge_segments"]:
        transcribe = _merging(transcribe)
    if beside:
        transcribe = _with_companions(transcribe, beside, theirs, recognition.device, call, options)
    results = None
    if options["output_dir"]:
        from asrtools.tasks.result_lines import record_results

        more = _more(beside)
        results = _open_results(recognition, data, more, options)
        done = record_results(utterances, transcribe, results, recognition.model.name, more)
    else:
        done = (transcript.utterance for transcript in transcribe(utterances))
    tally, output = Tally("decode"), Output(style)
    for utterance in progress(done, "decode"):
        output.add(utterance)
        tally.count(utterance)
        if utterance.error and utterance.status != "error":
            tally.note(utterance.key, utterance.error)
    output.close()
    if results is not None:
        results.finish(_run(recognition, options, started))
    return tally.close()


def _models(
    configured: dict[str, Any], options: dict[str, Any]
) -> "tuple[Path, dict[str, Path], dict[str, Any], dict[str, dict[str, Any]]]":
    """Directories of the recogniser and, by role, of its companions, and the overrides of each."""
    from asrtools.hub import model_directory

    name = options["model"] or (DEFAULT_STREAM_MODEL if options["streaming"] else DEFAULT_MODEL)
    hub = {key: options[key] for key in ("hub", "offline")}
    directory = model_directory(name, revision=options["revision"], **hub)
    unnamed = "none" if options["streaming"] else None  # streams have no companions but those that are named
    given = {f"{role}_model": options[f"{role}_model"] or unnamed for role in ("vad", "punc", "spk")}
    from asrtools import zoo

    if not any(given.values()) and (zoo.find(name) is None or not zoo.find(name).companions):
        return directory, {}, configured, {}
    if options["remote_code"]:
        from asrtools.outside import import_model_file

        import_model_file(options["remote_code"], directory)
    from asrtools.tasks.companion import assigned, directories_of, names_of

    beside = directories_of(names_of(name, given), {}, **hub)
    overrides, theirs = assigned(configured, directory, beside)
    return directory, beside, overrides, theirs


def _more(beside: "dict[str, Path]") -> list[str]:
    """The files that companions add to a result directory."""
    return [name for name, role in (("vad", "vad"), ("text_with_punc", "punc")) if role in beside]


def _merging(transcribe: Any) -> Any:
    from asrtools.tasks.long_recording import merge_given

    return lambda utterances: merge_given(transcribe(utterances))


def _with_companions(
    transcribe: Any,
    beside: "dict[str, Path]",
    theirs: dict[str, dict[str, Any]],
    device: str,
    call: "CallOptions",
    options: dict[str, Any],
) -> Any:
    from dataclasses import replace

    from asrtools.tasks.companion import line_of, open_companions
    from asrtools.tasks.long_face import with_call

    found = open_companions(beside, theirs, device, options["ncpu"], options["dtype"])
    if found.segmenter is not None:
        segmenter = with_call(found.segmenter, call)
        if call.get("merge_vad") and options["merge_seconds"] is None:
            options = {**options, "merge_seconds": float(call.get("merge_length_s", 15))}
        if options["max_segment_seconds"] is not None:
            longest = round(1000 * options["max_segment_seconds"])
            segmenter = replace(segmenter, options=replace(segmenter.options, max_single_segment_time=longest))
        if options["merge_seconds"] is not None:
            segmenter = replace(segmenter, merge_ms=1000 * options["merge_seconds"])
        found = replace(found, segmenter=segmenter)
    count = options["num_speakers"] or call.get("preset_spk_num")
    if count is not None:
        found = replace(found, clustering=replace(found.clustering, num_speakers=int(count)))
    return line_of(transcribe, found, "mix" if options["channel"] == "each" else options["channel"], options["fs"])


# what a result does not depend on
_APART = ("output_dir", "resume", "jsonl", "style", "device", "ncpu", "batch_size", "batch_seconds", "offline", "hub")
_APART += ("num_streams", "ref")


def _open_results(recognition: "Recognition", data: tuple[str, ...], more: list[str], options: dict[str, Any]) -> Any:
    from asrtools.io.result_dir import ResultDir

    head = {"data": list(data), "parameters": recognition.model.fingerprint()}
    head |= {name: value for name, value in options.items() if name not in _APART}
    results = ResultDir(options["output_dir"], head, options["nbest"], options["resume"], more)
    if results.num_left_behind:
        complain(
            "decode",
            f"{options['output_dir']}: what an earlier run had there ({results.num_left_behind} inputs) is begun anew; "
            "--resume would have gone on with it",
        )
    return results


def _run(recognition: "Recognition", options: dict[str, Any], started: float) -> dict[str, Any]:
    """What run.json tells of the run."""
    model = recognition.model
    return {
        "command": sys.argv,
        "version": __version__,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
        "wall_seconds": round(time.time() - started, 3),
        "device": recognition.device,
        "options": {name: value for name, value in options.items() if name != "overrides"},
        "model": {"directory": str(model.directory), "class": model.name, "sha256": model.parameter_hash()},
        "config": model.config.values,
    }


def main() -> None:
    launch(decode)
