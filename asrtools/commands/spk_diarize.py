"""spk-diarize: find who speaks when: RTTM on stdout."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from asrtools.commands.command import Tally, command, complain, launch, progress, refuse_overwriting
from asrtools.commands.options import (
    batch_options,
    data_argument,
    data_options,
    device_options,
    hub_options,
    jsonl_option,
    model_option,
    resume_option,
    shard_option,
)
from asrtools.commands.resumable import check_resume, finish, open_results
from asrtools.commands.speaker_options import cluster_options, known_options, speech_options
from asrtools.errors import ConfigError
from asrtools.record import Utterance

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from asrtools.io.feature_writer import FeatureWriter
    from asrtools.io.journal_dir import Done, JournalDir
    from asrtools.tasks.clustering import ClusterOptions
    from asrtools.tasks.diarize import Diarization
    from asrtools.tasks.embed import SampleReader, SpeakerModel
    from asrtools.tasks.segment import Segmenter

DEFAULT_MODEL = "cam++"
EXAMPLE = """\
spk-diarize wav.scp > who.rttm
spk-diarize --num-speakers 2 --enroll known.scp data/meetings > who.rttm
decode --vad-model fsmn-vad --jsonl wav.scp | punc | spk-diarize --jsonl - > who.jsonl
spk-diarize --trials trials --embeddings xvector.ark wav.scp > scores"""


@command(example=EXAMPLE, takes_overrides=True)
@data_argument
@click.option("--checkpoint", metavar="FILE", help="Take the parameters from this file in place of the model's.")
@speech_options
@cluster_options
@known_options
@data_options
@shard_option
@model_option
@device_options
@batch_options
@hub_options
@jsonl_option
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write DIR/rttm and DIR/records.jsonl (what --jsonl prints) as well.",
)
@resume_option
def spk_diarize(data: tuple[str, ...], **options: Any) -> int:
    """Find who speaks when: RTTM on stdout.

    DATA is wav.scp, a data directory, list.jsonl, recordings, or - for stdin. Records with a span (a data directory
    with segments; start_ms and end_ms in jsonl) are the stretches of speech themselves, in any order, and may overlap;
    in whole recordings speech is looked for with --vad-model. With --jsonl a segment comes out with its `speaker`, a
    record with sentences or tokens with that of each, and any other recording as a record for each turn.
    """
    if not data:
        raise click.UsageError("it takes DATA")
    if options["channel"] == "all":
        raise click.UsageError("--channel all: voices are of one channel; take mix, each or a number")
    if options["trials"] and options["jsonl"]:
        raise click.UsageError("--trials prints scores, not records; leave out --jsonl")
    if options["segments"] and options["trials"]:
        raise click.UsageError("--trials compares whole inputs; leave out --segments")
    check_resume(options)
    if options["resume"] and (options["trials"] or options["embeddings"]):
        raise click.UsageError("--resume goes on with turns; --trials and --embeddings are made in one run")
    head = dict(options)
    utterances, options["clustering"] = _inputs(data, options), _clustering(options)
    from asrtools.tasks.embed import SampleReader, open_speaker_model

    model = open_speaker_model(
        _directory(options["model"] or DEFAULT_MODEL, options),
        options["overrides"],
        options["checkpoint"],
        options["device"],
        options["ncpu"],
    )
    reader = SampleReader("mix" if options["channel"] == "each" else options["channel"], options["fs"])
    known = _known_speakers(model, options)
    assert model.model is not None
    results = None if options["trials"] else open_results("spk-diarize", data, [*FILES.values()], model.model, head)
    if not options["embeddings"]:
        return _run(utterances, model, reader, known, None, results, options)
    with _vector_writer(data, options["embeddings"]) as writer:
        return _run(utterances, model, reader, known, writer, results, options)


def _run(
    utterances: Iterator[Utterance],
    model: "SpeakerModel",
    reader: "SampleReader",
    known: "dict[str, np.ndarray]",
    writer: "FeatureWriter | None",
    results: "JournalDir | None",
    options: dict[str, Any],
) -> int:
    if options["trials"]:
        return _verify(utterances, model, reader, known, writer, options)
    return _diarize(utterances, model, reader, known, writer, results, options)


def _inputs(data: tuple[str, ...], options: dict[str, Any]) -> Iterator[Utterance]:
    import itertools

    from asrtools.io.shard import take_recordings
    from asrtools.io.source import read_inputs
    from asrtools.tasks.given_segments import cut_by_segments

    utterances = read_inputs(data, options["input_type"], options["fs"], options["channel"], tables=())
    if options["segments"]:
        utterances = cut_by_segments(utterances, options["segments"])
    first = next(utterances)  # what is wrong with DATA itself shows now
    return take_recordings(itertools.chain([first], utterances), options["shard"])


def _clustering(options: dict[str, Any]) -> "ClusterOptions":
    from asrtools.tasks.clustering import ClusterOptions

    names = ("num_speakers", "min_speakers", "max_speakers", "merge_threshold")
    try:
        return ClusterOptions(**{name: options[name] for name in names})
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


def _directory(name: str, options: dict[str, Any]) -> "Path":
    from asrtools.hub import model_directory

    return model_directory(name, **{key: options[key] for key in ("hub", "revision", "offline")})


def _known_speakers(model: "SpeakerModel", options: dict[str, Any]) -> "dict[str, np.ndarray]":
    if not options["enroll"]:
        return {}
    from asrtools.io.source import read_inputs
    from asrtools.tasks.embed import embed_utterances
    from asrtools.tasks.verify import enrolled_speakers

    records = read_inputs([options["enroll"]], fs=options["fs"], tables=("utt2spk",))
    return enrolled_speakers(embed_utterances(model, records))


def _vector_writer(data: tuple[str, ...], out: str) -> "FeatureWriter":
    from asrtools.io.feature_writer import FeatureWriter

    is_wspecifier = out.partition(":")[0].split(",")[0] in ("ark", "scp")
    writer = FeatureWriter(out if is_wspecifier else f"ark:{out}", num_axes=1)
    if "-" in writer.paths or writer.folder is None:
        raise click.UsageError("--embeddings: stdout holds the turns or scores; name a file")
    refuse_overwriting(data, writer.paths)
    return writer


def _verify(
    utterances: Iterator[Utterance],
    model: "SpeakerModel",
    reader: "SampleReader",
    known: "dict[str, np.ndarray]",
    writer: "FeatureWriter | None",
    options: dict[str, Any],
) -> int:
    import numpy as np

    from asrtools.metrics.equal_error_rate import equal_error_rate
    from asrtools.tasks.embed import embed_utterances
    from asrtools.tasks.verify import read_trials, score_trials

    trials = list(read_trials(options["trials"]))  # what is wrong with the file shows before the work
    tally, tested = Tally("spk-diarize"), {}
    for utterance, vector in progress(embed_utterances(model, utterances, reader), "spk-diarize"):
        tally.count(utterance)
        if vector is not None:
            tested[utterance.key] = vector
            if writer is not None:
                writer.write(utterance.key, vector)
    scores, labels, num_failed = [], [], 0
    for trial, score in score_trials(trials, tested, known):
        if isinstance(score, str):
            num_failed += 1
            complain("spk-diarize", score)
            continue
        sys.stdout.write(f"{trial.first} {trial.second} {score:.6f}\n")
        if trial.is_target is not None:
            scores.append(score)
            labels.append(trial.is_target)
    if 0 < sum(labels) < len(labels):
        rate, threshold = equal_error_rate(np.array(scores), np.array(labels))
        about = f"{len(labels)} trials, {sum(labels)} of them targets"
        complain("spk-diarize", f"EER {100 * rate:.2f} % at {threshold:.4f} ({about})")
    failed = f", {num_failed} without a score" if num_failed else ""
    complain("spk-diarize", f"{len(trials) - num_failed} of {len(trials)} trials scored{failed}")
    return tally.close() or int(num_failed > 0)


def _diarize(
    utterances: Iterator[Utterance],
    model: "SpeakerModel",
    reader: "SampleReader",
    known: "dict[str, np.ndarray]",
    writer: "FeatureWriter | None",
    results: "JournalDir | None",
    options: dict[str, Any],
) -> int:
    from asrtools.tasks.diarize import Diarizer, one_of_each_name, recordings_of
    from asrtools.tasks.embed import embed_utterances
    from asrtools.tasks.verify import names_of

    together = max(1, min(options["batch_size"], int(options["batch_seconds"] / 1.5)))
    diarizer = Diarizer(model, options["clustering"], reader, together)
    started, tally = time.time(), Tally("spk-diarize")

    def recorded() -> Iterator[Utterance]:
        for utterance in utterances:
            if writer is not None:
                for done, vector in embed_utterances(model, [utterance], reader):
                    if vector is not None:
                        writer.write(done.key, vector)
            yield utterance

    def work() -> "Iterator[Done]":
        if results is not None:
            yield from results.earlier()
        is_done = _skipping(results)
        for diarization in diarizer(recordings_of(recorded(), _segment_finder(reader, options), is_done)):
            names = names_of(diarization.centres, known, options["enroll_threshold"])
            done = _done(one_of_each_name(diarization, names), names, options["channel"])
            if results is not None:
                results.add(done)
            yield done

    for done in progress(work(), "spk-diarize"):
        sys.stdout.write(done.texts[FILES["jsonl" if options["jsonl"] else "rttm"]])
        sys.stdout.flush()
        for record in done.counted:
            tally.count(record)
    if results is not None and model.model is not None:
        finish(results, model.model, {name: value for name, value in options.items() if name != "clustering"}, started)
    return tally.close()


FILES = {"rttm": "rttm", "jsonl": "records.jsonl"}


def _done(diarization: "Diarization", names: list[str], channel: str) -> "Done":
    from asrtools.io.journal_dir import Done

    return Done(
        diarization.recording.key,
        {
            FILES["rttm"]: "".join(_turn_lines(diarization, names, channel)),
            FILES["jsonl"]: "".join(_record_lines(diarization, names)),
        },
        [
            one if one.status == "error" else Utterance(one.key, status=one.status, error=one.error)
            for one in _counted(diarization)
        ],
    )


def _skipping(results: "JournalDir | None") -> Callable[[str], bool]:
    """Whether a recording, asked about in order, is one that an interrupted run has done."""
    if results is None:
        return lambda key: False
    earlier, number = results.earlier_keys(), 0

    def is_done(key: str) -> bool:
        nonlocal number
        done = next(earlier, None)
        if done is None:
            return False
        number += 1
        results.check(number, done, key)
        return True

    return is_done


def _counted(diarization: "Diarization") -> list[Utterance]:
    """The inputs: segments where they were given, else the recording."""
    from dataclasses import replace

    recording = diarization.recording
    if recording.whole is None:
        return list(recording.segments)
    failed = next((one for one in recording.segments if one.status == "error"), None)
    if failed is not None:
        return [replace(recording.whole, status="error", error=failed.error)]
    return [replace(recording.whole, status="ok" if diarization.turns else "no-speech")]


def _turn_lines(diarization: "Diarization", names: list[str], channel: str) -> list[str]:
    from asrtools.io.rttm import Turn, to_line

    recording = diarization.recording
    key, number = recording.key, "1"
    if recording.channel is not None:
        number = str(recording.channel + 1)
        if channel == "each":  # which has put the channel behind the key
            key = key.removesuffix(f"-{recording.channel}")
    return [
        to_line(Turn(key, turn.start_ms, turn.end_ms, names[turn.speaker], number)) + "\n" for turn in diarization.turns
    ]


def _record_lines(diarization: "Diarization", names: list[str]) -> list[str]:
    from asrtools.io.jsonl import to_line
    from asrtools.tasks.diarize import turn_records, with_speakers

    recording = diarization.recording
    if recording.whole is None:
        records = [
            one if one.status == "error" else with_speakers(one, diarization, names) for one in recording.segments
        ]
    elif recording.whole.sentences or recording.whole.tokens:
        (counted,) = _counted(diarization)
        records = [with_speakers(counted, diarization, names)]
    elif diarization.turns:
        records = turn_records(diarization, names)
    else:
        records = _counted(diarization)
    return [to_line(record) + "\n" for record in records]


def _segment_finder(reader: "SampleReader", options: dict[str, Any]) -> "Callable[[Utterance], Sequence[Utterance]]":
    """What finds the speech in a whole recording; its model is loaded with the first of them."""
    if options["vad_model"] == "none":
        return lambda utterance: [utterance]
    segmenters: list[Segmenter] = []

    def find(utterance: Utterance) -> "Sequence[Utterance]":
        if not segmenters:
            from asrtools.tasks.segment import open_segmenter

            directory = _directory(options["vad_model"], options)
            how = {"channel": reader.channel, "fs": reader.fs}
            segmenters.append(open_segmenter(directory, device=options["device"], num_threads=options["ncpu"], **how))
        return segmenters[0].cut(utterance)

    return find


def main() -> None:
    launch(spk_diarize)
