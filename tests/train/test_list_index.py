import json
import pickle

import numpy as np
import pytest

from asrtools.errors import DataError
from asrtools.train.list_index import ListIndex


def row(key: str, source_len: int | None = 100, target: str | None = "一 二", **more: object) -> dict:
    lengths = {} if source_len is None else {"source_len": source_len}
    return {"key": key, "source": f"{key}.wav", "target": target, **lengths, **more}


def test_rows_come_back_as_they_stand(tmp_path, write_rows) -> None:
    path = write_rows(tmp_path / "a.jsonl", [row("u1"), row("u2", 50, emo_target="<|SAD|>"), row("u3")])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n\r\n"))
    index = ListIndex(path)
    assert [index[number]["key"] for number in range(len(index))] == ["u1", "u2", "u3"]
    assert index.utterance(1).extra == {"emo_target": "<|SAD|>"}
    assert index.source_lens.tolist() == [100, 50, 100]
    assert index.get_target_len(0) == 2
    assert pickle.loads(pickle.dumps(index))[2]["key"] == "u3"


def test_every_row_left_out_is_counted_with_its_reason(tmp_path, write_rows) -> None:
    rows = [
        row("kept"),
        row("long", 3000),
        row("short", 5),
        row("wordy", target=" ".join("a" * 60)),
        row("wordless", target=""),
        row("sum", 2040, target=" ".join("a" * 45)),
        {**row("mute"), "source": ""},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    path.write_text(path.read_text() + '{"key": "broken\n{"source": "x.wav", "target": "a"}\n')
    index = ListIndex(path, min_source_length=10, max_target_length=50, max_token_length=2080)
    assert [index[number]["key"] for number in range(len(index))] == ["kept"]
    assert index.dropped == {
        "source_len above 2048": 1,
        "source_len below 10": 1,
        "target_len above 50": 1,
        "no target": 1,
        "source_len + target_len above 2080": 1,
        "no source": 1,
        "not a line of JSON": 1,
        "no key": 1,
    }
    assert index.examples["source_len above 2048"] == ["long"]


def test_a_length_that_is_not_in_the_list_is_measured(noise_list, rows, tmp_path, write_rows) -> None:
    wanted = [one.pop("source_len") for one in rows[:3]]
    rows[2]["source"] = str(tmp_path / "gone.wav")
    index = ListIndex(write_rows(tmp_path / "a.jsonl", rows[:3]))
    assert index.source_lens.tolist() == wanted[:2]
    assert index.dropped == {"no source_len, and the audio cannot be opened": 1}


def test_a_list_of_lists_is_gone_through_in_parts(tmp_path, write_rows) -> None:
    names = [str(write_rows(tmp_path / f"{n}.jsonl", [row(f"u{n}a"), row(f"u{n}b")])) for n in range(5)]
    (tmp_path / "train.list").write_text("\n".join(names) + "\n")
    index = ListIndex(tmp_path / "train.list", data_split_num=2)
    assert index.parts == [(0, 6), (6, 10)]
    assert ListIndex(tmp_path / "train.list", data_split_num=2, is_training=False).parts == [(0, 10)]
    assert index[7]["key"] == "u3b"


def test_a_list_of_lists_that_is_something_else_says_so(tmp_path) -> None:
    (tmp_path / "text").write_text("u1 hello\n")
    with pytest.raises(DataError, match="names 'u1 hello'"):
        ListIndex(tmp_path / "text")


def test_a_data_directory_is_a_list(rows, tmp_path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "wav.scp").write_text("".join(f"{one['key']} {one['source']}\n" for one in rows[:3]))
    (folder / "text").write_text(f"{rows[0]['key']} 一 二\n{rows[1]['key']} 三\nstranger 四\n", encoding="utf-8")
    index = ListIndex(folder)
    assert [index[number]["target"] for number in range(len(index))] == ["一 二", "三"]
    assert index.source_lens.tolist() == [one["source_len"] for one in rows[:2]]
    assert index.dropped == {"no target": 1, "no usable audio or text in the data directory": 1}
    assert pickle.loads(pickle.dumps(index))[1]["source"] == rows[1]["source"]


def test_features_are_measured_by_their_frames(tmp_path, write_rows) -> None:
    np.save(tmp_path / "a.npy", np.zeros((37, 80), np.float32))
    index = ListIndex(write_rows(tmp_path / "a.jsonl", [{**row("u1", None), "source": str(tmp_path / "a.npy")}]))
    assert index.source_lens.tolist() == [37]


def test_texts_alone_are_a_list_where_no_audio_is_wanted(tmp_path, write_rows) -> None:
    (tmp_path / "lines.txt").write_text("你好。\n\n再见，朋友。\n", encoding="utf-8")
    (tmp_path / "text").write_text("u1 hello, world.\n")
    rows = write_rows(tmp_path / "a.jsonl", [{"key": "u2", "target": "是的。"}])
    index = ListIndex([tmp_path / "lines.txt", tmp_path / "text", rows], needs_source=False)
    found = [index.utterance(number) for number in range(len(index))]
    assert [one.target for one in found] == ["你好。", "再见，朋友。", "hello, world.", "是的。"]
    assert [one.key for one in found][2:] == ["u1", "u2"]
    assert index.source_lens.tolist() == [3, 6, 2, 3]
    assert len(ListIndex(tmp_path, needs_source=False)) == 1  # a data directory's text


def test_long_recordings_are_cut_into_windows(tmp_path, write_rows) -> None:
    index = ListIndex(write_rows(tmp_path / "a.jsonl", [row("u1", 250), row("u2", 100)]), window=100)
    spans = [(one.key, one.start_ms, one.end_ms) for one in map(index.utterance, range(len(index)))]
    assert spans == [("u1", 0, 1000), ("u1", 1000, 2000), ("u1", 2000, 2500), ("u2", 0, 1000)]


def test_several_lists_are_one(tmp_path, write_rows) -> None:
    names = [write_rows(tmp_path / f"{n}.jsonl", [row(f"u{n}")]) for n in range(3)]
    index = ListIndex(names, data_split_num=3)
    assert index.parts == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.slow
def test_a_million_rows_take_some_tens_of_megabytes(tmp_path) -> None:
    import tracemalloc

    line = json.dumps(row("utterance-000000", target="x" * 200))
    with open(tmp_path / "a.jsonl", "w") as out:
        out.writelines(line.replace("000000", f"{number:06}") + "\n" for number in range(300_000))
    tracemalloc.start()
    index = ListIndex(tmp_path / "a.jsonl")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(index) == 300_000
    assert size / len(index) < 60  # bytes a row
