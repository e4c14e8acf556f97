"""Every kind of model is trained by the one loop: its loss is finite, it changes, and what comes out can be loaded."""

import json
from pathlib import Path

import pytest
import torch
from tone_corpus import make_corpus

from asrtools.build import load_model
from asrtools.checkpoint import read_state
from asrtools.models.campplus.model import CAMPPlus
from asrtools.train import session
from asrtools.train.log import read_log
from asrtools.train.objective import MARGIN_STEPS, SpeakerObjective

HEARING = [
    "paraformer",
    "paraformer_conformer",
    "bicif_paraformer",
    "seaco_paraformer",
    "contextual_paraformer",
    "paraformer_streaming",
    "sensevoice_small",
    "conformer",
    "branchformer",
    "e_branchformer",
    "transformer",
    "transducer",
    "monotonic_aligner",
    "uniasr",
]


def tuned(model: Path, train: Path, output: Path, **more: object) -> None:
    """Two steps from a model, and a look at what they left."""
    overrides = {
        "train_conf.max_steps": 2,
        "train_conf.log_interval": 1,
        "train_conf.decode_dev": 2,
        "optim_conf.lr": 1e-3,
        "scheduler": None,
        "scheduler_conf": None,
        "dataset_conf.batch_size": 4,
        "dataset_conf.num_workers": 0,
        **more,
    }
    request = session.Request(output, [str(train)], [str(train)], model=model, overrides=overrides)
    outcome = session.train(request)
    assert outcome.progress.updates == 2 and outcome.progress.num_skipped == 0
    lines = [line for line in read_log(output / "log.jsonl") if line["kind"] == "train"]
    assert all(isinstance(line["loss"], float) for line in lines) and len(lines) == 2
    before, after = read_state(model / "model.pt"), read_state(output / "model.pt")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], value) for name, value in after.items())
    load_model(output)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    make_corpus(folder, num_train=8, num_valid=1)
    return folder / "train.jsonl"


@pytest.mark.parametrize("name", HEARING)
def test_a_model_that_hears_is_trained_further(oracle: Path, tones: Path, tmp_path: Path, name: str) -> None:
    tuned(oracle / name, tones, tmp_path / "exp")


@pytest.mark.parametrize("name", ["ct_punc", "ct_punc_streaming"])
def test_punctuation_is_trained(oracle: Path, tmp_path: Path, name: str) -> None:
    rows = [{"key": f"t{i}", "target": "今天天气很好，我们出去玩。你呢？"} for i in range(8)]
    (tmp_path / "text.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tuned(oracle / name, tmp_path / "text.jsonl", tmp_path / "exp")


def test_speakers_are_trained_to_be_told_apart(oracle: Path, tones: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in tones.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["speaker"] = f"s{number % 3}"
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tuned(oracle / "campplus", tmp_path / "train.jsonl", tmp_path / "exp", **{"dataset_conf.crop_s": 0.5})


def test_the_margin_between_speakers_grows_with_the_steps_of_training() -> None:
    torch.manual_seed(0)
    network = CAMPPlus(8, 4, 2, 1, 4, num_layers=(1, 1, 1), memory_efficient=False)
    objective = SpeakerObjective(network, 3)
    speech, speaker = torch.randn(4, 20, 8), torch.tensor([0, 1, 2, 0])
    losses = [float(objective(speech, speaker)[0].detach()) for _ in range(2)]
    assert int(objective.num_steps) == 2 and losses[0] < losses[1]
    objective.num_steps.fill_(MARGIN_STEPS - 1)
    last = [float(objective(speech, speaker)[0].detach()) for _ in range(2)]
    assert last[0] == last[1] > losses[1]
    assert "num_steps" not in network.state_dict()


def test_voice_activity_is_trained(oracle: Path, tones: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in tones.read_text().splitlines()]
    for row in rows:
        row["value"] = [[0, row["source_len"] * 5]]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tuned(oracle / "fsmn_vad", tmp_path / "train.jsonl", tmp_path / "exp")


def test_a_model_of_one_s_own_is_trained(tones: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import torch\n"
        "from funasr.register import tables\n"
        "@tables.register('model_classes', 'OwnNetwork')\n"
        "class OwnNetwork(torch.nn.Module):\n"
        "    def __init__(self, **kwargs):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(kwargs['input_size'], kwargs['vocab_size'])\n"
        "    def forward(self, speech, speech_lengths, text, text_lengths, **kwargs):\n"
        "        logits = self.layer(speech.mean(1))\n"
        "        loss = torch.nn.functional.cross_entropy(logits, text[:, 0])\n"
        "        return loss, {'loss': loss.detach()}, torch.tensor(len(text))\n"
    )
    (tmp_path / "own.yaml").write_text(
        "model: OwnNetwork\nfrontend: WavFrontend\nfrontend_conf: {lfr_m: 7, lfr_n: 6, dither: 0.0}\n"
        f"tokenizer: CharTokenizer\ntokenizer_conf: {{token_list: {tones.parent / 'tokens.json'}}}\n"
        "optim: sgd\noptim_conf: {lr: 0.001}\ntrain_conf: {max_epoch: 1}\n"
        "dataset_conf: {batch_size: 4, num_workers: 0}\n"
    )
    outcome = session.train(
        session.Request(
            tmp_path / "exp",
            [str(tones)],
            [str(tones)],
            tmp_path / "own.yaml",
            remote_code=str(tmp_path / "own.py"),
        )
    )
    assert outcome.progress.updates == 2 and (tmp_path / "exp" / "model.pt").is_file()
