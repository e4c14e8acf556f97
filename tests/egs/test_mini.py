"""The recipe egs/mini: its corpus, and the files its last stage leaves."""

import hashlib
import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile

RECIPE = Path(__file__).resolve().parents[2] / "egs" / "mini"
MAKE_CORPUS = [sys.executable, str(RECIPE / "local" / "make_corpus.py")]
SETS = ("train", "dev", "test")
SIZES = {"train": 24, "dev": 6, "test": 6}

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None,
    reason="no module espeakng_loader (utils/setup.sh --extras synth, or the extra test)",
)


def make_corpus(data, *options):
    return subprocess.run([*MAKE_CORPUS, str(data), "--size", "tiny", *options], capture_output=True, text=True)


def read_table(path):
    return dict(line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines())


def read_table_with_empty(path):
    return dict(line.partition(" ")[::2] for line in path.read_text(encoding="utf-8").splitlines())


def contents(data):
    """Digest of every file, with the place of the corpus taken out of its lists."""
    files = [path for path in sorted(data.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(data)): hashlib.sha256(path.read_bytes().replace(str(data).encode(), b"DATA")).hexdigest()
        for path in files
    }


def modified(*directories):
    files = [path for directory in directories for path in directory.rglob("*")]
    return {str(path): path.stat().st_mtime_ns for path in files if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    data = tmp_path_factory.mktemp("mini") / "data"
    done = make_corpus(data, "--nj", "1")
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture(scope="module")
def sentences():
    return load_local("sentences")


def load_local(name):
    spec = importlib.util.spec_from_file_location(f"mini_{name}", RECIPE / "local" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_utterance_does_not_depend_on_what_was_said_before():
    espeak = load_local("espeak")
    with espeak.Espeak() as first:
        alone = first.speak("今天天气怎么样？", "cmn+f1", seed=7)
    with espeak.Espeak() as second:
        second.speak("what is the weather in london today?", "en-us+m3", seed=1, pitch=70, rate=120)
        assert second.speak("今天天气怎么样？", "cmn+f1", seed=7) == alone
        assert second.speak("今天天气怎么样？", "cmn+f2", seed=7) != alone


def test_a_voice_that_is_not_there_is_an_error_and_the_next_utterance_is_spoken(capfd):
    espeak = load_local("espeak")
    with espeak.Espeak() as synthesiser:
        with pytest.raises(espeak.EspeakError, match="no sound"):
            synthesiser.speak("hello", "nosuch")
        assert "no voice 'nosuch'" in capfd.readouterr().err
        assert synthesiser.speak("hello", "en-us")


def test_the_bytes_do_not_depend_on_the_number_of_jobs(corpus, tmp_path):
    done = make_corpus(tmp_path / "data", "--nj", "2")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "data") == contents(corpus)


def test_another_seed_is_another_corpus(corpus, tmp_path):
    assert make_corpus(tmp_path / "data", "--seed", "2").returncode == 0
    assert (tmp_path / "data" / "train" / "text").read_text() != (corpus / "train" / "text").read_text()


def test_lists_are_sorted_and_agree(corpus):
    for name in SETS:
        tables = {table: read_table(corpus / name / table) for table in ("wav.scp", "text", "text_punc", "utt2spk")}
        keys = list(tables["text"])
        assert len(keys) == SIZES[name]
        assert keys == sorted(keys, key=str.encode)
        assert all(list(table) == keys for table in tables.values())
        speakers = read_table(corpus / name / "spk2utt")
        assert list(speakers) == sorted(speakers, key=str.encode)
        assert {key: speaker for speaker, own in speakers.items() for key in own.split()} == tables["utt2spk"]
        assert all(key.startswith(f"{speaker}-") for key, speaker in tables["utt2spk"].items())


def test_no_speaker_and_no_sentence_is_in_two_sets(corpus):
    speakers = [set(read_table(corpus / name / "spk2utt")) for name in SETS]
    texts = [set(read_table(corpus / name / "text").values()) for name in SETS]
    for groups in (speakers, texts):
        assert len(set().union(*groups)) == sum(map(len, groups))


def test_audio_is_16_khz_mono_and_neither_silent_nor_clipped(corpus):
    for name in SETS:
        for key, path in read_table(corpus / name / "wav.scp").items():
            info = soundfile.info(path)
            assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16"), key
            samples, _ = soundfile.read(path)
            assert 0.8 < len(samples) / 16000 < 8, key
            assert -40 < 20 * np.log10(np.sqrt(np.mean(samples**2))) < -15, key
            assert np.abs(samples).max() < 0.95, key


def test_transcripts_are_the_sentences_without_punctuation(corpus, sentences):
    languages = set()
    for name in SETS:
        spoken, text = read_table(corpus / name / "text_punc"), read_table(corpus / name / "text")
        for key, sentence in spoken.items():
            languages.add(key.split("-")[1])
            kept = [char for char in sentence if char not in "，。？！、,.?! "]
            assert kept == list(text[key].replace(" ", "")), key
            assert sentences.plain_text(text[key]) == text[key], key
    assert languages == {"zh", "en", "mix"}


def test_english_words_in_a_chinese_sentence_have_one_space_around_them(sentences):
    assert sentences.plain_text("发 email 给小王，sunday morning 见。") == "发 email 给小王 sunday morning 见"


def test_every_word_of_the_full_test_set_is_in_the_training_text(sentences, monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPE / "local"))
    make = load_local("make_corpus")
    plans = make.plan_corpus(make.NUM_UTTERANCES["full"], seed=1)
    words = {name: [sentences.tokens(utterance.sentence) for utterance in plan] for name, plan in plans.items()}
    heard = {token for utterance in words["train"] for token in utterance}
    assert {token for name in ("dev", "test") for utterance in words[name] for token in utterance} <= heard
    assert all(min(map(len, utterances)) > 0 for utterances in words.values())


def test_a_complete_corpus_is_left_alone(corpus):
    before = modified(corpus)
    done = make_corpus(corpus)
    assert (done.returncode, done.stdout) == (0, f"{corpus}: the corpus is complete already\n")
    assert modified(corpus) == before


def test_a_corpus_of_other_options_is_an_error_and_stays(corpus):
    before = modified(corpus)
    done = make_corpus(corpus, "--seed", "2")
    assert done.returncode == 1
    assert "corpus.json: seed 1" in done.stderr and "give another directory" in done.stderr
    assert modified(corpus) == before


def test_a_killed_run_is_finished_by_the_next(corpus, tmp_path):
    data = tmp_path / "data"
    process = subprocess.Popen([*MAKE_CORPUS, str(data), "--size", "tiny", "--nj", "1"], stdout=subprocess.DEVNULL)
    while not list(data.rglob("*.wav")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (data / "corpus.json").exists()
    assert make_corpus(data).returncode == 0
    assert contents(data) == contents(corpus)


def venv_is_ready():
    return (Path(os.environ.get("ASRTOOLS_VENV", RECIPE.parents[1] / ".venv")) / "ready").exists()


needs_venv = pytest.mark.skipif(
    not venv_is_ready(), reason="no environment to run the recipe in (. ./path.sh makes it)"
)


def run_recipe(work, *options, cwd=None):
    command = ["bash", str(RECIPE / "run.sh"), "--data", str(work / "data"), "--exp", str(work / "exp"), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    work = tmp_path_factory.mktemp("recipe with a space")
    done = run_recipe(work, "--size", "tiny", "--nj", "2", cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return work, done


@needs_venv
def test_the_recipe_goes_from_nothing_to_features(recipe):
    work, done = recipe
    for name in SETS:
        keys = list(read_table(work / "data" / name / "text"))
        lines = (work / "data" / "list" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        utterances = [json.loads(line) for line in lines]
        assert [utterance["key"] for utterance in utterances] == keys
        features = kaldiio.load_scp(str(work / "exp" / "fbank" / name / "feats.scp"))
        num_frames = read_table(work / "exp" / "fbank" / name / "utt2num_frames")
        assert list(features) == keys == list(num_frames)
        for utterance in utterances:
            matrix = features[utterance["key"]]
            assert matrix.shape == (int(num_frames[utterance["key"]]), 80)
            assert abs(len(matrix) - utterance["source_len"]) <= 3
            assert np.isfinite(matrix).all() and matrix.std() > 1
    assert "<AddShift> 560 560" in (work / "exp" / "cmvn" / "am.mvn").read_text()


@needs_venv
def test_the_recipe_trains_decodes_and_scores(recipe):
    work, done = recipe
    model = work / "exp" / "model"
    wanted = {"config.yaml", "configuration.json", "model.pt", "model.pt.avg5", "tokens.json", "seg_dict", "am.mvn"}
    assert wanted <= {path.name for path in model.iterdir()}
    for name in ("dev", "test"):
        result = work / "exp" / name / "1best_recog"
        assert list(read_table_with_empty(result / "text")) == list(read_table(work / "data" / name / "text"))
        assert f"Scored {SIZES[name]} sentences, 0 not present in hyp." in (result / "text.cer").read_text()
        assert f"{name}: %WER" in done.stdout


@needs_venv
def test_the_recipe_writes_down_conversations_with_its_own_models(recipe):
    work, done = recipe
    for name in ("vad", "punc", "spk"):
        assert (work / "exp" / name / "model.pt").stat().st_size > 10_000
    assert "cmvn_file: am.mvn" in (work / "exp" / "vad" / "config.yaml").read_text()
    talk = work / "exp" / "talk"
    keys = list(read_table(work / "data" / "talk" / "wav.scp"))
    assert [json.loads(line)["key"] for line in (talk / "text.jsonl").read_text().splitlines()] == keys
    # a record for each turn, where there is no text to give speakers to
    assert {
        json.loads(line)["key"][: len(keys[0])] for line in (talk / "records.jsonl").read_text().splitlines()
    } == set(keys)
    turns = [line.split() for line in (talk / "rttm").read_text().splitlines()]
    assert {turn[1] for turn in turns} == set(keys)
    scored = (talk / "der").read_text()
    assert scored.startswith("%DER ") and f"talk: {scored.splitlines()[0]}" in done.stdout


@needs_venv
def test_conversations_are_the_utterances_of_speakers_who_take_turns(recipe):
    work, _ = recipe
    for name, part in (("talk_train", "train"), ("talk", "test")):
        speakers = set(read_table(work / "data" / part / "spk2utt"))
        turns = [line.split() for line in (work / "data" / name / "rttm").read_text().splitlines()]
        assert {turn[7] for turn in turns} <= speakers
        for key, path in read_table(work / "data" / name / "wav.scp").items():
            spans = [(float(turn[3]), float(turn[3]) + float(turn[4])) for turn in turns if turn[1] == key]
            assert all(end < begin for (_, end), (begin, _) in itertools.pairwise(spans))
            assert spans[-1][1] < soundfile.info(path).duration
            samples, rate = soundfile.read(path)
            heard = np.concatenate([samples[round(rate * begin) : round(rate * end)] for begin, end in spans])
            assert np.mean(heard**2) > 2 * np.mean(samples**2 * (np.abs(samples) < 0.02))


@needs_venv
def test_the_exported_recogniser_gives_the_texts_of_the_trained_one(recipe):
    pytest.importorskip("onnxruntime")
    work, _ = recipe
    exported = read_table_with_empty(work / "exp" / "onnx" / "test.text")
    trained = read_table_with_empty(work / "exp" / "test" / "1best_recog" / "text")
    assert {key: text.split() for key, text in exported.items()} == {key: text.split() for key, text in trained.items()}


@needs_venv
def test_every_token_of_the_training_text_is_in_the_token_list(recipe, sentences):
    work, _ = recipe
    known = json.loads((work / "exp" / "tokens.json").read_text(encoding="utf-8"))
    text = read_table(work / "data" / "train" / "text").values()
    assert {token for line in text for token in sentences.tokens(line)} <= set(known)
    assert known[0] == "<blank>" and known[-1] == "<unk>"


@needs_venv
def test_running_the_recipe_again_changes_nothing(recipe):
    work, _ = recipe
    before = modified(work)
    done = run_recipe(work, "--size", "tiny")
    assert done.returncode == 0, done.stderr
    assert modified(work) == before


@needs_venv
def test_stages_can_be_chosen_with_either_spelling(recipe):
    work, _ = recipe
    done = run_recipe(work, "--size", "tiny", "--stage", "2", "--stop_stage", "2")
    again = run_recipe(work, "--size", "tiny", "--stage", "2", "--stop-stage", "2")
    assert done.returncode == again.returncode == 0
    assert len(done.stdout.splitlines()) == len(again.stdout.splitlines()) == 1
    assert "stage 2" in done.stdout


@needs_venv
@pytest.mark.parametrize("stage", ["2", "3", "4"])
def test_a_stage_without_its_input_names_the_stage_that_makes_it(tmp_path, stage):
    done = run_recipe(tmp_path, "--stage", stage)
    assert done.returncode == 1
    assert "corpus.json is missing; stage 1 makes it" in done.stderr
