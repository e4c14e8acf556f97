import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., object]


@pytest.fixture
def data(tmp_path: Path, make_wav: Callable[..., Path]) -> Path:
    make_wav("a.wav", 1.239)
    make_wav("b.wav", 0.5, rate=8000)
    make_wav("c.wav", 0.02, rate=44100, channels=2)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "wav.scp").write_text("utt-a\ta.wav\nutt-b  b.wav\nutt-c c.wav\n")
    (folder / "text").write_text("utt-a 今天 data 好\nutt-b\t今天好\nutt-c\n", encoding="utf-8")
    return folder


ROWS = [
    {"key": "utt-a", "source": "a.wav", "source_len": 123, "target": "今天 data 好", "target_len": 3},
    {"key": "utt-b", "source": "b.wav", "source_len": 50, "target": "今天好", "target_len": 3},
    {"key": "utt-c", "source": "c.wav", "source_len": 2, "target": "", "target_len": 0},
]


def rows(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_data_directory_two_files_and_the_documented_form_give_the_same_lines(
    run, data: Path, tmp_path: Path
) -> None:
    done = run("scp2jsonl", "data")
    assert (done.returncode, done.stderr) == (0, "scp2jsonl: 3 of 3 ok\n")
    assert rows(done.stdout) == ROWS
    assert list(rows(done.stdout)[0]) == ["key", "source", "source_len", "target", "target_len"]
    assert run("scp2jsonl", "data/wav.scp", "data/text").stdout == done.stdout
    assert run("scp2jsonl", "target=data/text", "source=data/wav.scp").stdout == done.stdout
    assert run("scp2jsonl", "--nj", 2, "data").stdout == done.stdout
    documented = run(
        "scp2jsonl",
        '++scp_file_list=["data/wav.scp", "data/text"]',
        '++data_type_list=["source", "target"]',
        "++jsonl_file_out=out.jsonl",
    )
    assert documented.returncode == 0 and documented.stdout == ""
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == done.stdout


def test_more_types_are_taken_by_their_file_name_or_by_name(run, data: Path, tmp_path: Path) -> None:
    for name in ("text_language", "emo.txt", "hotword"):
        (tmp_path / name).write_text("".join(f"utt-{i} <|{name}|>\n" for i in "abc"))
    done = run("scp2jsonl", "data/wav.scp", "data/text", "text_language", "emo_target=emo.txt", "hotword=hotword")
    assert done.returncode == 0, done.stderr
    extra = {k: v for k, v in rows(done.stdout)[0].items() if k not in ROWS[0]}
    assert extra == {
        "text_language": "<|text_language|>",
        "emo_target": "<|emo.txt|>",
        "hotword": "<|hotword|>",
        "hotword_len": 11,
    }


def test_ids_that_differ_are_named_and_nothing_is_written(run, data: Path, tmp_path: Path) -> None:
    (data / "text").write_text("utt-a 1\nutt-x 2\nutt-c 3\n")
    done = run("scp2jsonl", "data", "--output", "out.jsonl")
    assert done.returncode == 1 and not (tmp_path / "out.jsonl").exists()
    assert "utt-b: it is in data/wav.scp and not in data/text\n" in done.stderr
    assert "utt-x: it is in data/text and not in data/wav.scp\n" in done.stderr
    assert "--allow-missing" in done.stderr


def test_allow_missing_goes_on_with_what_is_there(run, data: Path) -> None:
    (data / "text").write_text("utt-a 1\nutt-x 2\nutt-c 3\n")
    done = run("scp2jsonl", "data", "--allow-missing")
    assert done.returncode == 0
    assert [(row["key"], row.get("target")) for row in rows(done.stdout)] == [
        ("utt-a", "1"),
        ("utt-b", None),
        ("utt-c", "3"),
    ]
    assert "utt-x" in done.stderr and done.stderr.endswith("scp2jsonl: 3 of 3 ok\n")


def test_a_bad_recording_is_named_and_costs_nothing_else(run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "b.wav").write_bytes(b"")
    (tmp_path / "c.wav").unlink()
    done = run("scp2jsonl", "data")
    assert done.returncode == 1
    assert [row["key"] for row in rows(done.stdout)] == ["utt-a"]
    assert done.stderr.count("\n") == 3 and "utt-b" in done.stderr and "utt-c" in done.stderr
    assert done.stderr.endswith("scp2jsonl: 1 of 3 ok, 2 errors\n")


def test_duplicate_ids_and_bad_lines_are_named(run, data: Path) -> None:
    (data / "wav.scp").write_bytes(b"utt-a a.wav\nutt-a b.wav\nutt-b b.wav\nutt-c c.wav\nonly\n")
    done = run("scp2jsonl", "data", "--allow-missing")
    assert done.returncode == 1
    assert [row["key"] for row in rows(done.stdout)] == ["utt-a", "utt-b", "utt-c"]
    assert "duplicate key utt-a" in done.stderr and "only" in done.stderr


def test_url_rows_are_kept_without_a_length_when_they_cannot_be_had(run, data: Path) -> None:
    url = "http://127.0.0.1:9/a.wav"
    (data / "wav.scp").write_text(f"utt-a {url}\nutt-b b.wav\nutt-c c.wav\n")
    for flags in (["--offline"], []):
        done = run("scp2jsonl", "data", *flags)
        assert done.returncode == 0, done.stderr
        assert rows(done.stdout)[0] == {"key": "utt-a", "source": url, "target": "今天 data 好", "target_len": 3}
        assert done.stderr == ("scp2jsonl: no source_len in utt-a, whose URLs could not be had\nscp2jsonl: 3 of 3 ok\n")


def test_segments_of_a_data_directory_are_lines_of_their_own(run, data: Path) -> None:
    (data / "wav.scp").write_text("rec-a a.wav\n")
    (data / "segments").write_text("utt-a rec-a 0 0.5\nutt-b rec-a 0.5 1.2\n")
    (data / "text").write_text("utt-a x\nutt-b y\n")
    done = run("scp2jsonl", "data")
    assert done.returncode == 0, done.stderr
    assert [
        (r["key"], r["recording"], r.get("start_ms", 0), r["end_ms"], r["source_len"]) for r in rows(done.stdout)
    ] == [
        ("utt-a", "rec-a", 0, 500, 50),
        ("utt-b", "rec-a", 500, 1200, 70),
    ]


def test_a_text_line_that_cannot_be_read_costs_its_utterance_only(run, data: Path) -> None:
    (data / "text").write_bytes("utt-a 好\nutt-b ".encode() + "好".encode("gbk") + b"\nutt-c x\n")
    done = run("scp2jsonl", "data")
    assert done.returncode == 1 and done.stderr.endswith("scp2jsonl: 2 of 3 ok, 1 error\n")
    assert [row["key"] for row in rows(done.stdout)] == ["utt-a", "utt-c"]


def test_inputs_of_which_none_gives_a_line_leave_the_list_of_before(run, data: Path, tmp_path: Path) -> None:
    assert run("scp2jsonl", "data", "--output", "out.jsonl").returncode == 0
    before = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "bad.scp").write_text("utt-a none.wav\n")
    done = run("scp2jsonl", "bad.scp", "--output", "out.jsonl")
    assert done.returncode == 1 and "nothing was written to out.jsonl" in done.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_segments_are_checked_against_their_recording(run, data: Path) -> None:
    (data / "wav.scp").write_text("rec-a a.wav\nrec-b none.wav\n")
    (data / "segments").write_text("utt-a rec-a 0 1.3\nutt-b rec-b 0 1\nutt-c rec-a 0.5 3\n")
    done = run("scp2jsonl", "data")
    assert done.returncode == 1
    assert [(row["key"], row["source_len"]) for row in rows(done.stdout)] == [("utt-a", 123)]
    assert (
        "utt-b: none.wav: no such file" in done.stderr and "the span from 500 ms to 3000 ms is outside" in done.stderr
    )


def test_speakers_of_a_data_directory_are_kept(run, data: Path) -> None:
    (data / "utt2spk").write_text("utt-a s1\nutt-b s1\nutt-c s2\n")
    assert [row["speaker"] for row in rows(run("scp2jsonl", "data").stdout)] == ["s1", "s1", "s2"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.scp", "b", "c"], "write TYPE=c"),
        (["target=data/text"], "none of the files is the source"),
        (["source=data/wav.scp", "source=data/wav.scp"], "source is named twice"),
        (['++scp_file_list=["a","b","c"]', '++data_type_list=["source"]'], "names 3 files and data_type_list 1 types"),
        (["key=data/wav.scp"], "key is a name of the list itself"),
        (["list.jsonl"], "is a training list already"),
        (["++scp_file_lst=[]"], r"did you mean ++scp_file_list"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(run, data: Path, arguments: list[str], says: str) -> None:
    done = run("scp2jsonl", *arguments)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1


def test_a_list_that_is_not_there_is_one_sentence(run) -> None:
    done = run("scp2jsonl", "none.scp", "none")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "none.scp: no such file" in done.stderr
