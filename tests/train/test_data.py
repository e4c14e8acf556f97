import http.server
import itertools
import threading
from collections import Counter

import pytest
import torch

from asrtools.errors import ConfigError, DataError

LENGTH = {"dataset_conf.batch_type": "length", "dataset_conf.batch_size": 400, "dataset_conf.sort_size": 8}
AUGMENTED = {
    **LENGTH,
    "dataset_conf.preprocessor_speech": "SpeechPreprocessSpeedPerturb",
    "dataset_conf.preprocessor_speech_conf": {"speed_perturb": [0.9, 1.0, 1.1]},
    "specaug": "SpecAugLFR",
    "specaug_conf": {"apply_time_warp": False, "time_mask_width_range": [0, 6], "lfr_rate": 6},
}


def same(one, other) -> bool:
    return one.keys == other.keys and all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


def test_an_epoch_holds_every_utterance_once(tiny_config, opened, noise_list) -> None:
    data = opened(tiny_config(LENGTH), noise_list)
    keys = [key for batch in data.epoch(0) for key in batch.keys]
    assert sorted(keys) == [f"u{number:02}" for number in range(30)]
    assert data.num_steps(0) == len(list(data.epoch(0)))


def test_the_numbers_of_a_batch_are_those_of_its_tensors(tiny_config, opened, noise_list) -> None:
    for batch in opened(tiny_config(LENGTH), noise_list).epoch(0):
        speech, lens = batch.inputs["speech"], batch.inputs["speech_lengths"]
        assert speech.dtype == torch.float32 and lens.dtype == torch.int64
        assert batch.num_padded_frames == speech.shape[0] * speech.shape[1] * 6
        assert batch.num_frames == int(lens.sum()) * 6
        assert batch.num_tokens == int(batch.inputs["text_lengths"].sum())
        for row, length in zip(batch.inputs["text"], batch.inputs["text_lengths"], strict=True):
            assert (row[:length] >= 0).all() and (row[length:] == -1).all()


def test_an_epoch_begun_in_the_middle_goes_on_as_the_whole_one(tiny_config, opened, noise_list) -> None:
    config = tiny_config(AUGMENTED)
    whole = list(opened(config, noise_list).epoch(2))
    rest = list(opened(config, noise_list).epoch(2, first_step=3))
    assert len(whole) == len(rest) + 3
    assert all(same(one, other) for one, other in zip(whole[3:], rest, strict=True))


def test_worker_processes_change_nothing(tiny_config, opened, noise_list) -> None:
    alone = opened(tiny_config(AUGMENTED), noise_list)
    together = opened(tiny_config({**AUGMENTED, "dataset_conf.num_workers": 2}), noise_list)
    for number in (0, 1):
        one, other = list(alone.epoch(number)), list(together.epoch(number))
        assert len(one) == len(other) and all(map(same, one, other))
    half = list(itertools.islice(together.epoch(0), 2))  # left in the middle
    assert all(map(same, half, alone.epoch(0)))
    assert all(map(same, together.epoch(3), alone.epoch(3)))


def test_epochs_differ_in_order_and_in_augmentation(tiny_config, opened, noise_list) -> None:
    data = opened(tiny_config({**AUGMENTED, "dataset_conf.batch_size": 1}), noise_list)
    first, second = ({batch.keys[0]: batch for batch in data.epoch(number)} for number in (0, 1))
    assert list(first) != list(second)
    assert any(not same(first[key], second[key]) for key in first)


def test_loading_leaves_the_random_numbers_of_torch_alone(tiny_config, opened, noise_list) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for workers in (0, 1):
        list(opened(tiny_config({**AUGMENTED, "dataset_conf.num_workers": workers}), noise_list).epoch(0))
    assert torch.equal(before, torch.get_rng_state())


def test_validation_is_in_the_order_of_the_list_and_not_augmented(tiny_config, opened, noise_list) -> None:
    config = tiny_config({**AUGMENTED, "dataset_conf.batch_type": "example", "dataset_conf.sort_size": -1})
    data = opened(config, noise_list, is_training=False)
    first, second = list(data.epoch(0)), list(data.epoch(1))
    assert [key for batch in first for key in batch.keys] == sorted(key for batch in first for key in batch.keys)
    assert all(map(same, first, second))


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_have_as_many_steps_and_share_the_data(tiny_config, opened, noise_list, world) -> None:
    config = tiny_config(LENGTH)
    ranks = [list(opened(config, noise_list, rank=rank, world_size=world).epoch(0)) for rank in range(world)]
    assert len({len(batches) for batches in ranks}) == 1
    fresh = Counter(key for batches in ranks for one in batches if not one.is_repeated for key in one.keys)
    assert len(fresh) == 30 and set(fresh.values()) == {1}


def test_a_corrupt_recording_is_named_counted_and_costs_no_step(
    tiny_config, opened, rows, write_rows, tmp_path
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFFjunk")
    rows[4]["source"] = str(tmp_path / "bad.wav")
    rows[9]["source"] = str(tmp_path / "not_there.wav")
    path = write_rows(tmp_path / "train.jsonl", rows)
    config = tiny_config({"dataset_conf.batch_type": "example", "dataset_conf.batch_size": 1})
    said: list[str] = []
    steps = []
    for rank in range(2):
        data = opened(config, path, rank=rank, world_size=2, warn=said.append)
        batches = [batch for number in (0, 1) for batch in data.epoch(number)]
        steps.append(len(batches))
        assert all(len(batch.keys) == 1 for batch in batches)
        assert sum(data.dropped.values()) == len(data.failed)
    assert steps[0] == steps[1] == 30
    assert {line.partition(":")[0] for line in said} == {"u04", "u09"}


def test_nothing_but_corrupt_recordings_is_an_error(tiny_config, opened, rows, write_rows, tmp_path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{**row, "source": str(tmp_path / "gone.wav")} for row in rows])
    with pytest.raises(DataError, match="not one of the data set can be used"):
        list(opened(tiny_config(LENGTH), path, warn=lambda text: None).epoch(0))


def test_an_unknown_key_names_its_near_match(tiny_config, opened, noise_list) -> None:
    with pytest.raises(ConfigError, match="did you mean batch_size"):
        opened(tiny_config({"dataset_conf.batch_sise": 4}), noise_list)


def test_more_processes_than_rows_is_an_error(tiny_config, opened, noise_list) -> None:
    with pytest.raises(DataError, match="30 rows for 31 processes"):
        opened(tiny_config(LENGTH), noise_list, world_size=31)


def test_urls_are_fetched_once_and_trained_on(
    tiny_config, opened, rows, write_rows, tmp_path, monkeypatch, noise_list
) -> None:
    monkeypatch.setenv("ASRTOOLS_CACHE", str(tmp_path / "cache"))
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, directory=str(noise_list.parent), **keywords)

        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            for row in rows[:3]:
                row["source"] = f"http://127.0.0.1:{server.server_port}/{row['source'].rpartition('/')[2]}"
            read = tiny_config({"dataset_conf.batch_size": 1})
            local = {batch.keys[0]: batch for batch in opened(read, noise_list).epoch(0)}
            data = opened(read, write_rows(tmp_path / "a.jsonl", rows[:3]))
            for number in (0, 1):
                for batch in data.epoch(number):
                    assert torch.equal(batch.inputs["speech"], local[batch.keys[0]].inputs["speech"])
        finally:
            server.shutdown()
            thread.join()
    assert len(asked) == 3


PUBLISHED = {
    "sensevoice": {
        "index_ds": "IndexDSJsonl",
        "batch_sampler": "EspnetStyleBatchSampler",
        "data_split_num": 32,
        "batch_type": "token",
        "batch_size": 14000,
        "max_token_length": 2000,
        "min_token_length": 60,
        "shuffle": True,
        "sos": 1,
        "eos": 2,
        "IndexDSJsonl": "IndexDSJsonl",
        "retry": 20,
    },
    "paraformer": {
        "index_ds": "IndexDSJsonl",
        "batch_sampler": "DynamicBatchLocalShuffleSampler",
        "batch_type": "example",
        "batch_size": 1,
        "max_token_length": 2048,
        "buffer_size": 500,
        "shuffle": True,
    },
    "aishell": {
        "index_ds": "IndexDSJsonl",
        "batch_sampler": "BatchSampler",
        "batch_type": "length",
        "batch_size": 25000,
        "max_token_length": 2048,
        "buffer_size": 1024,
        "shuffle": True,
        "sort_size": 1024,
        "preprocessor_speech": "SpeechPreprocessSpeedPerturb",
        "preprocessor_speech_conf": {"speed_perturb": [0.9, 1.0, 1.1]},
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sections_are_taken_as_they_are(tiny_config, opened, noise_list, name) -> None:
    read = tiny_config({f"dataset_conf.{key}": value for key, value in PUBLISHED[name].items()})
    data = opened(read, noise_list)
    assert sum(len(batch.keys) for batch in data.epoch(0)) + sum(data.dropped.values()) == 30
