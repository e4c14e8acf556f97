"""lhotse's Shar directories as training data."""

import pytest
import torch

from asrtools.errors import DataError

LENGTH = {"dataset_conf.batch_type": "length", "dataset_conf.batch_size": 400}


@pytest.fixture(scope="module")
def shards(tmp_path_factory, noise_list):
    """The cuts of `noise_list`, seven to a shard."""
    import json

    from lhotse import CutSet, MonoCut, Recording, SupervisionSegment

    folder = tmp_path_factory.mktemp("shar")
    cuts = []
    for line in noise_list.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        recording = Recording.from_file(row["source"], recording_id=row["key"])
        said = SupervisionSegment(row["key"], row["key"], 0.0, recording.duration, text=row["target"], speaker="s1")
        cuts.append(MonoCut(row["key"], 0.0, recording.duration, 0, [said], recording=recording))
    CutSet.from_cuts(cuts).to_shar(folder, fields={"recording": "flac"}, shard_size=7)
    return folder


def test_shards_give_every_utterance_once_and_the_same_again(tiny_config, opened, shards) -> None:
    read = tiny_config(LENGTH)
    first, again, other = (list(opened(read, shards).epoch(number)) for number in (0, 0, 1))
    assert sorted(key for batch in first for key in batch.keys) == [f"u{number:02}" for number in range(30)]
    for one, two in zip(first, again, strict=True):
        assert one.keys == two.keys and torch.equal(one.inputs["speech"], two.inputs["speech"])
    assert [batch.keys for batch in first] != [batch.keys for batch in other]
    rest = list(opened(read, shards).epoch(0, first_step=4))
    assert [batch.keys for batch in rest] == [batch.keys for batch in first[4:]]


def test_shards_give_what_the_list_gives(tiny_config, opened, shards, noise_list) -> None:
    read = tiny_config({"dataset_conf.batch_size": 1})
    listed = {batch.keys[0]: batch for batch in opened(read, noise_list).epoch(0)}
    for batch in opened(read, shards).epoch(0):
        same = listed[batch.keys[0]]
        assert torch.equal(batch.inputs["text"], same.inputs["text"])
        assert torch.allclose(batch.inputs["speech"], same.inputs["speech"], atol=1e-3)


def test_workers_change_nothing(tiny_config, opened, shards) -> None:
    alone = list(opened(tiny_config(LENGTH), shards).epoch(0))
    together = list(opened(tiny_config({**LENGTH, "dataset_conf.num_workers": 2}), shards).epoch(0))
    assert [batch.keys for batch in alone] == [batch.keys for batch in together]


def test_ranks_have_as_many_steps(tiny_config, opened, shards) -> None:
    ranks = [list(opened(tiny_config(LENGTH), shards, rank=rank, world_size=2).epoch(0)) for rank in range(2)]
    assert len(ranks[0]) == len(ranks[1])
    assert len({key for batches in ranks for batch in batches for key in batch.keys}) == 30


def test_what_the_limits_leave_out_is_counted(tiny_config, opened, shards) -> None:
    data = opened(tiny_config({**LENGTH, "dataset_conf.max_source_length": 100}), shards)
    num = sum(len(batch.keys) for batch in data.epoch(0))
    assert 0 < num < 30
    assert data.dropped["source_len above 100"] == 30 - num


def test_shards_and_lists_do_not_mix(tiny_config, opened, shards, noise_list) -> None:
    with pytest.raises(DataError, match="is no Shar directory"):
        opened(tiny_config(LENGTH), [shards, noise_list])


def test_audio_that_cannot_be_read_is_named_and_costs_no_step(tiny_config, opened, shards, monkeypatch) -> None:
    from asrtools.train import shar_data

    def broken(cut):
        row = as_it_is(cut)
        return row._replace(held=b"RIFFnothing") if cut.id in ("u03", "u07") else row

    whole = len(list(opened(tiny_config(LENGTH), shards).epoch(0)))
    alone = {"dataset_conf.batch_size": 1}
    num = len(list(opened(tiny_config(alone), shards).epoch(0)))
    as_it_is = shar_data.row_of
    monkeypatch.setattr(shar_data, "row_of", broken)
    said: list[str] = []
    for overrides, wanted in ((LENGTH, whole), (alone, num)):
        data = opened(tiny_config(overrides), shards, warn=said.append)
        batches = list(data.epoch(0))
        assert len(batches) == wanted and all(batch.keys for batch in batches)
        assert set(data.failed) == {"u03", "u07"} and data.dropped["cannot be used"] == 2
    assert {line.partition(":")[0] for line in said} == {"u03", "u07"}
