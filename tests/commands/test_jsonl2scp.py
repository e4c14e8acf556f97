import json
from pathlib import Path

import pytest

ROWS = [
    {
        "key": "utt-1",
        "source": "a b.wav",
        "source_len": 90,
        "target": "今天 好",
        "target_len": 2,
        "emo_target": "<|HAPPY|>",
    },
    {"key": "utt-2", "source": "http://x/b.wav", "target": "he tried"},
]


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    return path


def test_a_directory_gets_wav_scp_text_and_the_tags_there_are(run, jsonl: Path, tmp_path: Path) -> None:
    done = run("jsonl2scp", "train.jsonl", "data/train")
    assert (done.returncode, done.stderr) == (0, "jsonl2scp: 2 of 2 ok\n")
    folder = tmp_path / "data/train"
    assert {path.name for path in folder.iterdir()} == {"wav.scp", "text", "emo_target"}
    assert (folder / "wav.scp").read_text() == "utt-1 a b.wav\nutt-2 http://x/b.wav\n"
    assert (folder / "text").read_text(encoding="utf-8") == "utt-1 今天 好\nutt-2 he tried\n"
    assert (folder / "emo_target").read_text() == "utt-1 <|HAPPY|>\n"


def test_the_documented_form_writes_a_tab(run, jsonl: Path, tmp_path: Path) -> None:
    done = run(
        "jsonl2scp",
        '++scp_file_list=["wav.scp", "text.txt"]',
        '++data_type_list=["source", "target"]',
        "++jsonl_file_in=train.jsonl",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "wav.scp").read_text() == "utt-1\ta b.wav\nutt-2\thttp://x/b.wav\n"
    assert (tmp_path / "text.txt").read_text(encoding="utf-8") == "utt-1\t今天 好\nutt-2\the tried\n"


def test_bad_lines_are_named_and_the_rest_is_written(run, jsonl: Path, tmp_path: Path) -> None:
    with jsonl.open("a", encoding="utf-8") as out:
        out.write('{"key": "utt-3", "source": "c.wav"}\nnot json\n{"key": "utt-5", "source": "d", "target": "a\\nb"}\n')
    done = run("jsonl2scp", "train.jsonl", "source=w", "target=t")
    assert done.returncode == 1
    assert "utt-3: its line has no target" in done.stderr and "train.jsonl:4" in done.stderr
    assert "utt-5: its target has a line break" in done.stderr
    assert done.stderr.endswith("jsonl2scp: 2 of 5 ok, 3 errors\n")
    assert (tmp_path / "w").read_text().split()[0::2][-1] != "utt-3"
    assert run("jsonl2scp", "train.jsonl", "source=w", "target=t", "--allow-missing").stderr.endswith(
        "3 of 5 ok, 2 errors\n"
    )


def test_there_and_back_is_the_same(run, make_wav, tmp_path: Path) -> None:
    make_wav("a.wav", 1.0)
    (tmp_path / "wav.scp").write_text("rec a.wav\n")
    (tmp_path / "segments").write_text("rec-1 rec 0 0.3\nrec-2 rec 0.3 0.95\n")
    (tmp_path / "text").write_text("rec-1 one\nrec-2 two\n")
    (tmp_path / "utt2spk").write_text("rec-1 anna\nrec-2 bob\n")
    first = run("scp2jsonl", ".", "--output", "list.jsonl")
    assert first.returncode == 0, first.stderr
    assert run("jsonl2scp", "list.jsonl", "back").returncode == 0
    for name in ("wav.scp", "text", "utt2spk"):
        assert (tmp_path / "back" / name).read_text() == (tmp_path / name).read_text()
    assert run("scp2jsonl", "back").stdout == (tmp_path / "list.jsonl").read_text()


def test_a_list_that_is_not_there_leaves_nothing(run, tmp_path: Path) -> None:
    done = run("jsonl2scp", "none.jsonl", "source=w", "target=t")
    assert done.returncode == 1 and "none.jsonl: no such file" in done.stderr
    assert not (tmp_path / "w").exists()
