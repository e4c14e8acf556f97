"""score --der, --cpwer and --timestamps."""

import json
from pathlib import Path

import pytest

REF_RTTM = """\
SPEAKER a 1 0.000 4.000 <NA> <NA> s1 <NA> <NA>
SPEAKER a 1 4.000 4.000 <NA> <NA> s2 <NA> <NA>
SPEAKER b 1 0.000 2.000 <NA> <NA> s1 <NA> <NA>
"""
HYP_RTTM = """\
SPEAKER a 1 0.000 3.000 <NA> <NA> x <NA> <NA>
SPEAKER a 1 4.000 1.000 <NA> <NA> x <NA> <NA>
SPEAKER a 1 5.000 4.000 <NA> <NA> y <NA> <NA>
SPEAKER c 1 5.000 4.000 <NA> <NA> y <NA> <NA>
"""


@pytest.fixture
def rttms(tmp_path: Path) -> Path:
    (tmp_path / "ref.rttm").write_text(REF_RTTM)
    (tmp_path / "hyp.rttm").write_text(HYP_RTTM)
    return tmp_path


def test_diarization_errors_by_kind(run, rttms: Path) -> None:
    done = run("score", "--der", "ref.rttm", "hyp.rttm", "out.der")
    assert done.returncode == 0
    assert done.stdout == (
        "%DER 50.00 [ 5.00 / 10.00 s, 3.00 miss, 1.00 false alarm, 1.00 confusion ], collar 0 s\n"
        "%JER 60.00 [ mean of 3 speakers ]\n"
    )
    assert done.stderr.splitlines() == [
        "score: hyp.rttm: nothing for b",
        "score: hyp.rttm: no reference for c, not counted",
        "score: scored 2 recordings, 1 without hypothesis",
    ]
    table = (rttms / "out.der").read_text().splitlines()
    assert table[0].split() == ["recording", "DER", "miss", "false", "alarm", "confusion", "speech", "JER"]
    assert table[2].split() == ["b", "100.00", "2.00", "0.00", "0.00", "2.00", "100.00"]


def test_collar_and_uem_leave_out(run, rttms: Path) -> None:
    (rttms / "all.uem").write_text(";; parts\na 1 0 3.5\n")
    done = run("score", "--der", "--uem", "all.uem", "ref.rttm", "hyp.rttm")
    assert done.stdout.startswith("%DER 14.29 [ 0.50 / 3.50 s, 0.50 miss, 0.00 false alarm, 0.00 confusion ]")
    assert "score: all.uem: leaves out b\n" in done.stderr
    done = run("score", "--der", "--collar", "0.25", "--uem", "all.uem", "ref.rttm", "hyp.rttm")
    assert done.stdout.startswith("%DER 15.38 [ 0.50 / 3.25 s, ") and "collar 0.25 s\n" in done.stdout


def test_a_recording_of_the_uem_without_reference_is_false_alarm(run, rttms: Path) -> None:
    (rttms / "all.uem").write_text("a 1 0 9\nb 1 0 2\nc 1 0 10\n")
    done = run("score", "--der", "--uem", "all.uem", "ref.rttm", "hyp.rttm")
    assert done.stdout.startswith("%DER 90.00 [ 9.00 / 10.00 s, 3.00 miss, 5.00 false alarm, 1.00 confusion ]")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("SPEAKER a 1 zero 1\n", "bad:1: has 5 columns"),
        ("SPEAKER a 1 x 1 <NA> <NA> s <NA>\n", "bad:1: has the time x; should be seconds"),
        (";; nothing\n", "bad: has no SPEAKER line"),
    ],
)
def test_a_bad_rttm_is_one_sentence(run, rttms: Path, lines: str, words: str) -> None:
    (rttms / "bad").write_text(lines)
    done = run("score", "--der", "bad", "hyp.rttm")
    assert done.returncode == 1 and words in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [("a 1 5\n", "3 columns"), ("a 1 5 2\n", "goes from 5 s to 2 s"), ("x 1 0 5\n", "names no recording")],
)
def test_a_bad_uem_is_one_sentence(run, rttms: Path, line: str, words: str) -> None:
    (rttms / "uem").write_text(line)
    done = run("score", "--der", "--uem", "uem", "ref.rttm", "hyp.rttm")
    assert done.returncode == 1 and words in done.stderr and len(done.stderr.splitlines()) == 1


STM = ";; who said what\nm 1 ann 0 1 <o,f0> hello there\nm 1 bob 1 2 今天好\nm 1 ann 2 3 good day\n"


def test_speakers_may_have_other_names(run, tmp_path: Path) -> None:
    (tmp_path / "ref.stm").write_text(STM, encoding="utf-8")
    (tmp_path / "hyp.stm").write_text(
        STM.replace("ann", "1").replace("bob", "2").replace("good", "bad"), encoding="utf-8"
    )
    done = run("score", "--cpwer", "ref.stm", "hyp.stm", "-")
    assert done.stdout == (
        "m 14.29 [ 1 / 7 ]\n  ann as 1: 1 / 4, 0 ins, 0 del, 1 sub\n  bob as 2: 0 / 3, 0 ins, 0 del, 0 sub\n"
        "\n%cpWER 14.29 [ 1 / 7, 0 ins, 0 del, 1 sub ]\n"
    )


def test_speakers_of_records_and_of_a_data_directory(run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "text").write_text("a1 hello there\na2 good day\nb1 今天好\n", encoding="utf-8")
    (data / "utt2spk").write_text("a1 ann\na2 ann\nb1 bob\n")
    (data / "segments").write_text("a1 m 0 1\na2 m 2 3\nb1 m 1 2\n")
    sentences = [
        {"text": "hello there", "start_ms": 0, "end_ms": 1000, "speaker": "x"},
        {"text": "今天好", "start_ms": 1000, "end_ms": 2000, "speaker": "y"},
        {"text": "good day", "start_ms": 2000, "end_ms": 3000, "speaker": "y"},
    ]
    (tmp_path / "hyp.jsonl").write_text(json.dumps({"key": "m", "text": "...", "sentences": sentences}) + "\n")
    done = run("score", "--cpwer", "data", "hyp.jsonl")
    assert done.stdout == "%cpWER 57.14 [ 4 / 7, 2 ins, 2 del, 0 sub ]\n"
    (tmp_path / "none.jsonl").write_text(json.dumps({"key": "m", "text": "hello"}) + "\n")
    assert "m: has no speaker; should have `speaker`" in run("score", "--cpwer", "data", "none.jsonl").stderr


def test_a_recording_without_hypothesis_is_deletions(run, tmp_path: Path) -> None:
    (tmp_path / "ref.stm").write_text(STM + "n 1 ann 0 1 lost words\n", encoding="utf-8")
    (tmp_path / "hyp.stm").write_text(STM, encoding="utf-8")
    done = run("score", "--cpwer", "ref.stm", "hyp.stm")
    assert done.stdout.startswith("%cpWER 22.22 [ 2 / 9, 0 ins, 2 del, 0 sub ]")
    assert done.stderr == "score: hyp.stm: nothing for n\nscore: scored 2 recordings, 1 without hypothesis\n"


def test_token_times_against_a_ctm(run, tmp_path: Path) -> None:
    (tmp_path / "ref.ctm").write_text(
        "r 1 0.10 0.20 你\nr 1 0.30 0.20 好\nr 1 0.60 0.40 hello\nq 1 0 1 x\n", encoding="utf-8"
    )
    tokens = [
        {"text": "你", "start_ms": 110, "end_ms": 300},
        {"text": "号", "start_ms": 300, "end_ms": 500},
        {"text": "Hello", "start_ms": 570, "end_ms": 1000, "mark": "."},
    ]
    (tmp_path / "hyp.jsonl").write_text(json.dumps({"key": "r", "text": "你号hello", "tokens": tokens}) + "\n")
    done = run("score", "--timestamps", "ref.ctm", "hyp.jsonl", "-")
    assert done.stdout.splitlines() == [
        "q 0.0 ms [ 0 of 1 units ]",
        "r 10.0 ms [ 2 of 3 units ]",
        "",
        "%matched 50.00 [ 2 of 4 units, 3 in the hypothesis ]",
        "start: mean -10.0 ms, mean distance 20.0 ms, median 20.0 ms, 90% within 28.0 ms",
        "end: mean +0.0 ms, mean distance 0.0 ms, median 0.0 ms, 90% within 0.0 ms",
        "average shift 10.0 ms; "
        "75.00% within 20 ms, 100.00% within 50 ms, 100.00% within 100 ms, 100.00% within 200 ms",
    ]
    assert done.stderr == "score: hyp.jsonl: nothing for q\nscore: scored 2 recordings, 1 without hypothesis\n"
    assert run("score", "--timestamps", "ref.ctm", "ref.ctm").stdout.startswith("%matched 100.00 [ 4 of 4 units")


def test_tokens_without_times_are_an_error(run, tmp_path: Path) -> None:
    (tmp_path / "ref.ctm").write_text("r 1 0.10 0.20 a\n")
    (tmp_path / "hyp.jsonl").write_text('{"key": "r", "text": "a", "tokens": [{"text": "a"}]}\n')
    done = run("score", "--timestamps", "ref.ctm", "hyp.jsonl")
    assert done.returncode == 1 and "r: its token 'a' has no time" in done.stderr
