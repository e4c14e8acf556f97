"""Lines of subtitles from words with their times."""

from asrtools.io.subtitles import Cue, to_srt, to_vtt
from asrtools.record import Sentence, Token, Utterance
from asrtools.tasks.subtitle import LONGEST_MS, WIDEST, cues_of


def words(text: str, step_ms: int = 200, start_ms: int = 0) -> tuple[Token, ...]:
    return tuple(
        Token(word, start_ms + step_ms * n, start_ms + step_ms * (n + 1)) for n, word in enumerate(text.split())
    )


def test_a_line_ends_at_a_full_stop_and_at_a_pause() -> None:
    first, second, third = words("good morning"), words("how are you", start_ms=400), words("fine", start_ms=3000)
    first = (first[0], Token("morning", 200, 400, mark="."))
    cues = list(cues_of(Utterance("a", tokens=(*first, *second, *third))))
    assert [cue.text for cue in cues] == ["good morning.", "how are you", "fine"]
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 400), (400, 1000), (3000, 3200)]


def test_lines_can_be_read() -> None:
    cues = list(cues_of(Utterance("a", tokens=words("word " * 200, 300))))
    assert all(len(cue.text) <= WIDEST and cue.end_ms - cue.start_ms <= LONGEST_MS for cue in cues)
    assert " ".join(cue.text for cue in cues) == ("word " * 200).strip()
    chinese = tuple(Token("字", 100 * n, 100 * n + 100) for n in range(100))
    assert max(len(cue.text) for cue in cues_of(Utterance("a", tokens=chinese))) == WIDEST // 2


def test_a_line_belongs_to_one_speaker() -> None:
    sentences = (Sentence("one two", 0, 400, "spk0"), Sentence("three", 400, 600, "spk1"))
    cues = list(cues_of(Utterance("a", tokens=words("one two three"), sentences=sentences)))
    assert [cue.text for cue in cues] == ["[spk0] one two", "[spk1] three"]


def test_without_times_of_words_sentences_are_lines_and_else_the_whole() -> None:
    sentences = (Sentence("one", 0, 400), Sentence("two", 500, 900))
    assert list(cues_of(Utterance("a", text="one two", sentences=sentences))) == [
        Cue(0, 400, "one"),
        Cue(500, 900, "two"),
    ]
    assert list(cues_of(Utterance("a", text="one", end_ms=70))) == [Cue(0, 70, "one")]
    assert list(cues_of(Utterance("a", text=""))) == []


def test_the_two_formats() -> None:
    cues = [Cue(0, 3_725_042, "a <b> &\nc")]
    assert "".join(to_srt(cues)) == "1\n00:00:00,000 --> 01:02:05,042\na <b> & c\n\n"
    assert "".join(to_vtt(cues)) == "WEBVTT\n\n00:00:00.000 --> 01:02:05.042\na &lt;b&gt; &amp; c\n\n"
