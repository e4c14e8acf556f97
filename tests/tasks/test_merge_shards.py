"""Files of shards merged in the order of the list."""

import json
from pathlib import Path

import pytest

from asrtools.errors import DataError
from asrtools.tasks import merge_shards as task

KEYS = ["c", "a", "b", "e", "d"]


def merge_shards(keys: list[str], shards: list[Path], out: Path) -> task.Merged:
    return task.merge_shards(((key, None) for key in keys), shards, out)


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def results(folder: Path, *keys: str, errors: tuple[str, ...] = (), seconds: float = 2.0) -> Path:
    """A result directory as decode leaves it."""
    write(folder / "1best_recog/text", *(f"{key} 文 {key}" for key in keys))
    total = f"rtf_avf decoding, feature length total: {10 * len(keys)}, forward_time total: 0.5000, rtf avg: 0.2500"
    write(folder / "1best_recog/rtf", *(f"{key} decoding, feature length: 10" for key in keys), total)
    write(folder / "errors.jsonl", *(json.dumps({"key": key, "status": "error"}) for key in errors))
    write(folder / "journal.jsonl", "{}")
    run = {"counts": {"ok": len(keys), "error": len(errors)}, "audio_seconds": seconds, "forward_seconds": 0.5}
    write(folder / "run.json", json.dumps(run))
    return folder


def first_words(path: Path) -> list[str]:
    return [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines()]


def test_lines_stand_in_the_order_of_the_list_and_sums_are_sums(tmp_path: Path) -> None:
    shards = [results(tmp_path / "1", "c", "e", seconds=2.0), results(tmp_path / "2", "a", "b", "d", seconds=8.0)]
    merged = merge_shards(KEYS, shards, tmp_path)
    assert (merged.num_inputs, merged.num_errors) == (5, 0)
    assert first_words(tmp_path / "1best_recog/text") == KEYS
    assert (tmp_path / "1best_recog/text").read_text(encoding="utf-8").splitlines()[1] == "a 文 a"
    *lines, total = (tmp_path / "1best_recog/rtf").read_text().splitlines()
    assert [line.split()[0] for line in lines] == KEYS
    assert total == "rtf_avf decoding, feature length total: 50, forward_time total: 1.0000, rtf avg: 0.1000"
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["counts"] == {"ok": 5, "error": 0} and told["audio_seconds"] == 10.0


def test_inputs_with_an_error_have_it_in_place_of_a_line(tmp_path: Path) -> None:
    shards = [
        results(tmp_path / "1", "c", errors=("e", "wav.1.scp:9")),
        results(tmp_path / "2", "a", "d", errors=("b",)),
    ]
    # the sixth line of the list has no key that could be used
    merged = merge_shards([*KEYS, "wav.scp:12"], shards, tmp_path)
    assert merged.num_errors == 3
    assert first_words(tmp_path / "1best_recog/text") == ["c", "a", "d"]
    errors = [json.loads(line)["key"] for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
    assert errors == ["b", "e", "wav.1.scp:9"]


def test_a_lost_line_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    shards = [results(tmp_path / "1", "c"), results(tmp_path / "2", "a", "b", "d")]
    with pytest.raises(DataError, match="1 of 5 inputs have no text, and 0 have an error; e has neither"):
        merge_shards(KEYS, shards, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name not in ("1", "2")) == ["1best_recog"]
    assert not list((tmp_path / "1best_recog").iterdir())


def test_an_earlier_merge_stays_when_a_later_one_fails(tmp_path: Path) -> None:
    merge_shards(["c"], [results(tmp_path / "1", "c")], tmp_path)
    before = (tmp_path / "1best_recog/text").read_text(encoding="utf-8")
    with pytest.raises(DataError):
        merge_shards(["c", "x"], [tmp_path / "1"], tmp_path)
    assert (tmp_path / "1best_recog/text").read_text(encoding="utf-8") == before


def test_an_unfinished_or_missing_shard_is_refused(tmp_path: Path) -> None:
    shards = [results(tmp_path / "1", "c", "e"), results(tmp_path / "2", "a", "b", "d")]
    (shards[1] / "run.json").unlink()
    with pytest.raises(DataError, match="2: was not finished, it has journal.jsonl and no run.json"):
        merge_shards(KEYS, shards, tmp_path)
    with pytest.raises(DataError, match="3: is no directory"):
        merge_shards(KEYS, [shards[0], tmp_path / "3"], tmp_path)


def test_a_line_cut_short_is_refused(tmp_path: Path) -> None:
    shard = results(tmp_path / "1", *KEYS)
    text = (shard / "1best_recog/text").read_text(encoding="utf-8")
    (shard / "1best_recog/text").write_text(text[:-2], encoding="utf-8")
    with pytest.raises(DataError, match="text: its last line is cut short"):
        merge_shards(KEYS, [shard], tmp_path)


def test_shards_of_another_list_are_refused(tmp_path: Path) -> None:
    shards = [results(tmp_path / "1", "c", "x"), results(tmp_path / "2", "a", "b", "e", "d")]
    with pytest.raises(DataError, match="x is not in the list, or not in its order"):
        merge_shards(KEYS, shards, tmp_path)
    with pytest.raises(DataError, match="not in its order"):
        merge_shards(KEYS, [results(tmp_path / "1", "d", "c"), results(tmp_path / "2", "a", "b", "e")], tmp_path)


def test_several_lines_of_an_input_stay_together_under_the_word_that_names_it(tmp_path: Path) -> None:
    write(tmp_path / "1/segments", "c-1 c 0.0 1.0", "c-2 c 2.0 3.0", "b-1 b 0.0 1.0")
    write(tmp_path / "1/a.rttm", "SPEAKER c 1 0.0 1.0", "SPEAKER b 1 0.0 1.0")
    write(tmp_path / "1/words.ctm", "c 1 0.0 0.1 x", "c 1 0.2 0.1 y")
    write(tmp_path / "1/out.jsonl", '{"key": "c-1", "recording": "c"}', '{"key": "b"}')
    write(tmp_path / "1/feats.scp", "c feats.ark:5", "b feats.ark:9")
    write(tmp_path / "1/feats.ark", "binary")
    write(tmp_path / "2/segments", "a-1 a 0.0 1.0")
    write(tmp_path / "2/feats.scp", "a feats.ark:7")
    merge_shards(["c", "a", "b"], [tmp_path / "1", tmp_path / "2"], tmp_path / "out")
    assert first_words(tmp_path / "out/segments") == ["c-1", "c-2", "a-1", "b-1"]
    assert [line.split()[1] for line in (tmp_path / "out/a.rttm").read_text().splitlines()] == ["c", "b"]
    assert (tmp_path / "out/words.ctm").read_text() == (tmp_path / "1/words.ctm").read_text()
    assert (tmp_path / "out/out.jsonl").read_text() == (tmp_path / "1/out.jsonl").read_text()
    assert first_words(tmp_path / "out/feats.scp") == ["c", "a", "b"]
    assert not (tmp_path / "out/feats.ark").exists()


def test_a_key_that_stands_twice_keeps_both_lines(tmp_path: Path) -> None:
    write(tmp_path / "1/text", "c first", "b x")
    write(tmp_path / "2/text", "c second")
    merge_shards(["c", "b", "c"], [tmp_path / "1", tmp_path / "2"], tmp_path / "out")
    assert (tmp_path / "out/text").read_text() == "c first\nb x\nc second\n"


def test_turns_of_segments_stand_in_the_order_of_their_recordings(tmp_path: Path) -> None:
    inputs = [("b-2", "b"), ("a-1", "a"), ("b-1", "b")]
    write(tmp_path / "1/rttm", "SPEAKER b 1 0.0 1.0 x", "SPEAKER b 1 2.0 1.0 y")
    write(tmp_path / "2/rttm", "SPEAKER a 1 0.0 1.0")
    write(tmp_path / "1/out.jsonl", '{"key": "b-2", "recording": "b"}', '{"key": "b-1", "recording": "b"}')
    write(tmp_path / "2/out.jsonl", '{"key": "a-1", "recording": "a"}')
    task.merge_shards(inputs, [tmp_path / "1", tmp_path / "2"], tmp_path / "out")
    assert [line.split()[-1] for line in (tmp_path / "out/rttm").read_text().splitlines()] == ["x", "y", "1.0"]
    keys = [json.loads(line)["key"] for line in (tmp_path / "out/out.jsonl").read_text().splitlines()]
    assert keys == ["b-2", "a-1", "b-1"]
