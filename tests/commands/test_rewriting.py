"""itn and tn: lines in, lines out; records in, records out."""

import json
from pathlib import Path

import pytest


def test_lines_come_out_as_lines(run) -> None:
    done = run("itn", "--lang", "zh", stdin="a 我有三百二十一块\nb\nc  今天  好\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a 我有321块\nb\nc 今天  好\n"
    assert done.stderr == "itn: 2 of 3 ok, 1 empty\n"
    assert run("tn", "--lang", "zh", stdin=done.stdout).stdout == "a 我有三百二十一块\nb\nc 今天  好\n"


def test_records_come_out_as_records_and_keep_what_they_hold(run) -> None:
    record = {
        "key": "a",
        "source": "a.wav",
        "text": "有二十个",
        "tokens": [{"text": c, "start_ms": i * 10, "end_ms": i * 10 + 10} for i, c in enumerate("有二十个")],
        "mine": [1],
    }
    failed = {"key": "b", "status": "error", "error": "b: b.wav: no such file"}
    done = run("itn", "--lang", "zh", stdin=f"{json.dumps(record)}\n{json.dumps(failed)}\n")
    made = [json.loads(line) for line in done.stdout.splitlines()]
    assert made[0]["text"] == "有20个" and made[0]["mine"] == [1]
    assert made[0]["tokens"][1] == {"text": "20", "start_ms": 10, "end_ms": 30}
    assert made[1] == failed
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == "itn: 1 of 2 ok, 1 error"


@pytest.mark.parametrize("language", ["ko", "id", "pt", "ru", "es", "yue", "minnan", "fr", "de", "vi", "fa"])
def test_a_language_of_the_uniasr_card_without_a_grammar_passes_with_one_warning(run, language: str) -> None:
    text = "a 12 ok\nb  x\n"
    done = run("tn", "--lang", language, stdin=text)
    assert done.returncode == 0 and done.stdout == "a 12 ok\nb x\n"
    warning, closing = done.stderr.splitlines()
    assert f"--lang {language}: there is no grammar" in warning and closing == "tn: 2 of 2 ok"


def test_the_published_japanese_model_is_the_japanese_grammar(run) -> None:
    name = "damo/speech_inverse_text_processing_fun-text-processing-itn-ja"
    done = run("itn", "--model", name, stdin="a 百二十円です\n")
    assert done.stdout == "a 120円です\n", done.stderr
    done = run("decode", "--model", name, "a.wav")
    assert done.returncode == 1 and "`itn --lang ja` does its work" in done.stderr
    done = run("itn", "--model", "fsmn-vad", stdin="a b\n")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "itn-ja" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        ([], "a 3\n", 2, "--lang is missing; should be the language of the text: zh, en or ja"),
        (
            ["--lang", "klingon"],
            "a 3\n",
            2,
            "'klingon' is no language of a published model; should be one of",
        ),
        (["--lang", "zh"], "", 1, "stdin: is empty"),
        (["--lang", "zh", "nothing.txt"], "", 1, "nothing.txt: no such file"),
        (["--lang", "zh"], "a x\na y\n", 1, "duplicate key a"),
        (["--lang", "zh"], '{"key": "a"}\n', 1, "a: has no text"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    run, arguments: list[str], stdin: str, code: int, words: str
) -> None:
    done = run("itn", *arguments, stdin=stdin)
    assert done.returncode == code and words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_line_that_is_no_text_costs_no_other(run, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("a 二十\n".encode() + b"b \xff\xfe\n" + "c 三十".encode())
    done = run("itn", "--lang", "zh", "text")
    assert done.stdout == "a 20\nc 30\n"
    assert done.returncode == 1 and "text:2: byte 0xff" in done.stderr
    shards = [run("itn", "--lang", "zh", "--shard", f"{n}/2", "text").stdout for n in (1, 2)]
    assert sorted("".join(shards).splitlines()) == ["a 20", "c 30"]
