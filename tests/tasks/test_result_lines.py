"""What a result directory gets of a transcript."""

from asrtools.record import Utterance
from asrtools.tasks.result_lines import lines_of
from asrtools.tasks.transcribe import TokenText, Transcript


def test_a_recording_without_text_has_its_line_in_every_file() -> None:
    silent = Transcript(Utterance("a", text="", status="no-speech"))
    (lines,) = lines_of(silent, "BiCifParaformer", ("vad", "text_with_punc"))
    assert lines == {
        "text": "",
        "token": "",
        "score": "0",
        "time_stamp": "[]",
        "timestamp": "[]",
        "vad": "[]",
        "text_with_punc": "",
    }


def test_every_hypothesis_has_its_lines() -> None:
    best = (TokenText(("你", "好"), ((0, 90), (90, 200)), score=-1.5), TokenText(("你",), ((0, 90),), score=-2.0))
    first, second = lines_of(Transcript(Utterance("a", text="你好", status="ok"), best), "BiCifParaformer")
    assert (first["text"], first["token"], first["score"]) == ("你 好", "你 好", "-1.5")
    assert first["time_stamp"] == "[[0, 90], [90, 200]]" and second["token"] == "你"
    (plain,) = lines_of(Transcript(Utterance("a", text="你好", status="ok"), best[:1]), "Paraformer")
    assert plain["text"] == "你好"


def test_segments_are_joined_and_their_spans_told() -> None:
    parts = tuple(
        Transcript(
            Utterance(f"a-{n}", start_ms=1000 * n, end_ms=1000 * n + 500, text="好", status="ok"),
            (TokenText(("好",), ((1000 * n, 1000 * n + 90),), score=-1.0),),
        )
        for n in range(2)
    )
    whole = Transcript(Utterance("a", text="好好。", status="ok"), segments=parts)
    (lines,) = lines_of(whole, "BiCifParaformer", ("vad", "text_with_punc"))
    assert (lines["text"], lines["score"]) == ("好 好", "-2.0")
    assert lines["time_stamp"] == "[[0, 90], [1000, 1090]]"
    assert lines["vad"] == "[[0, 500], [1000, 1500]]" and lines["text_with_punc"] == "好好。"
