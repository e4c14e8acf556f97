"""The transcripts of a recording's segments back to one: n -> 1. Their times count from its start already."""

from collections.abc import Sequence
from dataclasses import replace

from asrtools.record import Sentence, Token, Utterance
from asrtools.tasks.transcribe import Transcript
from asrtools.text.surface import reading_text

MOST_NAMED = 3  # segments that failed


def merge_transcripts(recording: Utterance, parts: Sequence[Transcript]) -> Transcript:
    """One record of the whole: text, tokens, a sentence for each segment that has text.

    A segment that failed is named in `error` and costs the others nothing; where all failed the record is an error.
    """
    heard = [part for part in parts if part.utterance.status not in ("error", "no-speech")]
    failed = [part.utterance for part in parts if part.utterance.status == "error"]
    if not heard:
        only = failed[0] if failed else parts[0].utterance
        return Transcript(replace(recording, text=None if failed else "", status=only.status, error=only.error))
    tokens = tuple(token for part in heard for token in part.utterance.tokens)
    text = _text([part.utterance for part in heard], tokens)
    record = replace(
        recording,
        text=text,
        tokens=tokens,
        sentences=tuple(_sentence(part.utterance) for part in heard if part.utterance.text),
        tags={**recording.tags, **next((part.utterance.tags for part in heard if part.utterance.tags), {})},
        status="ok" if text else "empty",
        error=_failures(failed) or None,
    )
    return Transcript(
        record,
        num_frames=sum(part.num_frames for part in heard),
        seconds=sum(part.seconds for part in heard),
        forward_s=sum(part.forward_s for part in heard),
        segments=tuple(parts),
    )


def _text(heard: Sequence[Utterance], tokens: Sequence[Token]) -> str:
    if all(one.tokens or not one.text for one in heard):
        return reading_text(tokens)
    return reading_text([Token(one.text) for one in heard if one.text])


def _sentence(part: Utterance) -> Sentence:
    return Sentence(part.text or "", part.start_ms, part.end_ms)


def _failures(failed: Sequence[Utterance]) -> str:
    named = [f"{one.start_ms}-{one.end_ms} ms: {one.error}" for one in failed[:MOST_NAMED]]
    more = f", and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    return f"no text for {'; '.join(named)}{more}" if named else ""
