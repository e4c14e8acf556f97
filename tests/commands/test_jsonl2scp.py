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
    assert not (tmp_path / "data/train/segments").exists()
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
    assert "utt-5: 'a\\nb' has a line break" in done.stderr
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


def test_a_list_of_whole_recordings_spans_and_channels_becomes_segments_of_all(run, make_wav, tmp_path: Path) -> None:
    make_wav("a.wav", 1.0)
    make_wav("b.wav", 2.0, channels=2)
    rows = [
        {"key": "whole", "source": "a.wav", "target": "x"},
        {"key": "part", "source": "b.wav", "start_ms": 500, "end_ms": 1500, "target": "y"},
        {"key": "right", "source": "b.wav", "channel": 1, "target": "z"},
    ]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("jsonl2scp", "list.jsonl", "back")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back/segments").read_text() == "whole whole 0.000 -1\npart b 0.500 1.500\nright b 0.000 -1 1\n"
    assert (tmp_path / "back/wav.scp").read_text() == "whole a.wav\nb b.wav\n"
    assert run("compute-fbank", "back", "fbank").returncode == 0
    assert (tmp_path / "fbank/utt2num_frames").read_text() == "whole 98\npart 98\nright 198\n"


def test_what_a_file_of_lines_cannot_hold_is_named_and_costs_nothing_else(run, tmp_path: Path) -> None:
    good = {"key": "ok", "source": "a.wav", "target": "x"}
    bad = [
        {"key": "a b", "source": "a.wav", "target": "x"},
        {"key": "ok", "source": "b.wav", "target": "x"},
        {"key": "blank", "source": "  ", "target": "x"},
        {"key": "cr", "source": "a.wav", "target": "x\ry"},
        {"key": "nul", "source": "a.wav", "target": "x\0y"},
        {"key": "half", "source": "a.wav", "target": "\ud800"},
        {"key": "speaker", "source": "a.wav", "target": "x", "speaker": "s p"},
        {"key": "span", "source": "a.wav", "target": "x", "start_ms": 5, "end_ms": 5},
    ]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [good, *bad]))
    done = run("jsonl2scp", "list.jsonl", "back")
    assert done.returncode == 1 and done.stderr.endswith("jsonl2scp: 1 of 9 ok, 8 errors\n")
    assert len(done.stderr.splitlines()) == 9 and "Traceback" not in done.stderr
    assert (tmp_path / "back/wav.scp").read_text() == "ok a.wav\n"
    assert (tmp_path / "back/text").read_text() == "ok x\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train.jsonl", "source=a", "target=a"], "a is named for two outputs"),
        (["train.jsonl", "source=train.jsonl"], "train.jsonl is both input and output"),
        (["train.jsonl", "source=-"], "name files"),
        (["train.jsonl", "train.jsonl"], "is a file"),
    ],
)
def test_outputs_that_would_overwrite_are_refused(run, jsonl: Path, arguments: list[str], says: str) -> None:
    before = jsonl.read_bytes()
    done = run("jsonl2scp", *arguments)
    assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1
    assert jsonl.read_bytes() == before


def test_a_list_of_which_no_line_can_be_used_leaves_the_files_of_before(run, jsonl: Path, tmp_path: Path) -> None:
    assert run("jsonl2scp", "train.jsonl", "data").returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    (tmp_path / "bad.jsonl").write_text('{"key": "a"}\nnot json\n')
    for out in ("data", "new"):
        done = run("jsonl2scp", "bad.jsonl", out)
        assert done.returncode == 1 and "nothing was written" in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_fields_that_no_file_holds_are_named(run, tmp_path: Path) -> None:
    row = {"key": "a", "source": "a.wav", "target": "x", "accent": "south", "text": "y", "speaker": "s"}
    (tmp_path / "list.jsonl").write_text(json.dumps(row) + "\n")
    assert "text (of 1), accent (of 1)\n" in run("jsonl2scp", "list.jsonl", "back").stderr
    done = run("jsonl2scp", "list.jsonl", "target=text")
    assert done.returncode == 0 and "accent (of 1), speaker (of 1)\n" in done.stderr


def test_the_texts_of_segments_can_be_taken_alone(run, tmp_path: Path) -> None:
    row = {"key": "a", "source": "a.wav", "start_ms": 10, "end_ms": 500, "target": "x"}
    (tmp_path / "list.jsonl").write_text(json.dumps(row) + "\n")
    assert run("jsonl2scp", "list.jsonl", "target=text").returncode == 0
    assert (tmp_path / "text").read_text() == "a x\n"
    done = run("jsonl2scp", "list.jsonl", "source=wav.scp")
    assert done.returncode == 1 and "a: it is a part of a.wav; give a directory" in done.stderr


def test_a_list_that_is_not_there_leaves_nothing(run, tmp_path: Path) -> None:
    done = run("jsonl2scp", "none.jsonl", "source=w", "target=t")
    assert done.returncode == 1 and "none.jsonl: no such file" in done.stderr
    assert not (tmp_path / "w").exists()
