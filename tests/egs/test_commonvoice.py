"""The recipe egs/commonvoice on a small tree of a release's layout."""

import importlib.util
import json
from pathlib import Path

import pytest
from small_corpus import EGS, read_table, write_speech

SENTENCES = ['She said: "It’s over', "Don't — he's twenty-one!", "ÉTÉ, l'été...", "«Ja», dann", "Six swans"]
COLUMNS = ["client_id", "path", "sentence", "up_votes", "down_votes", "age", "gender", "accents", "variant", "locale"]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("release")
    for offset, name in enumerate(("train", "dev", "test")):
        rows = []
        for number, sentence in enumerate([*SENTENCES, "?!", "a clip that is not there"]):
            clip = f"common_voice_en_{100 * offset + number}.mp3"
            rows.append({"client_id": f"{offset}{'abcdef' * 20}", "path": clip, "sentence": sentence, "locale": "en"})
            if number <= len(SENTENCES):
                write_speech(root / "en" / "clips" / clip, range(number, number + 4), rate=32000)
        with open(root / "en" / f"{name}.tsv", "w", encoding="utf-8", newline="") as file:
            file.write("\t".join(COLUMNS) + "\n")
            for row in rows:
                file.write("\t".join(row.get(column, "") for column in COLUMNS) + "\n")
    return root


@pytest.fixture(scope="module")
def prepared(recipe, release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    places = ("--commonvoice_dir", release, "--data", work / "data", "--exp", work / "exp")
    done = recipe("commonvoice", *places, "--nj", "1", "--bpe_size", "30", "--stop_stage", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 clips are not there, 1 texts are empty" in done.stderr
    return work


def test_texts_are_bare_words_and_keys_begin_with_the_speaker(prepared: Path) -> None:
    expected = ["she said it's over", "don't he's twenty-one", "été l'été", "ja dann", "six swans"]
    for name in ("train", "dev", "test"):
        folder = prepared / "data" / "en" / name
        text, speakers = read_table(folder / "text"), read_table(folder / "utt2spk")
        assert list(text.values()) == expected
        assert all(key.startswith(speakers[key]) for key in text)
        rows = [json.loads(line) for line in (folder.parent / "list" / f"{name}.jsonl").read_text().splitlines()]
        assert [row["target"] for row in rows] == expected
        assert all(95 <= row["source_len"] <= 115 for row in rows)  # a second and silence, in frames of 10 ms


def test_normalisation_and_pieces_are_those_of_the_language(prepared: Path) -> None:
    assert "<AddShift> 80 80" in (prepared / "exp" / "en" / "cmvn" / "am.mvn").read_text()
    pieces = json.loads((prepared / "exp" / "en" / "bpe" / "tokens.json").read_text())
    assert pieces[:4] == ["<blank>", "<s>", "</s>", "<unk>"]


def test_case_and_punctuation_can_stay() -> None:
    spec = importlib.util.spec_from_file_location("prepare", EGS / "commonvoice" / "local" / "prepare_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.normalise("Yes,  it’s “Me”!", keeps_case=True, keeps_punctuation=True) == "Yes, it's “Me”!"
    assert module.normalise("Yes, 'tis — me-", keeps_case=True) == "Yes tis me"


def test_a_language_that_is_not_there_is_an_error(recipe, release: Path, tmp_path: Path) -> None:
    done = recipe("commonvoice", "--commonvoice_dir", release, "--lang", "cy", "--data", tmp_path, "--exp", tmp_path)
    assert done.returncode == 1
    assert "cy/train.tsv is missing" in done.stderr


TINY = (
    "++encoder_conf.output_size=32 ++encoder_conf.linear_units=64 ++encoder_conf.num_blocks=1 "
    "++decoder_conf.linear_units=64 ++decoder_conf.num_blocks=1 ++train_conf.max_epoch=2 ++dataset_conf.num_workers=0"
)


@pytest.mark.slow
def test_a_small_conformer_is_trained_averaged_and_scored(recipe, prepared: Path, release: Path) -> None:
    places = ("--commonvoice_dir", release, "--data", prepared / "data", "--exp", prepared / "exp", "--nj", "1")
    done = recipe("commonvoice", *places, "--stage", "3", "--average", "2", "--train_args", TINY)
    assert done.returncode == 0, done.stdout + done.stderr
    scored = prepared / "exp" / "en" / "conformer_12e_6d_2048_256" / "test" / "1best_recog" / "text.cer"
    assert "Scored 5 sentences, 0 not present in hyp." in scored.read_text(encoding="utf-8")
    assert "test: %WER" in done.stdout
