"""The recipe egs/fsdd on a small set of recordings named as the corpus names them."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_corpus import EGS, modified, read_table, write_speech

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SPEAKERS = ("jackson", "lucas", "theo")
NUM_RECORDINGS = 8  # of each digit: 0 to 4 are test
MAKE = [sys.executable, str(EGS / "fsdd" / "local" / "make_connected.py")]
MODELS = ("paraformer", "conformer_ctc")
# of both: keys of parts that one of them lacks have no meaning there
TINY = (
    "++encoder_conf.output_size=32 ++encoder_conf.linear_units=64 ++encoder_conf.num_blocks=1 "
    "++train_conf.max_steps=3 ++dataset_conf.num_workers=0"
)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fsdd") / "recordings"
    for place, speaker in enumerate(SPEAKERS):
        for digit in range(10):
            for index in range(NUM_RECORDINGS):
                path = folder / f"{digit}_{speaker}_{index}.wav"
                write_speech(path, [digit], rate=8000, seed=100 * place + index)
    return folder


def make(recordings: Path, data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MAKE, str(recordings), str(data), *options], capture_output=True, text=True)


@pytest.fixture(scope="module")
def official(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("connected") / "official"
    done = make(recordings, data, "--passes", "2")
    assert done.returncode == 0, done.stderr
    return data


def seconds(path: str) -> float:
    return soundfile.info(path).duration


def test_utterances_are_one_to_five_digits_of_one_speaker(official: Path) -> None:
    for name in ("train", "dev", "test"):
        text, speakers = read_table(official / name / "text"), read_table(official / name / "utt2spk")
        assert {len(line.split()) for line in text.values()} == {1, 2, 3, 4, 5}
        assert all(set(line.split()) <= set(WORDS) for line in text.values())
        assert all(key.startswith(f"{speaker}-") and speaker in SPEAKERS for key, speaker in speakers.items())


def test_every_recording_of_the_set_is_in_as_many_utterances(official: Path) -> None:
    for name, each in (("train", 1 * 2), ("dev", 2 * 2), ("test", 5 * 2)):
        counts = dict.fromkeys(((speaker, word) for speaker in SPEAKERS for word in WORDS), 0)
        speakers = read_table(official / name / "utt2spk")
        for key, line in read_table(official / name / "text").items():
            for word in line.split():
                counts[speakers[key], word] += 1
        assert set(counts.values()) == {each}


def test_test_utterances_are_the_recordings_as_they_are(official: Path, recordings: Path) -> None:
    text = read_table(official / "test" / "text")
    for key, path in read_table(official / "test" / "wav.scp").items():
        count = len(text[key].split())
        # 0.4 s each, and less than 0.1 s between two
        assert 0.4 * count <= seconds(path) < 0.4 * count + 0.1 * (count - 1) + 0.001
    key, word = next((key, line) for key, line in text.items() if " " not in line)
    samples, rate = soundfile.read(read_table(official / "test" / "wav.scp")[key], dtype="int16")
    originals = [
        soundfile.read(recordings / f"{WORDS.index(word)}_{key.split('-')[0]}_{index}.wav", dtype="int16")[0]
        for index in range(5)
    ]
    assert rate == 8000
    assert any(np.abs(samples.astype(int) - one.astype(int)).max() <= 1 for one in originals)


def test_training_utterances_are_disguised(official: Path) -> None:
    text = read_table(official / "train" / "text")
    wavs = read_table(official / "train" / "wav.scp")
    assert all(0.4 / 1.26 < seconds(wavs[key]) / len(text[key].split()) < 0.51 / 0.79 for key in wavs)
    levels = [20 * np.log10(np.sqrt(np.mean(soundfile.read(path)[0] ** 2))) for path in wavs.values()]
    assert max(levels) - min(levels) > 6


def test_a_speaker_held_out_is_heard_in_test_alone(recordings: Path, tmp_path: Path) -> None:
    assert make(recordings, tmp_path, "--heldout", "theo", "--passes", "1").returncode == 0
    heard = {name: set(read_table(tmp_path / name / "spk2utt")) for name in ("train", "dev", "test")}
    assert heard == {"train": {"jackson", "lucas"}, "dev": {"jackson", "lucas"}, "test": {"theo"}}


def test_the_same_options_give_the_same_bytes_and_others_are_an_error(
    official: Path, recordings: Path, tmp_path: Path
) -> None:
    assert make(recordings, tmp_path, "--passes", "2").returncode == 0

    def digests(data: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in data.rglob("*.wav")}

    assert digests(tmp_path) == digests(official)
    before = modified(tmp_path)
    assert "complete already" in make(recordings, tmp_path, "--passes", "2").stderr
    other = make(recordings, tmp_path, "--passes", "3")
    assert other.returncode == 1 and "made with passes 2" in other.stderr
    assert modified(tmp_path) == before


def test_folders_without_recordings_and_unknown_speakers_are_errors(recordings: Path, tmp_path: Path) -> None:
    nothing = make(tmp_path, tmp_path / "data")
    assert nothing.returncode == 1 and "no recording is found" in nothing.stderr
    nobody = make(recordings, tmp_path / "data", "--heldout", "george")
    assert nobody.returncode == 1 and "jackson, lucas, theo" in nobody.stderr


def test_the_recipe_goes_from_recordings_to_digit_error_rates(recipe, recordings: Path, tmp_path: Path) -> None:
    options = ["--fsdd_dir", recordings, "--splits", "theo", "--models", " ".join(MODELS), "--passes", "1", "--nj", "1"]
    options += ["--data", tmp_path / "data", "--exp", tmp_path / "exp", "--seeds", "3"]
    done = recipe("fsdd", *options, "--train_args", f"{TINY} ++predictor_conf.idim=32")
    assert done.returncode == 0, done.stdout + done.stderr
    text = read_table(tmp_path / "data" / "theo" / "test" / "text")
    results = (tmp_path / "exp" / "results.txt").read_text()
    for model in MODELS:
        folder = tmp_path / "exp" / "theo" / f"{model}.3"
        scored = (folder / "test" / "1best_recog" / "text.cer").read_text()
        assert f"Scored {len(text)} sentences, 0 not present in hyp." in scored
        assert f"/ {sum(len(line.split()) for line in text.values())}," in scored
        rate = re.search(r"%WER ([\d.]+)", scored)[1]
        assert f"theo {model}: digit errors on test {float(rate):.2f} %" in results
        assert re.search(rf"theo {model}: seed 3, steps:digit errors on dev .*3:[\d.]+$", results, re.MULTILINE)
        assert json.loads((folder / "tokens.json").read_text())[3:-1] == sorted(WORDS)
    again = recipe("fsdd", *options, "--stage", "4", "--stop_stage", "5")
    assert again.returncode == 0 and "train:" not in again.stderr
