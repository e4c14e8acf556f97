import json
import pickle

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
    assert [index[number].key for number in range(len(index))] == ["u1", "u2", "u3"]
    assert index[1].extra == {"emo_target": "<|SAD|>"}
    assert index.source_lens.tolist() == [100, 50, 100]
    assert index.get_target_len(0) == 2
    assert pickle.loads(pickle.dumps(index))[2].key == "u3"


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
    assert [index[number].key for number in range(len(index))] == ["kept"]
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
    assert index[7].key == "u3b"


def test_a_list_of_lists_that_is_something_else_says_so(tmp_path) -> None:
    (tmp_path / "text").write_text("u1 hello\n")
    with pytest.raises(DataError, match="names 'u1 hello'"):
        ListIndex(tmp_path / "text")


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
