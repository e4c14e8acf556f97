"""The recipe egs/librispeech on a small tree of the corpus' layout."""

import json
from pathlib import Path

import pytest
from small_corpus import read_table, write_speech

PARTS = {"train-clean-100": ("103-1240", "1034-121119"), "dev-clean": ("84-121123",), "test-clean": ("61-70968",)}
WORDS = ["IT", "WAS", "THE", "FIRST", "GREAT", "SORROW", "OF", "HIS", "LIFE", "NOT", "SO", "MUCH", "LOSS"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("librispeech") / "LibriSpeech"
    for part, chapters in PARTS.items():
        for chapter in chapters:
            folder = root / part / chapter.replace("-", "/")
            lines = []
            for number in range(6):
                units = [(number + place) % len(WORDS) for place in range(3)]
                write_speech(folder / f"{chapter}-{number:04d}.flac", units)
                if number < 5:
                    lines.append(f"{chapter}-{number:04d} {' '.join(WORDS[unit] for unit in units)}")
            (folder / f"{chapter}.trans.txt").write_text("\n".join(lines) + "\n")
    return root


def options(corpus: Path, work: Path) -> list[str | Path]:
    parts = ["--train_parts", "train-clean-100", "--dev_parts", "dev-clean", "--test_parts", "test-clean"]
    return [*parts, "--librispeech_dir", corpus, "--data", work / "data", "--exp", work / "exp", "--nj", "1"]


@pytest.fixture(scope="module")
def prepared(recipe, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    done = recipe("librispeech", *options(corpus, work), "--stop_stage", "2", "--bpe_size", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    return work


def test_parts_become_data_directories_and_lists(prepared: Path) -> None:
    for part, chapters in PARTS.items():
        text = read_table(prepared / "data" / part / "text")
        assert len(text) == 5 * len(chapters)
        assert set(read_table(prepared / "data" / part / "spk2utt")) == set(chapters)
    rows = [json.loads(line) for line in (prepared / "data" / "list" / "train.jsonl").read_text().splitlines()]
    assert {row["key"]: row["target"] for row in rows} == read_table(prepared / "data" / "train-clean-100" / "text")


def test_lhotse_reads_the_same_from_the_same_tree(prepared: Path, corpus: Path) -> None:
    lhotse = pytest.importorskip("lhotse.recipes.librispeech")
    for part, manifests in lhotse.prepare_librispeech(corpus, dataset_parts=list(PARTS)).items():
        text = read_table(prepared / "data" / part / "text")
        # it takes lines without a look at the recordings, and these all have one
        assert {one.id: one.text for one in manifests["supervisions"]} == text


def test_the_pieces_spell_the_training_text_and_begin_with_the_special_ones(prepared: Path) -> None:
    from sentencepiece import SentencePieceProcessor

    pieces = json.loads((prepared / "exp" / "bpe" / "tokens.json").read_text())
    assert pieces[:4] == ["<blank>", "<s>", "</s>", "<unk>"]
    model = SentencePieceProcessor(model_file=str(prepared / "exp" / "bpe" / "bpe.model"))
    for line in read_table(prepared / "data" / "train" / "text").values():
        ids = model.encode(line)
        assert 3 not in ids and model.decode(ids) == line


def test_a_part_that_is_missing_is_an_error(recipe, corpus: Path, tmp_path: Path) -> None:
    done = recipe(
        "librispeech", "--librispeech_dir", corpus, "--data", tmp_path / "data", "--exp", tmp_path, "--stop_stage", "0"
    )
    assert done.returncode == 1
    assert "train-clean-360 is missing" in done.stderr


TINY = (
    "++encoder_conf.output_size=32 ++encoder_conf.linear_units=64 ++encoder_conf.num_blocks=1 "
    "++decoder_conf.linear_units=64 ++decoder_conf.num_blocks=1 ++train_conf.max_epoch=2 ++dataset_conf.num_workers=0"
)


@pytest.mark.slow
def test_a_small_conformer_is_trained_averaged_and_scored(recipe, prepared: Path, corpus: Path) -> None:
    done = recipe(
        "librispeech", *options(corpus, prepared), "--stage", "3", "--average", "2", "--train_args", TINY
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    scored = prepared / "exp" / "conformer_12e_6d_2048_256" / "test-clean" / "1best_recog" / "text.cer"
    assert "Scored 5 sentences, 0 not present in hyp." in scored.read_text()
    assert "test-clean: %WER" in done.stdout
