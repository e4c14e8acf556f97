"""punc with a small model of random weights: what it reads and writes, as it streams and as it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from asrtools import config as configuration
from asrtools.build import build_network

CHARACTERS = "你好世界今天气很一起去公园"
TOKENS = [*CHARACTERS, "hello", "world", "<unk>"]
MARKS = "，。？、,.?"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("punc") / "model"
    folder.mkdir()
    config = {
        "model": "CTTransformer",
        "model_conf": {"punc_list": ["<unk>", "_", "，", "。", "？", "、"], "embed_unit": 16, "att_unit": 16},
        "encoder": "SANMEncoder",
        "encoder_conf": {
            "input_size": 16,
            "output_size": 16,
            "attention_heads": 2,
            "linear_units": 32,
            "num_blocks": 2,
            "kernel_size": 11,
            "input_layer": "pe",
        },
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    (folder / "tokens.json").write_text(json.dumps(TOKENS))
    torch.manual_seed(3)
    network = build_network(configuration.load(folder), None, len(TOKENS))
    with torch.no_grad():
        network.decoder.weight.mul_(5.0)
        network.decoder.bias.copy_(torch.tensor([-100.0, 2.0, 0.0, 0.0, 0.0, 0.0]))
    torch.save(network.state_dict(), folder / "model.pt")
    return folder


def bare(text: str) -> str:
    return "".join(letter for letter in text if letter not in MARKS).lower()


def test_lines_of_key_and_text_come_out_as_such(run, model: Path) -> None:
    lines = ["a 你好世界  hello world", "b 今天", "c", "d world  今天气很好"]
    done = run("punc", "--model", model, stdin="\n".join(lines) + "\n")
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert [bare(line) for line in found] == lines
    assert found[1].endswith("。") or found[1].endswith("？")
    assert found[2] == "c"
    assert done.stderr.splitlines()[-1] == "punc: 3 of 4 ok, 1 empty"


def test_int8_puts_marks_to_the_same_words(run, model: Path, tmp_path: Path) -> None:
    text = "".join(f"k{n} {CHARACTERS * (n % 4)}hello\n" for n in range(12))
    done = run("punc", "--model", model, "--dtype", "int8", "--batch-size", 2, "--output-dir", "out", stdin=text)
    assert done.returncode == 0, done.stderr
    assert "".join(f"{bare(line)}\n" for line in done.stdout.splitlines()) == text.lower()
    assert done.stdout == run("punc", "--model", model, "--dtype", "int8", stdin=text).stdout
    assert json.loads((tmp_path / "out/run.json").read_text())["options"]["dtype"] == "int8"


def test_a_data_directory_and_a_file_give_what_stdin_gives(run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    text = "".join(f"k{n} {CHARACTERS * (n % 9)}hello\n" for n in range(60))
    (tmp_path / "data/text").write_text(text)
    outputs = [
        run("punc", "--model", model, stdin=text).stdout,
        run("punc", "--model", model, "--batch-size", 3, "data/text").stdout,
        run("punc", "--model", model, "data").stdout,
    ]
    assert outputs[0].count("\n") == 60
    assert outputs[0] == outputs[1] == outputs[2]


def test_records_keep_what_they_hold_and_get_marks_and_sentences(run, model: Path) -> None:
    words = [*"今天天气很好", "hello"]
    tokens = [{"text": word, "start_ms": 10 * n, "end_ms": 10 * n + 9} for n, word in enumerate(words)]
    record = {
        "key": "a",
        "source": "a.wav",
        "text": "今天天气很好 hello",
        "tokens": tokens,
        "status": "ok",
        "mine": [1],
    }
    error = {"key": "b", "source": "b.wav", "status": "error", "error": "b.wav: no such file"}
    done = run(
        "punc", "--model", model, "--no-capitalize", stdin=f"{json.dumps(record)}\n{json.dumps(error)}\nnonsense\n"
    )
    assert done.returncode == 1
    first, second, third = map(json.loads, done.stdout.splitlines())
    assert {name: first[name] for name in ("key", "source", "status", "mine")} == {
        name: record[name] for name in ("key", "source", "status", "mine")
    }
    assert [{name: token[name] for name in ("text", "start_ms", "end_ms")} for token in first["tokens"]] == tokens
    assert bare(first["text"]) == record["text"]
    marks = "".join(token.get("mark", "") for token in first["tokens"])
    assert marks == "".join(letter for letter in first["text"] if letter in MARKS)
    assert first["tokens"][-1]["mark"] in ".?"
    assert first["sentences"][0]["start_ms"] == 0
    assert first["sentences"][-1]["end_ms"] == 69
    assert second == error
    assert third["status"] == "error"
    assert third["key"] == "stdin:3"


def test_jsonl_makes_records_of_lines(run, model: Path) -> None:
    done = run("punc", "--model", model, "--jsonl", stdin="a 你好\n")
    record = json.loads(done.stdout)
    assert record["key"] == "a"
    assert record["sentences"][-1]["text"] in record["text"]


def test_a_directory_holds_the_texts_and_can_be_gone_on_with(run, model: Path, tmp_path: Path) -> None:
    text = "".join(f"k{n} {CHARACTERS}\n" for n in range(5))
    (tmp_path / "text").write_text(text)
    whole = run("punc", "--model", model, "--output-dir", "out", "text")
    assert whole.returncode == 0, whole.stderr
    assert (tmp_path / "out/text").read_text() == whole.stdout
    assert len((tmp_path / "out/records.jsonl").read_text().splitlines()) == 5
    assert json.loads((tmp_path / "out/run.json").read_text())["counts"] == {"ok": 5}
    journal = tmp_path / "out/journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]) + '{"rec')
    again = run("punc", "--model", model, "--output-dir", "out", "--resume", "text")
    assert again.stdout == whole.stdout
    assert (tmp_path / "out/text").read_text() == whole.stdout
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]))
    (tmp_path / "text").write_text(text.replace("k1 ", "other "))
    refused = run("punc", "--model", model, "--output-dir", "out", "--resume", "text")
    assert refused.returncode == 1
    assert "was k1, now it is other" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--resume"], 2, "--resume goes on with an --output-dir run"),
        (["--model", "nowhere/at/all", "--offline"], 1, "nowhere/at/all"),
        (["--split-sise", "3"], 2, "--split-sise"),
        (["++punk=1"], 1, "punk"),
        (["missing.txt"], 1, "missing.txt"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, model: Path, arguments: list[str], code: int, words: str) -> None:
    given = arguments if "--model" in arguments else ["--model", model, *arguments]
    done = run("punc", *given, stdin="a 你好\n")
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


class TestPipe:
    @pytest.fixture
    def start(self, root: Path, model: Path):
        started = []

        def call() -> subprocess.Popen:
            process = subprocess.Popen(
                [sys.executable, root / "bin/punc", "--model", model],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            started.append(process)
            return process

        yield call
        for process in started:
            process.kill()
            process.communicate()

    @staticmethod
    def say(process: subprocess.Popen, line: str) -> str:
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        return process.stdout.readline().decode().rstrip("\n")

    def test_a_line_comes_out_while_the_input_stays_open(self, start) -> None:
        process = start()
        assert bare(self.say(process, "a 你好世界")) == "a 你好世界"
        assert bare(self.say(process, "b 今天")) == "b 今天"
        rest, messages = process.communicate()
        assert rest == b""
        assert process.returncode == 0
        assert messages.decode().endswith("punc: 2 of 2 ok\n")

    @pytest.mark.parametrize("begun", ["", "c half of a li"])
    def test_ctrl_c_ends_it_at_once_while_it_waits_for_input(self, start, begun: str) -> None:
        process = start()
        self.say(process, "a 你好")
        process.stdin.write(begun.encode())
        process.stdin.flush()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr.read().decode() == "punc: interrupted\n"

    def test_it_ends_quietly_when_the_reader_goes_away(self, start) -> None:
        process = start()
        self.say(process, "a 你好")
        process.stdout.close()
        process.stdin.write("b 今天\n".encode())
        process.stdin.flush()
        assert process.wait(timeout=20) == 141
        assert process.stderr.read() == b""
