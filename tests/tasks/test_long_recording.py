"""Segments recognised across recordings and put together again, with a recogniser that only pretends."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from asrtools.record import Token, Utterance
from asrtools.tasks.long_recording import LongRecordings, merge_given, speech_of
from asrtools.tasks.merge import merge_transcripts
from asrtools.tasks.transcribe import TokenText, Transcript


def part(key: str, start_ms: int, text: str = "你好", **fields) -> Transcript:
    end_ms = start_ms + 1000
    tokens = tuple(Token(one, start_ms + 100 * n, start_ms + 100 * n + 100) for n, one in enumerate(text))
    record = Utterance(key, "a.wav", start_ms=start_ms, end_ms=end_ms, recording="a", text=text, tokens=tokens)
    record = replace(record, status="ok" if text else "empty", **fields)
    spans = tuple((token.start_ms, token.end_ms) for token in tokens)
    return Transcript(record, (TokenText(tuple(text), spans),), 100, 1.0, 0.25)


def test_text_tokens_and_sentences_are_put_together() -> None:
    merged = merge_transcripts(Utterance("a", "a.wav"), [part("a-0", 0), part("a-1", 5000, "再见")])
    record = merged.utterance
    assert (record.key, record.text, record.status, record.end_ms) == ("a", "你好再见", "ok", None)
    assert [token.start_ms for token in record.tokens] == [0, 100, 5000, 5100]
    assert [(one.text, one.start_ms, one.end_ms) for one in record.sentences] == [
        ("你好", 0, 1000),
        ("再见", 5000, 6000),
    ]
    assert (merged.num_frames, merged.seconds, merged.forward_s) == (200, 2.0, 0.5)


def test_latin_words_of_two_segments_stand_apart() -> None:
    first, second = part("a-0", 0, ""), part("a-1", 2000, "")
    texts = []
    for one, word in ((first, "hello"), (second, "world")):
        record = replace(one.utterance, text=word, tokens=(Token(word, 0, 1),), status="ok")
        texts.append(replace(one, utterance=record))
    assert merge_transcripts(Utterance("a"), texts).utterance.text == "hello world"


def test_a_segment_without_text_leaves_the_others_as_they_are() -> None:
    record = merge_transcripts(Utterance("a"), [part("a-0", 0), part("a-1", 2000, ""), part("a-2", 4000)]).utterance
    assert record.text == "你好你好" and record.status == "ok" and len(record.sentences) == 2


def test_a_segment_that_failed_is_named_and_costs_the_others_nothing() -> None:
    failed = part("a-1", 2000, "", error="it is damaged")
    failed = replace(failed, utterance=replace(failed.utterance, status="error"))
    record = merge_transcripts(Utterance("a"), [part("a-0", 0), failed]).utterance
    assert (record.text, record.status) == ("你好", "ok")
    assert record.error == "no text for 2000-3000 ms: it is damaged"
    alone = merge_transcripts(Utterance("a"), [failed]).utterance
    assert (alone.status, alone.error) == ("error", "it is damaged")


def test_silence_is_a_status_of_the_recording() -> None:
    silent = Transcript(Utterance("a", "a.wav", status="no-speech"))
    record = merge_transcripts(Utterance("a", "a.wav"), [silent]).utterance
    assert (record.text, record.status, record.sentences) == ("", "no-speech", ())


def cut(utterance: Utterance) -> list[Utterance]:
    """As many segments as the key says."""
    count = int(utterance.key[1:])
    if not count:
        return [replace(utterance, status="no-speech")]
    return [
        replace(
            utterance, key=f"{utterance.key}-{n}", recording=utterance.key, start_ms=1000 * n, end_ms=1000 * n + 500
        )
        for n in range(count)
    ]


def transcribe(utterances: Iterable[Utterance]) -> Iterator[Transcript]:
    held = []  # as a recogniser that looks ahead does
    for utterance in utterances:
        held.append(utterance)
        if len(held) == 3:
            yield from map(recognised, held)
            held = []
    yield from map(recognised, held)


def recognised(utterance: Utterance) -> Transcript:
    if utterance.status:
        return Transcript(utterance)
    return Transcript(replace(utterance, text="好", tokens=(Token("好", utterance.start_ms),), status="ok"))


def test_every_recording_comes_out_once_in_order() -> None:
    counts = [2, 0, 0, 5, 1, 0, 7, 0]
    recordings = [Utterance(f"{chr(97 + n)}{count}") for n, count in enumerate(counts)]
    done = [one.utterance for one in LongRecordings(cut, transcribe)(recordings)]
    assert [one.key for one in done] == [one.key for one in recordings]
    assert [one.text for one in done] == ["好" * count for count in counts]
    assert [one.status for one in done] == ["ok" if count else "no-speech" for count in counts]


def test_given_segments_are_merged_by_recording() -> None:
    other = replace(part("b-0", 0), utterance=replace(part("b-0", 0).utterance, recording="b"))
    whole = Transcript(Utterance("c", "c.wav", text="一", status="ok"))
    done = list(merge_given([part("a-0", 0), part("a-1", 2000), other, whole]))
    assert [one.utterance.key for one in done] == ["a", "b", "c"]
    assert done[0].utterance.text == "你好你好" and done[0].utterance.source == "a.wav"


def test_speech_is_what_is_neither_silent_nor_broken() -> None:
    silent = Transcript(Utterance("a", "a.wav", status="no-speech"))
    assert speech_of(merge_transcripts(Utterance("a"), [silent])) == ()
    (only,) = speech_of(merge_transcripts(Utterance("a"), [part("a-0", 0)]))
    assert (only.start_ms, only.end_ms, only.status) == (0, 1000, "")
