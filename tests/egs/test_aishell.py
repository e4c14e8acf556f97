"""The recipe egs/aishell on a small tree of the corpus' layout."""

import json
from pathlib import Path

import pytest
import soundfile
from small_corpus import EGS, modified, read_table, write_speech

from asrtools import build, config

CHARS = "广州市房地产中介协会分析"
SPEAKERS = {"train": ("S0002", "S0003"), "dev": ("S0724",), "test": ("S0764",)}
CONFIGS = {
    "paraformer_conformer_12e_6d_2048_256": ("Paraformer", 46.2),
    "conformer_12e_6d_2048_256": ("Conformer", 46.2),
    "transformer_12e_6d_2048_256": ("Transformer", 30.4),
    "branchformer_12e_6d_2048_256": ("Branchformer", 45.4),
    "e_branchformer_12e_6d_2048_256": ("Branchformer", 37.9),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AISHELL in little: folders, file names and transcript as published."""
    root = tmp_path_factory.mktemp("aishell") / "aishell"
    lines = []
    for name, speakers in SPEAKERS.items():
        for speaker in speakers:
            for number in range(121, 127):
                key = f"BAC009{speaker}W{number:04d}"
                units = [(number + place) % len(CHARS) for place in range(3 + number % 3)]
                write_speech(root / "data_aishell" / "wav" / name / speaker / f"{key}.wav", units)
                if number < 126:  # the last of each speaker has no transcript, as a few have none
                    lines.append(f"{key} {' '.join(CHARS[unit] for unit in units)}")
    transcript = root / "data_aishell" / "transcript" / "aishell_transcript_v0.8.txt"
    transcript.parent.mkdir()
    transcript.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def prepared(recipe, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    done = recipe("aishell", *places(corpus, work), "--stage", "0", "--stop_stage", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return work


def places(corpus: Path, work: Path) -> tuple[str | Path, ...]:
    return "--aishell_dir", corpus, "--data", work / "data", "--exp", work / "exp", "--nj", "1"


def test_each_part_is_a_data_directory_with_transcripts_without_spaces(prepared: Path, corpus: Path) -> None:
    for name, speakers in SPEAKERS.items():
        text = read_table(prepared / "data" / name / "text")
        assert len(text) == 5 * len(speakers)
        assert all(set(line) <= set(CHARS) for line in text.values())
        assert set(read_table(prepared / "data" / name / "spk2utt")) == set(speakers)
        for key, path in read_table(prepared / "data" / name / "wav.scp").items():
            assert Path(path).is_relative_to(corpus) and Path(path).stem == key
        rows = [json.loads(line) for line in (prepared / "data" / "list" / f"{name}.jsonl").read_text().splitlines()]
        assert {row["key"]: row["target"] for row in rows} == text
        assert all(row["source_len"] == soundfile.info(row["source"]).frames // 160 for row in rows)


def test_lhotse_reads_the_same_from_the_same_tree(prepared: Path, corpus: Path) -> None:
    lhotse = pytest.importorskip("lhotse.recipes.aishell")
    for name, manifests in lhotse.prepare_aishell(corpus).items():
        theirs = {one.id: (one.text, one.speaker) for one in manifests["supervisions"]}
        text, speakers = (read_table(prepared / "data" / name / table) for table in ("text", "utt2spk"))
        assert theirs == {key: (text[key], speakers[key]) for key in text}


def test_normalisation_and_tokens_are_those_of_the_training_part(prepared: Path) -> None:
    assert "<AddShift> 80 80" in (prepared / "exp" / "cmvn" / "am.mvn").read_text()
    tokens = json.loads((prepared / "exp" / "tokens.json").read_text(encoding="utf-8"))
    heard = {char for line in read_table(prepared / "data" / "train" / "text").values() for char in line}
    assert tokens == ["<blank>", "<s>", "</s>", *sorted(heard), "<unk>"]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_builds_the_published_size(name: str, tmp_path: Path) -> None:
    import torch

    kind, millions = CONFIGS[name]
    (tmp_path / "config.yaml").write_text((EGS / "aishell" / "conf" / f"{name}.yaml").read_text())
    read = config.load(tmp_path, {"tokenizer_conf.token_list": [str(number) for number in range(4234)]})
    sizes = build.sizes_of(read, build.build_input(read), build.build_tokenizer(read))
    with torch.device("meta"):
        network = build.build_network(read, *sizes)
    assert read.values["model"] == kind
    assert sum(one.numel() for one in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


def test_without_the_corpus_it_names_the_stage_that_downloads_it(recipe, tmp_path: Path) -> None:
    done = recipe("aishell", *places(tmp_path / "nothing", tmp_path), "--stage", "0", "--stop_stage", "0")
    assert done.returncode == 1
    assert "stage -1 makes it" in done.stderr


@pytest.mark.parametrize(
    ("stage", "missing", "maker"), [("1", "wav.scp", "0"), ("3", "am.mvn", "1"), ("5", "avg10", "4")]
)
def test_a_stage_without_its_input_names_the_stage_that_makes_it(recipe, tmp_path: Path, stage, missing, maker) -> None:
    done = recipe("aishell", *places(tmp_path, tmp_path), "--stage", stage)
    assert done.returncode == 1
    assert f"{missing} is missing; stage {maker} makes it" in done.stderr


def test_an_unknown_configuration_is_an_error_that_lists_them(recipe) -> None:
    done = recipe("aishell", "--config", "paraformer_large")
    assert done.returncode == 1
    assert "paraformer_large" in done.stderr and "e_branchformer_12e_6d_2048_256.yaml" in done.stderr


def test_a_corpus_of_which_a_part_is_missing_is_an_error(recipe, corpus: Path, tmp_path: Path) -> None:
    half = tmp_path / "half" / "data_aishell"
    (half / "wav").mkdir(parents=True)
    (half / "transcript").symlink_to(corpus / "data_aishell" / "transcript")
    (half / "wav" / "train").symlink_to(corpus / "data_aishell" / "wav" / "train")
    done = recipe("aishell", *places(half.parent, tmp_path), "--stage", "0", "--stop_stage", "0")
    assert done.returncode == 1
    assert "wav/dev is missing" in done.stderr


TINY = (
    "++encoder_conf.output_size=32 ++encoder_conf.linear_units=64 ++encoder_conf.num_blocks=1 "
    "++decoder_conf.linear_units=64 ++decoder_conf.num_blocks=1 ++predictor_conf.idim=32 "
    "++train_conf.max_epoch=2 ++dataset_conf.num_workers=0"
)


def test_a_small_paraformer_is_trained_averaged_and_scored(recipe, prepared: Path, corpus: Path) -> None:
    options = (*places(corpus, prepared), "--stage", "3", "--average", "2", "--train_args", TINY)
    done = recipe("aishell", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    model = prepared / "exp" / "paraformer_conformer_12e_6d_2048_256"
    assert "model.pt.avg2: mean of model.pt.ep" in done.stderr
    for name in ("dev", "test"):
        text = read_table(prepared / "data" / name / "text")
        scored = (model / name / "1best_recog" / "text.cer").read_text(encoding="utf-8")
        assert "Scored 5 sentences, 0 not present in hyp." in scored
        assert f"/ {sum(map(len, text.values()))}," in scored
        assert f"{name}: %WER" in done.stdout
    before = modified(model / "checkpoint")
    again = recipe("aishell", *options)
    assert again.returncode == 0, again.stdout + again.stderr
    assert modified(model / "checkpoint") == before
