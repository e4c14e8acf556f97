"""Data sets, indexes and samplers that users register, written as the documents show them."""

import json
import random

import pytest
import torch

from asrtools.register import tables
from asrtools.train.audio_dataset import AudioDataset


@pytest.fixture(scope="module", autouse=True)
def own_classes() -> None:
    @tables.register("index_ds_classes", "OwnIndex")
    class OwnIndex(torch.utils.data.Dataset):
        def __init__(self, path, **kwargs):
            with open(path, encoding="utf-8") as lines:
                self.contents = [json.loads(line) for line in lines][: kwargs.get("first", 10)]

        def __len__(self):
            return len(self.contents)

        def __getitem__(self, index):
            return self.contents[index]

        def get_source_len(self, data):
            return data["source_len"]

        def get_target_len(self, data):
            return len(data["target"])

    @tables.register("dataset_classes", "OwnDataset")
    class OwnDataset(torch.utils.data.Dataset):
        """From the documents' interface alone; draws from the global random numbers."""

        def __init__(self, path, index_ds=None, frontend=None, tokenizer=None, **kwargs):
            self.index_ds = tables.index_ds_classes.get(index_ds)(path, **kwargs)
            self.tokenizer = tokenizer

        def get_source_len(self, index):
            return self.index_ds.get_source_len(self.index_ds[index])

        def get_target_len(self, index):
            return self.index_ds.get_target_len(self.index_ds[index])

        def __len__(self):
            return len(self.index_ds)

        def __getitem__(self, index):
            item = self.index_ds[index]
            text = torch.tensor(self.tokenizer.encode(item["target"]), dtype=torch.int64)
            speech = torch.randn(7, 5) + random.random()
            return {"speech": speech, "speech_lengths": 7, "text": text, "text_lengths": len(text)}

        def collator(self, samples):
            text = torch.nn.utils.rnn.pad_sequence([one["text"] for one in samples], True, -1)
            lens = {name: torch.tensor([one[name] for one in samples]) for name in ("speech_lengths", "text_lengths")}
            return {"speech": torch.stack([one["speech"] for one in samples]), "text": text, **lens}

    @tables.register("dataset_classes", "OwnAudioDataset")
    class OwnAudioDataset(AudioDataset):
        def __getitem__(self, index):
            return {**super().__getitem__(index), "text": super().__getitem__(index)["text"][:1]}

    @tables.register("batch_sampler_classes", "OwnSampler")
    class OwnSampler(torch.utils.data.Sampler):
        def __init__(self, dataset, batch_size, rank=None, num_replicas=None, is_training=True, **kwargs):
            self.size, self.num, self.rank, self.world = batch_size, len(dataset), rank, num_replicas
            self.epoch = 0

        def set_epoch(self, epoch):
            self.epoch = epoch

        def __len__(self):
            return len(list(iter(self)))

        def __iter__(self):
            order = list(range(self.num))
            random.Random(self.epoch).shuffle(order)
            batches = [order[place : place + self.size] for place in range(0, self.num, self.size)]
            return iter([*batches[self.rank :: self.world], []])

    @tables.register("batch_sampler_classes", "own_sampler_function")
    def own_sampler_function(dataset, **kwargs):
        return {"batch_sampler": OwnSampler(dataset, 5, 0, 1), "num_workers": 4}


def conf(**dataset_conf) -> dict:
    own = {f"dataset_conf.{key}": value for key, value in dataset_conf.items()}
    return {"dataset_conf.batch_size": 4, **own}


def test_a_data_set_of_the_documented_interface_trains_and_repeats(tiny_config, opened, noise_list) -> None:
    read = tiny_config({"dataset": "OwnDataset", **conf(index_ds="IndexDSJsonl")})
    one, other = (list(opened(read, noise_list).epoch(1)) for _ in range(2))
    assert len(one) == 8
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first.inputs["speech"], second.inputs["speech"])
        assert first.num_tokens == int(first.inputs["text_lengths"].sum())
    read = tiny_config({"dataset": "OwnDataset", **conf(index_ds="IndexDSJsonl", num_workers=2)})
    for first, second in zip(one, opened(read, noise_list).epoch(1), strict=True):
        assert torch.equal(first.inputs["speech"], second.inputs["speech"])


def test_its_random_numbers_are_not_those_of_the_network(tiny_config, opened, noise_list) -> None:
    read = tiny_config({"dataset": "OwnDataset", **conf(index_ds="IndexDSJsonl")})
    torch.manual_seed(3)
    before, plain = torch.get_rng_state(), random.getstate()
    list(opened(read, noise_list).epoch(0))
    assert torch.equal(before, torch.get_rng_state()) and plain == random.getstate()


def test_an_own_index_and_an_own_sampler_work_with_ours(tiny_config, opened, noise_list) -> None:
    read = tiny_config(conf(index_ds="OwnIndex", first=9, batch_sampler="OwnSampler"))
    data = opened(read, noise_list)
    batches = list(data.epoch(0))
    assert [len(batch.keys) for batch in batches] == [4, 4, 1]
    assert sorted(key for batch in batches for key in batch.keys) == [f"u{number:02}" for number in range(9)]


def test_a_class_on_top_of_ours_takes_what_ours_takes(tiny_config, opened, noise_list) -> None:
    read = tiny_config({"dataset": "OwnAudioDataset", **conf(max_source_length=150)})
    data = opened(read, noise_list)
    assert set(data.dropped) == {"source_len above 150"}
    assert all(int(batch.inputs["text_lengths"].max()) == 1 for batch in data.epoch(0))


def test_a_function_that_makes_a_sampler_is_one(tiny_config, opened, noise_list) -> None:
    read = tiny_config(conf(batch_sampler="own_sampler_function"))
    assert [len(batch.keys) for batch in opened(read, noise_list).epoch(0)] == [5] * 6
