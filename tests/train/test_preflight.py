import json

import numpy as np
import pytest
import soundfile

from asrtools.build import build_input, build_network, build_tokenizer, sizes_of
from asrtools.train.padding import padding_of
from asrtools.train.preflight import needed, preflight


@pytest.fixture
def network(tiny_config):
    read = tiny_config()
    return build_network(read, *sizes_of(read, build_input(read), build_tokenizer(read)))


def test_what_is_wrong_with_the_data_is_said_before_the_first_step(
    tiny_config, opened, rows, write_rows, tmp_path, network
) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(16000), 16000)
    rows[0] |= {"source": str(tmp_path / "silent.wav"), "source_len": 100}
    rows[1]["target"] = "龘龘靐"
    rows[2] |= {"target": "一" * 40, "source_len": 60}
    rows[3]["source_len"] = 5000
    (tmp_path / "broken.wav").write_bytes(b"RIFFnothing")
    rows[4]["source"] = str(tmp_path / "broken.wav")
    train = opened(tiny_config(), write_rows(tmp_path / "train.jsonl", rows[:20]))
    valid_rows = [rows[10], {**rows[11], "key": "other"}, *rows[20:24]]
    valid = opened(tiny_config(), write_rows(tmp_path / "valid.jsonl", valid_rows), is_training=False)
    found = preflight(train, valid, network)
    assert found.train.num_rows == 19 and found.train.dropped == {"source_len above 2048": 1}
    assert found.train.hours == pytest.approx(
        sum(row["source_len"] for row in rows[:20]) / 360000 - 5000 / 360000, abs=1e-4
    )
    assert found.train.unknown == {"龘": 2, "靐": 1}
    assert found.train.too_long == ("u02",)
    assert found.train.silent == ("u00",)
    assert [line.partition(":")[0] for line in found.train.unreadable] == ["u04"]
    assert (found.num_shared_keys, found.num_shared_sources) == (1, 2)
    assert found.num_steps == 19 and found.padding == 0.0
    told = str(found)
    for part in ("19 rows", "龘 (2)", "u02", "silent: u00", "1 keys and 2 sources in common", "0.0 %"):
        assert part in told
    found.write(tmp_path / "preflight.json")
    assert json.loads((tmp_path / "preflight.json").read_text())["train"]["num_silent"] == 1


def test_texts_without_audio_are_reported_too(tmp_path, tiny_config, opened) -> None:
    (tmp_path / "lines.txt").write_text("一，二。\n三\n", encoding="utf-8")
    read = tiny_config()
    read.values |= {"model": "CTTransformer", "frontend": None, "model_conf": {"punc_list": ["<unk>", "_", "，", "。"]}}
    data = opened(read, tmp_path / "lines.txt", frontend=None)
    found = preflight(data)
    assert found.train.num_units == 3 and found.train.num_unknown == 0 and found.train.num_clips == 0


def test_ctc_wants_a_frame_more_between_two_that_are_the_same() -> None:
    assert needed(list("aab")) == 4
    assert needed([]) == 0


def test_padding_is_what_is_computed_beyond_the_utterances() -> None:
    found = padding_of([[0, 1], [2]], np.array([10, 30, 20]))
    assert (found.num_batches, found.num_frames, found.num_padded_frames, found.largest) == (2, 60, 80, 60)
    assert found.waste == pytest.approx(0.25)
    assert "25.0 %" in str(found)
