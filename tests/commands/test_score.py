"""score as it is used: files in, lines and files out."""

import json
import os
from pathlib import Path

import pytest

REF = "u1 今天天气很好\nu2 hello world 你好\nu3 对\n"
HYP = "u1 今天天汽很好啊\nu2 Hello, word 你好。\nu3 对\n"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    (tmp_path / "ref").write_text(REF, encoding="utf-8")
    (tmp_path / "hyp").write_text(HYP, encoding="utf-8")
    return tmp_path


def test_the_rate_goes_to_stdout_and_the_details_to_out(run, texts: Path) -> None:
    done = run("score", "ref", "hyp", "text.cer")
    summary = (
        "%WER 27.27 [ 3 / 11, 1 ins, 0 del, 2 sub ]\n%SER 66.67 [ 2 / 3 ]\nScored 3 sentences, 0 not present in hyp.\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, summary, "score: scored 3 of 3\n")
    assert (texts / "text.cer").read_text(encoding="utf-8") == (
        "u1(nwords=6,cor=5,ins=1,del=0,sub=1) corr:83.33%,cer:33.33%\n"
        "ref:\t今 天 天 气 很 好\nhyp:\t今 天 天 汽 很 好 啊\n"
        "u2(nwords=4,cor=3,ins=0,del=0,sub=1) corr:75.00%,cer:25.00%\n"
        "ref:\thello world 你 好\nhyp:\thello word 你 好\n"
        "u3(nwords=1,cor=1,ins=0,del=0,sub=0) corr:100.00%,cer:0.00%\n"
        "ref:\t对\nhyp:\t对\n"
        f"\n{summary}"
    )
    assert run("score", "ref", "hyp", "-").stdout == (texts / "text.cer").read_text(encoding="utf-8")
    assert run("score", "-", "hyp", stdin=REF).stdout == summary


def test_a_missing_hypothesis_counts_as_deletions_and_the_line_says_so(run, texts: Path) -> None:
    (texts / "hyp").write_text("u1 今天天气很好\nu9 x\n", encoding="utf-8")
    done = run("score", "ref", "hyp")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "%WER 45.45 [ 5 / 11, 0 ins, 5 del, 0 sub ]",
        "%SER 66.67 [ 2 / 3 ]",
        "Scored 3 sentences, 2 not present in hyp.",
    ]
    assert done.stderr.splitlines() == [
        "score: hyp: no hypothesis for u2, u3",
        "score: hyp: no reference for u9",
        "score: scored 3 of 3, 2 without hypothesis counted as deletions, 1 hypothesis without reference not counted",
    ]


def test_of_two_shards_one_deleted_the_rate_goes_up_and_the_line_says_why(run, texts: Path) -> None:
    for job, lines in (("1", "u1 今天天气很好\nu2 hello world 你好\n"), ("2", "u3 对\n")):
        folder = texts / f"exp/output.{job}/1best_recog"
        folder.mkdir(parents=True)
        (folder / "text").write_text(lines, encoding="utf-8")
    assert run("score", "ref", "exp").stdout.startswith("%WER 0.0 [ 0 / 11, ")
    os.unlink(texts / "exp/output.1/1best_recog/text")
    done = run("score", "ref", "exp")
    assert done.stdout.startswith("%WER 90.91 [ 10 / 11, 0 ins, 10 del, 0 sub ]")
    assert done.stderr.endswith("score: scored 3 of 3, 2 without hypothesis counted as deletions\n")


def test_strict_fails_and_writes_nothing_and_present_leaves_out(run, texts: Path) -> None:
    (texts / "hyp").write_text("u1 今天天气很好\n", encoding="utf-8")
    done = run("score", "--mode", "strict", "ref", "hyp", "text.cer")
    assert done.returncode == 1 and done.stdout == "" and not (texts / "text.cer").exists()
    assert done.stderr == (
        "score: hyp: has no hypothesis for 2 of 3 references (u2, u3); should have all of them, "
        "or --mode all counts them as deletions\n"
    )
    done = run("score", "--mode", "present", "ref", "hyp")
    assert done.stdout.startswith("%WER 0.0 [ 0 / 6, 0 ins, 0 del, 0 sub ]\n%SER 0.0 [ 0 / 1 ]\n")
    assert done.stderr.endswith("score: scored 1 of 3, 2 without hypothesis left out\n")


@pytest.mark.parametrize("name", ["ref", "hyp"])
def test_a_key_that_stands_twice_is_an_error(run, texts: Path, name: str) -> None:
    with open(texts / name, "a", encoding="utf-8") as file:
        file.write("u1 今天\nu2 x\n")
    done = run("score", "ref", "hyp", "text.cer")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"score: {name}:4: duplicate key u1 (and 1 more); every key should stand once\n"
    assert not (texts / "text.cer").exists()


def test_an_empty_reference_is_counted(run, texts: Path) -> None:
    (texts / "ref").write_text("u1\nu2 a b\nu3\n")
    (texts / "hyp").write_text("u1 x y\nu2 a b\nu3\n")
    done = run("score", "ref", "hyp", "-")
    assert "u1(nwords=0,cor=0,ins=2,del=0,sub=0) corr:0.00%,cer:100.00%\n" in done.stdout
    assert "%WER 100.0 [ 2 / 2, 2 ins, 0 del, 0 sub ]\n%SER 33.33 [ 1 / 3 ]\n" in done.stdout


def test_a_line_that_is_not_utf8_counts_as_missing_and_fails_the_command(run, texts: Path) -> None:
    (texts / "hyp").write_bytes(HYP.encode().replace("很好".encode(), b"\xff\xfe", 1))
    done = run("score", "ref", "hyp")
    assert done.returncode == 1 and done.stdout.startswith("%WER 63.64 [ 7 / 11, 0 ins, 6 del, 1 sub ]")
    assert "score: hyp:1: byte 0xff at position 16 is not UTF-8; save the file as UTF-8\n" in done.stderr
    assert done.stderr.endswith("score: scored 3 of 3, 1 without hypothesis counted as deletions, 1 error\n")


def test_records_are_scored_by_target_and_text(run, texts: Path) -> None:
    lines = [
        {"key": "u1", "source": "a.wav", "target": "今天天气很好", "text": "今天天汽很好", "source_len": 150},
        {"key": "u2", "source": "b.wav", "target": "好", "status": "error", "error": "b.wav: no such file"},
        {"key": "u3", "source": "c.wav", "target": "", "text": ""},
    ]
    (texts / "all.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run("score", "all.jsonl", "all.jsonl")
    assert done.stdout.startswith("%WER 28.57 [ 2 / 7, 0 ins, 1 del, 1 sub ]\n%SER 66.67 [ 2 / 3 ]")
    assert done.stderr.splitlines()[0] == "score: all.jsonl: no hypothesis for u2"
    (texts / "bad.jsonl").write_text('{"key": "u1", "text": "今天天气很好"}\n{"key": "u2", "text": 5}\n{not json\n')
    done = run("score", "ref", "bad.jsonl")
    assert done.returncode == 1
    assert "score: bad.jsonl:2: text is 5; should be text" in done.stderr and "bad.jsonl:3: is not JSON" in done.stderr


def test_records_without_targets_are_not_compared_with_themselves(run, texts: Path) -> None:
    (texts / "decoded.jsonl").write_text('{"key": "u1", "source": "a.wav", "text": "a"}\n')
    done = run("score", "decoded.jsonl", "decoded.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert "u1 has no target, and its text is the hypothesis" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ref",), "Missing argument 'HYP'"),
        (("-", "-"), "only one of REF, HYP and HYP2 can be stdin"),
        (("ref", "hyp", "hyp"), "hyp is both input and output"),
        (("folder", "hyp", "folder/text"), "folder/text is both input and output"),
        (("--speechio", ".", "ref.txt", "hyp"), "./ref.txt is both input and output"),
        (("--norm", "basic,+cas", "ref", "hyp"), "there is no step 'cas'; did you mean case?"),
        (("--collar", "0.25", "ref", "hyp"), "--collar means nothing without --der"),
        (("--der", "--ci", "ref", "hyp"), "--ci means nothing with --der"),
        (("--der", "--cpwer", "ref", "hyp"), "--der and --cpwer are two kinds of scoring"),
    ],
)
def test_usage_that_makes_no_sense_is_refused(run, texts: Path, arguments: tuple, words: str) -> None:
    (texts / "folder").mkdir()
    (texts / "folder/text").write_text(REF, encoding="utf-8")
    (texts / "ref.txt").write_text(REF, encoding="utf-8")
    done = run("score", *arguments)
    assert done.returncode == 2 and words in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "nothing: no such file"),
        ("empty", "empty: is empty; should have at least one reference"),
        ("unusable", "unusable: gives nothing to score (unusable:1: byte 0xff at position 4 is not UTF-8"),
        ("folder", "folder: is a directory without text"),
        ("sound.wav", "sound.wav: is audio (wav), not text"),
    ],
)
def test_a_reference_that_is_none_is_one_sentence(run, texts: Path, make_wav, name: str, words: str) -> None:
    (texts / "empty").touch()
    (texts / "unusable").write_bytes(b"u1 \xff\n")
    (texts / "folder").mkdir()
    make_wav("sound.wav")
    done = run("score", name, "hyp")
    assert done.returncode == 1 and words in done.stderr and len(done.stderr.splitlines()) == 1


def test_an_empty_hypothesis_file_is_all_deletions(run, texts: Path) -> None:
    (texts / "hyp").write_text("")
    assert run("score", "ref", "hyp").stdout.startswith("%WER 100.0 [ 11 / 11, 0 ins, 11 del, 0 sub ]")


def test_units_and_steps_are_chosen(run, texts: Path) -> None:
    rates = {
        arguments: run("score", *arguments, "ref", "hyp").stdout.split()[1]
        for arguments in (("--unit", "char"), ("--unit", "word"), ("--norm", "none"), ("--norm", "basic,-punctuation"))
    }
    assert rates == {
        ("--unit", "char"): "15.79",
        ("--unit", "word"): "40.0",
        ("--norm", "none"): "45.45",
        ("--norm", "basic,-punctuation"): "45.45",
    }
    steps = run("score", "--list-norm")
    assert steps.returncode == 0 and "erhua" in steps.stdout and "[basic, speechio, wetext]" in steps.stdout
    assert run("score", "--norm", "wetext", "ref", "ref").stdout.startswith("%WER 0.0 ")


def test_pieces_are_units_where_tokens_are_wanted(run, texts: Path) -> None:
    (texts / "ref").write_text("u st@@ ate of\n")
    (texts / "hyp").write_text("u st@@ art of\n")
    assert "%WER 33.33 [ 1 / 3, " in run("score", "--unit", "token", "ref", "hyp").stdout
    assert "%WER 50.0 [ 1 / 2, " in run("score", "ref", "hyp").stdout


def test_speechio_writes_its_files(run, texts: Path) -> None:
    (texts / "ref").write_text("b 呃今天12点\na it's OK\n", encoding="utf-8")
    (texts / "hyp").write_text("a its ok\nb 今天十二点半\nc x\n", encoding="utf-8")
    done = run("score", "--speechio", "exp/speechio", "ref", "hyp")
    assert done.returncode == 0
    folder = texts / "exp/speechio"
    assert (folder / "DETAILS.txt").read_text(encoding="utf-8") == (
        '{"uid":a, "score":0.0, "ter":0.00, "cor":5, "sub":0, "ins":0, "del":0}\n'
        "  REF  : I T S O K \n  HYP  : I T S O K \n  EDIT :           \n"
        '{"uid":b, "score":-1.0, "ter":20.00, "cor":5, "sub":0, "ins":1, "del":0}\n'
        "  REF  : 今 天 十 二 点 *  \n  HYP  : 今 天 十 二 点 半 \n  EDIT :                I  \n"
        "==================== Overall Statistics ====================\n"
        "num_ref_utts: 2\nnum_hyp_utts: 3\nnum_hyp_without_ref: 1\nnum_eval_utts: 2\n"
        "sentence_error_rate: 50.00%\ntoken_error_rate: 10.00%\ntoken_stats:\n"
        "  - tokens:     10\n  - edits:       1\n  - cor:        10\n"
        "  - sub:         0\n  - ins:         1\n  - del:         0\n"
        "============================================================\n\n"
    )
    results = (folder / "RESULTS.txt").read_text().splitlines()
    assert json.loads(results[0])["token_error_rate"] == 10.0 and json.loads(results[0])["num_hyp_without_ref"] == 1
    assert results[1:] == ["%WER 10.00 [ 1 / 10, 1 ins, 0 del, 0 sub ]", "%SER 50.00 [ 1 / 2 ]", ""]
    assert (folder / "ref.txt").read_text(encoding="utf-8") == "b\t今天十二点\na\tIT S OK\n"
    assert (folder / "rec.txt").read_text(encoding="utf-8") == "b\t今天十二点半\na\tITS OK\n"


def test_the_report_names_errors_groups_and_changes(run, texts: Path, make_wav) -> None:
    make_wav("a.wav", 2.5)
    data = texts / "data"
    data.mkdir()
    (data / "text").write_text(REF, encoding="utf-8")
    (data / "wav.scp").write_text("u1 a.wav\nu2 cat b.wav |\nu3 nowhere.wav\n")
    (data / "utt2spk").write_text("u1 s1\nu2 s2\nu3 s2\n")
    (texts / "hyp2").write_text("u1 今天天气很好\nu2 hello world\nu3 对\n", encoding="utf-8")
    (texts / "words").write_text("你好\n天气\n没说过\n", encoding="utf-8")
    arguments = ("--report", "--ci", "--compare", "hyp2", "--hotwords", "words", "--json", "r.json", "--html", "r.html")
    done = run("score", *arguments, "data", "hyp")
    assert (done.returncode, done.stderr) == (0, "score: scored 3 of 3\n")
    assert "95% interval " in done.stdout
    assert "hotwords: recall 50.00% [ 1 / 2 ], precision 100.00% [ 1 / 1 ], F1 66.67%\n" in done.stdout
    assert "\nhyp2: %WER 18.18 [ 2 / 11, 0 ins, 2 del, 0 sub ]\ndifference -9.09 " in done.stdout
    assert "better: 1 utterances: u1 (-2)\nworse: 1 utterances: u2 (+1)\n" in done.stdout
    assert "by speaker\n" in done.stdout and "  2 to 5 s     1 " in done.stdout
    report = json.loads((texts / "r.json").read_text(encoding="utf-8"))
    assert report["totals"]["errors"] == 3 and report["by_speaker"][0][0] == "s1"
    assert report["substitutions"] == [["world", "word", 1], ["气", "汽", 1]]
    assert report["hotwords"]["words"][2] == ["没说过", 0, 0, 0, None, None, None]
    page = (texts / "r.html").read_text(encoding="utf-8")
    assert '"audio": "a.wav"' in page and "cat b.wav" not in page and "nowhere.wav" not in page


def test_the_report_goes_to_stdout_alone(run, texts: Path) -> None:
    assert json.loads(run("score", "--json", "-", "ref", "hyp").stdout)["totals"]["errors"] == 3
    assert run("score", "--html", "-", "ref", "hyp").stdout.startswith("<!doctype html>")
    done = run("score", "--json", "-", "ref", "hyp", "-")
    assert done.returncode == 2 and "only one of OUT, --json and --html can go to stdout" in done.stderr


def test_a_hypothesis_compared_with_itself_does_not_differ(run, texts: Path) -> None:
    done = run("score", "--compare", "hyp", "ref", "hyp")
    assert "difference +0.00 (95% +0.00 to +0.00), bootstrap p=1.0000" in done.stdout
    assert "no significant difference" in done.stdout


def test_present_compares_what_both_have(run, texts: Path) -> None:
    (texts / "hyp2").write_text("u1 今天天气很好\n", encoding="utf-8")
    done = run("score", "--mode", "present", "--compare", "hyp2", "ref", "hyp")
    assert done.stdout.startswith("%WER 33.33 [ 2 / 6, ") and "\nhyp2: %WER 0.00 [ 0 / 6, " in done.stdout
    assert done.stderr.endswith("score: scored 1 of 3, 2 without hypothesis left out\n")


def test_the_order_of_the_lines_does_not_matter(run, texts: Path) -> None:
    first = run("score", "ref", "hyp", "-").stdout
    (texts / "hyp").write_text("".join(reversed(HYP.splitlines(keepends=True))), encoding="utf-8")
    assert run("score", "ref", "hyp", "-").stdout == first
