"""What is known of scored utterances besides their texts: speaker, duration, recording."""

import os
from dataclasses import dataclass, replace
from urllib.parse import quote

from asrtools.errors import DataError
from asrtools.io.audio import probe
from asrtools.io.data_dir import read_data_dir
from asrtools.io.pipe import is_pipe
from asrtools.io.scp import read_scp
from asrtools.io.seconds import to_ms
from asrtools.io.url import is_url
from asrtools.record import Utterance
from asrtools.tasks.score_text import ScoredSet


@dataclass(frozen=True)
class Facts:
    speaker: str | None = None
    duration_ms: int | None = None
    source: str | None = None
    start_ms: int = 0
    end_ms: int | None = None


def facts_of(result: ScoredSet, ref: str, data: str | None) -> dict[str, Facts]:
    """By key. `data` is the Kaldi data directory; without it, that which the references stand in.

    Records say it themselves; what they leave open, the directory adds: utt2spk, utt2dur, segments, and the headers of
    recordings.
    """
    facts: dict[str, Facts] = {}
    for table in (result.hyps, result.refs):
        for key, record in table.records.items():
            facts[key] = _merged(_of_record(record), facts.get(key))
    folder = data or (ref if os.path.isdir(ref) else os.path.dirname(ref) or ("" if ref == "-" else "."))
    if data and not os.path.isdir(data):
        raise DataError(f"{data}: is no directory; --data is a Kaldi data directory, with utt2spk, utt2dur or wav.scp")
    wanted = {one.key for one in result.scored}
    for key, found in (_of_directory(folder, wanted) if folder else {}).items():
        facts[key] = _merged(facts.get(key), found)
    return {key: _with_duration(known) for key, known in facts.items() if key in wanted}


def audio_link(facts: Facts, page: str) -> str | None:
    """The recording as the page `page` links to it, from its own folder; None where there is no file to link to."""
    if not facts.source or is_pipe(facts.source):
        return None
    if is_url(facts.source):
        link = facts.source
    elif os.path.isfile(facts.source):
        folder = os.path.dirname(os.path.abspath(page))  # of "-" the working directory
        link = quote(os.path.relpath(os.path.abspath(facts.source), folder).replace(os.sep, "/"))
    else:
        return None
    if facts.start_ms or facts.end_ms is not None:
        end = "" if facts.end_ms is None else f",{facts.end_ms / 1000:g}"
        link += f"#t={facts.start_ms / 1000:g}{end}"
    return link


def _of_record(record: Utterance) -> Facts:
    duration_ms = None
    if record.end_ms is not None:
        duration_ms = record.end_ms - record.start_ms
    elif record.source_len is not None:
        duration_ms = record.source_len * 10
    return Facts(record.speaker, duration_ms, record.source or None, record.start_ms, record.end_ms)


def _of_directory(folder: str, wanted: set[str]) -> dict[str, Facts]:
    facts: dict[str, Facts] = {}
    if os.path.isfile(os.path.join(folder, "wav.scp")):
        for record in read_data_dir(folder, is_features=False, tables=()):
            if record.status != "error" and record.key in wanted:
                facts[record.key] = _of_record(record)
    for key, speaker in _table(folder, "utt2spk").items():
        facts[key] = replace(facts.get(key, Facts()), speaker=speaker)
    for key, seconds in _table(folder, "utt2dur").items():
        try:
            facts[key] = replace(facts.get(key, Facts()), duration_ms=to_ms(seconds))
        except ValueError as error:
            raise DataError(f"{folder}/utt2dur: {key} has the duration {seconds!r}; should be seconds") from error
    return facts


def _table(folder: str, name: str) -> dict[str, str]:
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        return {}
    return {entry.key: entry.value for entry in read_scp(path) if not entry.error}


def _merged(known: Facts | None, more: Facts | None) -> Facts:
    """What is known, and of `more` what is not."""
    if known is None or more is None:
        return known or more or Facts()
    if known.source is None:
        known = replace(known, source=more.source, start_ms=more.start_ms, end_ms=more.end_ms)
    return replace(
        known,
        speaker=known.speaker or more.speaker,
        duration_ms=more.duration_ms if known.duration_ms is None else known.duration_ms,
    )


def _with_duration(facts: Facts) -> Facts:
    """The duration from the header of a local recording where nothing else says it."""
    if facts.duration_ms is not None or not facts.source or not os.path.isfile(facts.source):
        return facts
    try:
        info = probe(facts.source)
    except DataError:  # a report does not need it, and who decodes the recording is told
        return facts
    return replace(facts, duration_ms=info.num_samples * 1000 // info.rate)
