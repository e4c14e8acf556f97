"""Text with speakers to cpWER: STM, jsonl records, or a data directory with utt2spk."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from asrtools.errors import DataError
from asrtools.io.jsonl import read_jsonl
from asrtools.io.scp import read_scp
from asrtools.io.segments import read_segments
from asrtools.io.sniff import HEAD_SIZE, kind_of
from asrtools.io.stm import Saying, read_stm
from asrtools.io.text_file import display_name, look_into
from asrtools.metrics.cpwer import SpeakerMatch, cpwer
from asrtools.metrics.error_rate import Counts, percent
from asrtools.record import Utterance
from asrtools.tasks.score_text import Way

Transcript = dict[str, dict[str, list[str]]]  # recording, speaker, units


@dataclass(frozen=True)
class SpeakerScore:
    by_recording: dict[str, list[SpeakerMatch]]
    counts: Counts
    missing: tuple[str, ...]  # recordings without hypothesis
    without_ref: tuple[str, ...]


def score_speakers(ref: str, hyp: str, way: Way) -> SpeakerScore:
    """Every recording of the reference; one without hypothesis is deletions."""
    refs, hyps = _transcript(ref, True, way), _transcript(hyp, False, way)
    if not refs:
        raise DataError(f"{display_name(ref)}: is empty; should have text with speakers")
    by_recording = {name: cpwer(speakers, hyps.get(name, {}), way.rule) for name, speakers in sorted(refs.items())}
    matches = [match for found in by_recording.values() for match in found]
    return SpeakerScore(
        by_recording,
        Counts(*(sum(numbers) for numbers in zip(*(match.counts for match in matches), strict=True))),
        missing=tuple(name for name in by_recording if name not in hyps),
        without_ref=tuple(sorted(set(hyps) - set(refs))),
    )


def summary_line(score: SpeakerScore) -> str:
    counts = score.counts
    return (
        f"%cpWER {percent(counts.errors, counts.units):.2f} [ {counts.errors} / {counts.units}, {counts.inserted} ins, "
        f"{counts.deleted} del, {counts.substituted} sub ]\n"
    )


def recording_lines(score: SpeakerScore) -> str:
    """For each recording its rate, and who was taken for whom."""
    text = ""
    for name, matches in score.by_recording.items():
        errors, units = (sum(getattr(match.counts, what) for match in matches) for what in ("errors", "units"))
        text += f"{name} {percent(errors, units):.2f} [ {errors} / {units} ]\n"
        for match in matches:
            one = match.counts
            text += (
                f"  {match.ref or '(nobody)'} as {match.hyp or '(nobody)'}: {one.errors} / {one.units}, "
                f"{one.inserted} ins, {one.deleted} del, {one.substituted} sub\n"
            )
    return text


def _transcript(path: str, is_reference: bool, way: Way) -> Transcript:
    """The units of each speaker in the order of time."""
    cut = way.cutter()
    said = sorted(_sayings(path, is_reference), key=lambda one: (one.recording, one.start_ms))
    transcript: Transcript = {}
    for one in said:
        transcript.setdefault(one.recording, {}).setdefault(one.speaker, []).extend(cut(one.text))
    return transcript


def _sayings(path: str, is_reference: bool) -> Iterator[Saying]:
    if os.path.isdir(path):
        return _of_directory(path)
    if kind_of(look_into(path, HEAD_SIZE)) == "json":
        return (one for record in read_jsonl(path) for one in _of_record(record, is_reference))
    return read_stm(path)


def _of_record(record: Utterance, is_reference: bool) -> list[Saying]:
    if record.error and not record.source and record.text is None and record.target is None:
        raise DataError(record.error)
    recording = record.recording or record.key
    has_speakers = any(sentence.speaker for sentence in record.sentences)
    if has_speakers and not (is_reference and record.target is not None):
        return [
            Saying(recording, sentence.speaker or "?", sentence.start_ms or 0, sentence.text)
            for sentence in record.sentences
        ]
    text = record.target if is_reference and record.target is not None else record.text
    if text is None:
        return []
    if not record.speaker:
        raise DataError(f"{record.key}: has no speaker; should have `speaker`, or `sentences` with one each")
    return [Saying(recording, record.speaker, record.start_ms, text)]


def _of_directory(folder: str) -> Iterator[Saying]:
    """text with utt2spk, and segments, which say what recording an utterance is of; without them each is one itself."""
    speakers = _checked(os.path.join(folder, "utt2spk"))
    places = {}
    if os.path.isfile(os.path.join(folder, "segments")):
        for segment in read_segments(os.path.join(folder, "segments")):
            if segment.error:
                raise DataError(segment.error)
            places[segment.key] = (segment.recording, segment.start_ms)
    for key, text in _checked(os.path.join(folder, "text"), allow_empty=True).items():
        if key not in speakers:
            raise DataError(
                f"{folder}/text: utterance {key} has no line in utt2spk (run utils/fix_data_dir.sh {folder})"
            )
        recording, start_ms = places.get(key, (key, 0))
        yield Saying(recording, speakers[key], start_ms, text)


def _checked(path: str, allow_empty: bool = False) -> dict[str, str]:
    table = {}
    for entry in read_scp(path, allow_empty=allow_empty):
        if entry.error:
            raise DataError(entry.error)
        table[entry.key] = entry.value
    return table
