"""A run of training from the lists to a model directory, stopped and taken up again."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tone_corpus import TOKENS

from asrtools.auto import AutoModel
from asrtools.checkpoint import read_state
from asrtools.errors import ConfigError, ModelError
from asrtools.train import session
from asrtools.train.checkpoint_dir import CheckpointDir
from asrtools.train.log import read_log


def run(corpus: dict[str, str], output: Path, **overrides: Any) -> session.Outcome:
    given = {name.replace("__", "."): value for name, value in overrides.items()}
    return session.train(
        session.Request(
            output, [corpus["train.jsonl"]], [corpus["valid.jsonl"]], Path(corpus["config.yaml"]), overrides=given
        )
    )


def curve(output: Path) -> list[tuple[int, float, float, float]]:
    lines = [line for line in read_log(output / "log.jsonl") if line["kind"] == "train"]
    return [(line["total_step"], line["loss"], line["loss_epoch"], line["lr"]) for line in lines]


def same(one: Path, other: Path) -> bool:
    a, b = read_state(one), read_state(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def trained(corpus: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "exp"
    run(corpus, output)
    return output


def test_the_output_directory_is_a_model_directory_wherever_it_is_moved(
    corpus: dict[str, str], trained: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(trained, moved)
    for name in ("config.yaml", "configuration.json"):
        assert str(trained.parent) not in (moved / name).read_text()
        assert str(Path(corpus["config.yaml"]).parent) not in (moved / name).read_text()
    assert json.loads((moved / "tokens.json").read_text()) == TOKENS
    found = AutoModel(str(moved), device="cpu", ncpu=1).generate(corpus["valid.jsonl"])
    assert len(found) == 6 and all("error" not in one for one in found)


def test_the_loss_falls_and_every_epoch_is_validated_and_decoded(trained: Path) -> None:
    lines = read_log(trained / "log.jsonl")
    losses = [line["loss"] for line in lines if line["kind"] == "train"]
    assert losses[-1] < 0.8 * losses[0]
    scores = [line for line in lines if line["kind"] == "valid"]
    assert [line["checkpoint"] for line in scores] == ["model.pt.ep1", "model.pt.ep2"]
    assert all({"loss", "acc", "cer"} <= line.keys() for line in scores)


def test_the_line_of_the_log_has_the_documented_form(trained: Path) -> None:
    line = next(line for line in (trained / "log.txt").read_text().splitlines() if "] - train, rank" in line)
    for part in (
        "][root][INFO] - train, rank: 0, epoch: 0/2, step: 2/6, total step: 2, (loss_avg_rank: ",
        "), (loss_avg_epoch: ",
        "), (ppl_avg_epoch: ",
        "), (acc_avg_epoch: ",
        "), (lr: 3.000e-04), [(",
        "('batch_size', 4)]",
        "'total_time': '",
        "GPU, memory: ",
    ):
        assert part in line


def test_model_pt_is_the_mean_of_the_best(trained: Path) -> None:
    one, other = (read_state(trained / name) for name in ("model.pt.ep1", "model.pt.ep2"))
    mean = read_state(trained / "model.pt")
    assert same(trained / "model.pt", trained / "model.pt.avg2")
    for name, value in mean.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (one[name] + other[name]) / 2)


def test_a_run_that_stopped_goes_on_as_if_it_had_not(
    corpus: dict[str, str], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops after a checkpoint in the middle of an epoch, and some steps later."""
    output = tmp_path / "exp"
    save = CheckpointDir.save_last
    count = []

    def save_and_stop(self: CheckpointDir, state: Any) -> None:
        if len(count) == 1:
            raise KeyboardInterrupt
        save(self, state)
        count.append(1)

    whole = tmp_path / "whole"
    run(corpus, whole, train_conf__save_checkpoint_interval=4)
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointDir, "save_last", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(corpus, output, train_conf__save_checkpoint_interval=4)
    run(corpus, output, train_conf__save_checkpoint_interval=4)
    assert curve(output) == curve(whole)
    for name in ("model.pt.ep0.4", "model.pt.ep1", "model.pt.ep2", "model.pt.best", "model.pt"):
        assert same(output / name, whole / name), name


def test_saving_now_and_then_changes_nothing(corpus: dict[str, str], trained: Path, tmp_path: Path) -> None:
    run(corpus, tmp_path / "exp", train_conf__save_checkpoint_interval=4)
    assert same(tmp_path / "exp" / "model.pt.ep2", trained / "model.pt.ep2")


def test_a_disk_without_room_costs_no_checkpoint_that_was_there(
    corpus: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "exp"
    run(corpus, output, train_conf__max_epoch=1)
    before = (output / "checkpoint" / "last.pt").read_bytes()

    def full(content: Any, file: Any) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(ModelError, match="No space left on device.*is there room on the disk"):
            run(corpus, output)
    assert (output / "checkpoint" / "last.pt").read_bytes() == before
    assert not [path for path in output.rglob("*.tmp") if path.is_file()]
    assert run(corpus, output).progress.epoch == 2


def test_a_run_begins_anew_when_told_so(corpus: dict[str, str], trained: Path, tmp_path: Path) -> None:
    output = tmp_path / "exp"
    shutil.copytree(trained, output)
    run(corpus, output, train_conf__resume=False, train_conf__max_epoch=1)
    assert not (output / "model.pt.ep2").exists()
    assert same(output / "model.pt.ep1", trained / "model.pt.ep1")


def test_a_model_directory_is_trained_further(corpus: dict[str, str], trained: Path, tmp_path: Path) -> None:
    lists = [corpus["train.jsonl"]], [corpus["valid.jsonl"]]
    session.train(
        session.Request(tmp_path / "exp", *lists, model=trained, overrides={"train_conf.max_epoch": 1, "seed": 3})
    )
    log = (tmp_path / "exp" / "log.txt").read_text()
    assert "error rate of the initial model" in log and "all parameters are taken from it" in log
    assert curve(tmp_path / "exp")[0][1] < 0.95 * curve(trained)[0][1]


def test_an_encoder_alone_is_enough_to_begin_with(corpus: dict[str, str], trained: Path, tmp_path: Path) -> None:
    state = read_state(trained / "model.pt")
    encoder = {name.removeprefix("encoder."): value for name, value in state.items() if name.startswith("encoder.")}
    torch.save(encoder, tmp_path / "encoder.pt")
    request = session.Request(
        tmp_path / "exp",
        [corpus["train.jsonl"]],
        config=Path(corpus["config.yaml"]),
        init=tmp_path / "encoder.pt",
        overrides={"freeze_param": "encoder", "train_conf.max_epoch": 1},
    )
    session.train(request)
    now = read_state(tmp_path / "exp" / "model.pt")
    assert all(torch.equal(now[f"encoder.{name}"], value) for name, value in encoder.items())
    assert "left as drawn at random: decoder" in (tmp_path / "exp" / "log.txt").read_text()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train_conf.max_epochs", 3, "train_conf.max_epochs is no key; did you mean max_epoch"),
        ("train_conf.max_epoch", "many", "train_conf.max_epoch is 'many'; int is wanted"),
        ("train_conf.accum_grad", 0, "accum_grad is 0; 1 or more"),
        ("optim", "adamm", "optim is 'adamm'; known are adam"),
        ("optim_conf.learning_rate", 0.1, "Adam knows no optim_conf.learning_rate"),
        ("optim_conf.lr", -1.0, "Invalid learning rate"),
        ("scheduler", "warmup", "scheduler is 'warmup'; known are warmuplr"),
        ("scheduler_conf.warm", 3, "knows no scheduler_conf.warm"),
        ("freeze_param", "encodr", "no parameter's name begins with 'encodr'"),
        ("init", "xavier", "init is 'xavier'; known are xavier_uniform"),
    ],
)
def test_a_wrong_value_is_named_before_anything_is_trained(
    corpus: dict[str, str], tmp_path: Path, key: str, value: Any, message: str
) -> None:
    request = session.Request(
        tmp_path / "exp", [corpus["train.jsonl"]], config=Path(corpus["config.yaml"]), overrides={key: value}
    )
    with pytest.raises(ConfigError, match=message):
        session.train(request)
    assert not (tmp_path / "exp" / "model.pt").exists()


def test_a_checkpoint_of_another_configuration_is_refused(
    corpus: dict[str, str], trained: Path, tmp_path: Path
) -> None:
    output = tmp_path / "exp"
    shutil.copytree(trained, output)
    with pytest.raises(ModelError, match=r"last\.pt: is of another configuration.*resume=false begins anew"):
        run(corpus, output, encoder_conf__linear_units=48, train_conf__max_epoch=3)
    assert same(output / "model.pt.ep2", trained / "model.pt.ep2")


def test_a_run_that_has_enough_ends_again_and_more_steps_go_on(corpus: dict[str, str], tmp_path: Path) -> None:
    plain = {"train_conf__decode_dev": 0, "train_conf__max_epoch": 9}
    assert run(corpus, tmp_path, **plain, train_conf__max_steps=2).progress.updates == 2
    assert run(corpus, tmp_path, **plain, train_conf__max_steps=2).progress.updates == 2
    assert run(corpus, tmp_path, **plain, train_conf__max_steps=5).progress.updates == 5
    run(corpus, tmp_path / "whole", **plain, train_conf__max_steps=5)
    assert curve(tmp_path)[-1] == curve(tmp_path / "whole")[-1]


def test_another_token_list_needs_a_word_that_not_all_of_the_model_fits(
    corpus: dict[str, str], trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "tokens.json").write_text(json.dumps([*TOKENS[:-1], "百", "<unk>"]))
    overrides = {"tokenizer_conf.token_list": str(tmp_path / "tokens.json"), "train_conf.max_epoch": 1}
    request = session.Request(tmp_path / "exp", [corpus["train.jsonl"]], model=trained, overrides=overrides)
    with pytest.raises(ModelError, match="have another shape"):
        session.train(request)
    session.train(dataclasses.replace(request, overrides={**overrides, "ignore_init_mismatch": True}))
    assert "left as drawn at random: decoder (" in (tmp_path / "exp" / "log.txt").read_text()
    assert "百" in json.loads((tmp_path / "exp" / "tokens.json").read_text())


def test_a_configuration_may_name_the_parameters_to_begin_with(
    corpus: dict[str, str], trained: Path, tmp_path: Path
) -> None:
    run(corpus, tmp_path / "exp", init_param=str(trained / "model.pt"), train_conf__max_epoch=1, optim_conf__lr=0.0)
    assert same(tmp_path / "exp" / "model.pt", trained / "model.pt")
