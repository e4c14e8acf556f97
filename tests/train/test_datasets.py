"""What each data set gives its network."""

import json

import numpy as np
import pytest
import soundfile
import torch

from asrtools.errors import DataError
from asrtools.train.hotword_dataset import AudioDatasetHotword, draw_spans
from asrtools.train.punctuation_dataset import PunctuationDataset
from asrtools.train.sense_voice_dataset import SenseVoiceCTCDataset, SenseVoiceDataset
from asrtools.train.speaker_dataset import SpeakerDataset
from asrtools.train.vad_dataset import VadDataset


class Letters:
    """A tokenizer with the tags of SenseVoice."""

    token_list = ["<unk>", "<s>", "</s>", "<|zh|>", "<|en|>", "<|NEUTRAL|>", "<|SAD|>", "<|Speech|>", "<|woitn|>"]
    token_list += ["<|withitn|>", "<|ASR|>", "<|startoftranscript|>", "<|endoftext|>", *"abcdefghij"]

    def encode(self, text: str) -> list[int]:
        return self.tokens2ids(list(text))

    def tokens2ids(self, tokens: list[str]) -> list[int]:
        return [self.token_list.index(token) if token in self.token_list else 0 for token in tokens]


@pytest.fixture
def frontend():
    from asrtools.features.frontend import WavFrontend

    return WavFrontend(n_mels=20)


def one(dataset) -> dict[str, torch.Tensor]:
    return dataset.collator([dataset[index] for index in range(len(dataset))])


def test_hotwords_of_a_batch_are_drawn_from_its_texts(rows, write_rows, tmp_path, frontend) -> None:
    for row, text in zip(rows, ["abcdefgh", "ab", "a", "cdefghij", "hgfedcba"], strict=False):
        row["target"] = text
    path = write_rows(tmp_path / "a.jsonl", rows[:5])
    dataset = AudioDatasetHotword(path, frontend=frontend, tokenizer=Letters(), seaco_id=99)
    found = set()
    for epoch in range(8):
        dataset.set_epoch(epoch)
        batch = one(dataset)
        text, label = batch["text"], batch["seaco_label_pad"]
        assert ((label == -1) == (text == -1)).all()
        assert ((label == text) | (label == 99)).all()
        words = [row[:size].tolist() for row, size in zip(batch["hotword_pad"], batch["hotword_lengths"], strict=True)]
        assert words[-1] == [1]
        texts = ["".join(map(chr, row)) for row in text.clamp(min=0).tolist()]
        for word in words[:-1]:
            assert 2 <= len(word) <= 8 and any("".join(map(chr, word)) in one for one in texts)
        assert (batch["hotword_pad"][batch["hotword_pad"].ne(0).sum(1) < batch["hotword_pad"].shape[1]] >= 0).all()
        found.add(len(words))
    assert len(found) > 1


def test_without_a_seaco_id_there_are_no_labels_for_hotwords(noise_list, frontend) -> None:
    batch = one(AudioDatasetHotword(noise_list, frontend=frontend, tokenizer=Letters()))
    assert "seaco_label_pad" not in batch and "hotword_pad" in batch


def test_hotwords_stand_inside_their_text_as_often_as_published() -> None:
    rng = np.random.default_rng(0)
    counts = {0: 0, 1: 0, 2: 0}
    for _ in range(4000):
        length = int(rng.integers(0, 40))
        spans = draw_spans(length, rng)
        counts[len(spans)] += length > 12
        assert all(begin >= 0 and begin + 2 <= end <= min(length, begin + 8) for begin, end in spans)
        assert len(spans) < 2 or spans[0][1] <= spans[1][0]
    share = {number: count / sum(counts.values()) for number, count in counts.items()}
    assert share[0] == pytest.approx(0.25, abs=0.04) and share[2] == pytest.approx(0.075, abs=0.025)


def test_sense_voice_texts_begin_with_their_tags(rows, write_rows, tmp_path, frontend) -> None:
    rows[0] |= {"target": "ab", "text_language": "<|en|>", "emo_target": "<|SAD|>", "with_or_wo_itn": "<|withitn|>"}
    rows[1] |= {"target": "c"}
    dataset = SenseVoiceCTCDataset(write_rows(tmp_path / "a.jsonl", rows[:2]), frontend=frontend, tokenizer=Letters())
    batch = one(dataset)
    names = [[Letters.token_list[number] for number in row if number >= 0] for row in batch["text"].tolist()]
    assert names[0] == ["<|en|>", "<|SAD|>", "<|Speech|>", "<|withitn|>", "a", "b"]
    assert names[1] == ["<|zh|>", "<|NEUTRAL|>", "<|Speech|>", "<|woitn|>", "c"]
    assert batch["text_lengths"].tolist() == [6, 5]


def test_a_tag_that_the_model_has_not_is_named(rows, write_rows, tmp_path, frontend) -> None:
    rows[0]["text_language"] = "<|xx|>"
    dataset = SenseVoiceCTCDataset(write_rows(tmp_path / "a.jsonl", rows[:1]), frontend=frontend, tokenizer=Letters())
    with pytest.raises(DataError, match=r"u00: <\|xx\|> is no token"):
        dataset[0]


def test_a_decoder_of_sense_voice_learns_all_but_the_task(rows, write_rows, tmp_path, frontend) -> None:
    rows[0]["target"] = "ab"
    dataset = SenseVoiceDataset(write_rows(tmp_path / "a.jsonl", rows[:1]), frontend=frontend, tokenizer=Letters())
    batch = one(dataset)
    names = [Letters.token_list[number] for number in batch["text"][0].tolist()]
    assert names == ["<|startoftranscript|>", "<|ASR|>", "<|zh|>", "a", "b", "<|endoftext|>"]
    assert batch["target_mask"].tolist() == [[0, 0, 1, 1, 1, 1]]


def test_punctuated_lines_become_words_and_marks(tmp_path) -> None:
    (tmp_path / "lines.txt").write_text("a, b. c\nd?\n")
    marks = ["<unk>", "_", "，", "。", "？", "、"]
    batch = one(PunctuationDataset(tmp_path / "lines.txt", tokenizer=Letters(), punc_list=marks, has_pauses=True))
    assert batch["text"].tolist() == [Letters().encode("abc"), [*Letters().encode("d"), 0, 0]]
    assert batch["punc"].tolist() == [[2, 3, 1], [4, 0, 0]]
    assert batch["text_lengths"].tolist() == batch["punc_lengths"].tolist() == [3, 1]
    assert batch["vad_indexes"].tolist()[0] in (0, 1, 2) and batch["vad_indexes"].tolist()[1] == 0


def test_of_a_long_text_each_epoch_sees_another_stretch(tmp_path) -> None:
    (tmp_path / "lines.txt").write_text(" ".join("abcdefghij" * 20) + "\n")
    keywords = {"tokenizer": Letters(), "punc_list": ["<unk>", "_", "。"], "max_words": 15}
    dataset = PunctuationDataset(tmp_path / "lines.txt", **keywords)
    seen = set()
    for epoch in range(4):
        dataset.set_epoch(epoch)
        seen.add(tuple(dataset[0]["text"].tolist()))
    assert len(seen) > 1 and {len(text) for text in seen} == {15}


def test_frames_of_speech_follow_the_segments_also_at_another_speed(tmp_path, write_rows, frontend) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).standard_normal(48000) * 0.1, 16000)
    row = {"key": "u", "source": str(tmp_path / "a.wav"), "source_len": 300, "value": [[500, 1000], [2000, 2600]]}
    path = write_rows(tmp_path / "a.jsonl", [row])
    plain = VadDataset(path, frontend=frontend)[0]
    changes = np.flatnonzero(np.diff(plain["is_speech"])) * 10
    assert len(plain["is_speech"]) == len(plain["speech"])
    assert np.abs(changes - [500, 1000, 2000, 2600]).max() <= 20
    fast = VadDataset(
        path,
        frontend=frontend,
        preprocessor_speech="SpeechPreprocessSpeedPerturb",
        preprocessor_speech_conf={"speed_perturb": [1.25]},
    )[0]
    changes = np.flatnonzero(np.diff(fast["is_speech"])) * 12.5
    assert np.abs(changes - [500, 1000, 2000, 2600]).max() <= 25


def test_windows_of_a_long_recording_have_their_own_part_of_the_segments(tmp_path, frontend) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).standard_normal(48000) * 0.1, 16000)
    (tmp_path / "wav.scp").write_text(f"rec {tmp_path / 'a.wav'}\n")
    (tmp_path / "rttm").write_text("SPEAKER rec 1 0.5 1.0 <NA> <NA> x <NA> <NA>\n")
    dataset = VadDataset(tmp_path, frontend=frontend, window=100)
    parts = [dataset[index]["is_speech"].mean() for index in range(len(dataset))]
    assert parts == pytest.approx([0.5, 0.5, 0.0], abs=0.04)


def test_classes_of_frames_come_from_an_ark(tmp_path, write_rows, frontend, rows) -> None:
    np.save(tmp_path / "labels.npy", np.arange(300, dtype=np.float32)[:, None] % 7)
    path = write_rows(tmp_path / "a.jsonl", [{**rows[0], "labels": str(tmp_path / "labels.npy")}])
    sample = VadDataset(path, frontend=frontend)[0]
    assert sample["labels"].tolist() == [number % 7 for number in range(len(sample["speech"]))]


def test_a_row_without_segments_says_what_is_missing(rows, write_rows, tmp_path, frontend) -> None:
    with pytest.raises(DataError, match="u00: its segments are None"):
        VadDataset(write_rows(tmp_path / "a.jsonl", rows[:1]), frontend=frontend)[0]


def test_speakers_are_numbered_and_their_stretches_of_one_length(rows, write_rows, tmp_path, frontend) -> None:
    for number, row in enumerate(rows[:6]):
        row["speaker"] = f"s{5 - number // 2}"
    path = write_rows(tmp_path / "a.jsonl", rows[:6])
    dataset = SpeakerDataset(path, frontend=frontend, crop_s=1.0)
    assert dataset.speakers == ["s3", "s4", "s5"]
    batch = one(dataset)
    assert batch["speaker"].tolist() == [2, 2, 1, 1, 0, 0]
    assert set(batch["speech_lengths"].tolist()) == {98}
    dataset.set_epoch(1)
    assert not torch.equal(one(dataset)["speech"], batch["speech"])
    other = SpeakerDataset(path, frontend=frontend, speakers=["s4", "s5"], is_training=False)
    with pytest.raises(DataError, match="u04: its speaker is 's3'"):
        other[4]


def test_noise_and_rooms_change_speech_only_in_training(rows, write_rows, tmp_path, frontend) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "hum.wav", rng.standard_normal(90000) * 0.2, 16000)
    soundfile.write(tmp_path / "room.wav", np.exp(-np.arange(800) / 100) * rng.standard_normal(800), 16000)
    for name in ("hum", "room"):
        (tmp_path / f"{name}.scp").write_text(f"{name} {tmp_path / name}.wav\n")
    keywords = {"frontend": frontend, "tokenizer": Letters()}
    path = write_rows(tmp_path / "a.jsonl", rows[:1])
    clean = SenseVoiceCTCDataset(path, **keywords)[0]["speech"]
    for given in (
        {"noise_scp": str(tmp_path / "hum.scp"), "noise_db_range": "5_10"},
        {"rir_scp": str(tmp_path / "room.scp")},
    ):
        changed = SenseVoiceCTCDataset(path, **keywords, **given)[0]["speech"]
        again = SenseVoiceCTCDataset(path, **keywords, **given)[0]["speech"]
        assert changed.shape == clean.shape
        assert np.array_equal(changed, again) and not np.allclose(changed, clean)
        valid = SenseVoiceCTCDataset(path, **keywords, **given, is_training=False)[0]["speech"]
        assert np.array_equal(valid, clean)


def test_features_of_an_ark_are_trained_on_as_they_are(tmp_path, write_rows, rows, frontend) -> None:
    feats = np.random.default_rng(0).standard_normal((40, 20)).astype(np.float32)
    np.save(tmp_path / "u.npy", feats)
    path = write_rows(tmp_path / "a.jsonl", [{**rows[0], "source": str(tmp_path / "u.npy")}])
    sample = SenseVoiceCTCDataset(path, frontend=frontend, tokenizer=Letters())[0]
    assert np.array_equal(sample["speech"], feats)


def test_a_text_preprocessor_from_outside_is_used(rows, write_rows, tmp_path, frontend) -> None:
    from asrtools.register import tables
    from asrtools.train.audio_dataset import AudioDataset

    @tables.register("preprocessor_classes", "Shouting")
    class Shouting:
        def __call__(self, text: str) -> str:
            return text.replace("z", "a")

    rows[0]["target"] = "zb"
    path = write_rows(tmp_path / "a.jsonl", rows[:1])
    sample = AudioDataset(path, frontend=frontend, tokenizer=Letters(), preprocessor_text="Shouting")[0]
    assert sample["text"].tolist() == Letters().encode("ab")
    assert json.loads(path.read_text())["target"] == "zb"
