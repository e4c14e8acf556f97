"""What train_conf asks of the loop: precision, averages, LoRA, early stop, gradients that are not finite."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tone_corpus import run_in_process
from torch import nn

from asrtools.checkpoint import read_state
from asrtools.config import Config
from asrtools.errors import ConfigError
from asrtools.models.paraformer.model import Paraformer
from asrtools.train import session
from asrtools.train.ema import Ema
from asrtools.train.log import read_log
from asrtools.train.lora import LoraLinear, add_lora, merged_state


def run(corpus: dict[str, str], output: Path, **overrides: Any) -> session.Outcome:
    given = {name.replace("__", "."): value for name, value in overrides.items()}
    lists = [corpus["train.jsonl"]], [corpus["valid.jsonl"]]
    return session.train(session.Request(output, *lists, Path(corpus["config.yaml"]), overrides=given))


def losses(output: Path) -> list[float]:
    return [line["loss"] for line in read_log(output / "log.jsonl") if line["kind"] == "train"]


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_lower_precision_learns_as_float32_does(corpus: dict[str, str], tmp_path: Path, dtype: str) -> None:
    plain = {"train_conf__max_epoch": 1, "train_conf__decode_dev": 0, "model_conf__sampling_ratio": 0}
    run(corpus, tmp_path / "fp32", **plain)
    run(corpus, tmp_path / dtype, **plain, **{f"train_conf__use_{dtype}": True})
    assert losses(tmp_path / dtype) == pytest.approx(losses(tmp_path / "fp32"), rel=0.05)
    assert losses(tmp_path / dtype) != losses(tmp_path / "fp32")
    assert all(value.dtype != torch.bfloat16 for value in read_state(tmp_path / dtype / "model.pt").values())


def test_a_gradient_that_is_not_finite_is_left_out_and_counted(
    corpus: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Paraformer.forward
    calls = []

    def sometimes_infinite(self: Paraformer, *args: Any, **keywords: Any) -> Any:
        loss, stats, weight = forward(self, *args, **keywords)
        calls.append(1)
        return loss * (float("inf") if len(calls) == 3 else 1.0), stats, weight

    monkeypatch.setattr(Paraformer, "forward", sometimes_infinite)
    outcome = run(corpus, tmp_path / "exp", train_conf__max_epoch=1, train_conf__decode_dev=0)
    assert outcome.progress.num_skipped == 1 and outcome.progress.updates == 3
    assert "step 2: its gradient is not finite" in (tmp_path / "exp" / "log.txt").read_text()
    assert all(value.isfinite().all() for value in read_state(tmp_path / "exp" / "model.pt").values())


def test_training_stops_when_nothing_gets_better(corpus: dict[str, str], tmp_path: Path) -> None:
    options = {"train_conf__max_epoch": 9, "train_conf__early_stop": 2, "optim_conf__lr": 0.0}
    outcome = run(corpus, tmp_path / "exp", **options, train_conf__avg_keep_nbest_models_type="cer")
    # of equal ones the later is better, so that only a worse one can stop it: none is
    assert outcome.progress.epoch == 9
    options["optim_conf__lr"] = 3.0
    outcome = run(corpus, tmp_path / "wild", **options, train_conf__avg_keep_nbest_models_type="loss")
    assert outcome.progress.epoch < 9 and "training ends" in (tmp_path / "wild" / "log.txt").read_text()


def test_only_the_best_checkpoints_stay(corpus: dict[str, str], tmp_path: Path) -> None:
    run(corpus, tmp_path / "exp", train_conf__max_epoch=4, train_conf__keep_nbest_models=2)
    scores = {
        line["checkpoint"]: line["acc"] for line in read_log(tmp_path / "exp" / "log.jsonl") if line["kind"] == "valid"
    }
    best = sorted(scores, key=lambda name: (scores[name], name))[-2:]
    assert sorted(path.name for path in (tmp_path / "exp").glob("model.pt.ep*")) == sorted(best)


def test_the_moving_average_is_what_is_kept(corpus: dict[str, str], tmp_path: Path) -> None:
    run(corpus, tmp_path / "exp", train_conf__max_epoch=1, train_conf__ema_decay=0.9, train_conf__decode_dev=0)
    last = torch.load(tmp_path / "exp" / "checkpoint" / "last.pt")
    kept = read_state(tmp_path / "exp" / "model.pt.ep1")
    name = "encoder.after_norm.weight"
    assert torch.equal(kept[name], last["ema"]["shadow"][name]) and not torch.equal(kept[name], last["network"][name])


def test_the_moving_average_follows_its_formula() -> None:
    layer = nn.Linear(2, 1, bias=False)
    nn.init.constant_(layer.weight, 0.0)
    ema = Ema(layer, 0.5)
    wanted = torch.zeros(1, 2)
    for step in range(1, 30):
        nn.init.constant_(layer.weight, float(step))
        ema.update()
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * step
    torch.testing.assert_close(ema.shadow["weight"], wanted)
    with ema.in_place():
        torch.testing.assert_close(layer.weight.detach(), wanted)
    assert layer.weight.detach().tolist() == [[29.0, 29.0]]


def test_lora_trains_little_and_leaves_a_model_like_any_other(corpus: dict[str, str], tmp_path: Path) -> None:
    run(corpus, tmp_path / "base", train_conf__max_epoch=1, train_conf__decode_dev=0)
    request = session.Request(
        tmp_path / "exp",
        [corpus["train.jsonl"]],
        model=tmp_path / "base",
        overrides={"lora_conf.rank": 2, "lora_conf.targets": ["linear_q_k_v"], "train_conf.max_epoch": 1},
    )
    session.train(request)
    base, tuned = read_state(tmp_path / "base" / "model.pt"), read_state(tmp_path / "exp" / "model.pt")
    changed = {name for name in base if not torch.equal(base[name], tuned[name])}
    assert base.keys() == tuned.keys() and changed
    assert all(name.endswith("linear_q_k_v.weight") for name in changed)


def test_lora_begins_as_the_layer_itself_and_is_multiplied_out() -> None:
    network = nn.Sequential()
    network.add_module("linear_q", nn.Linear(4, 6))
    x = torch.randn(3, 4)
    before = network(x)
    add_lora(network, Config({"lora_conf": {"rank": 2, "dropout": 0.0}}))
    assert torch.equal(network(x), before) and isinstance(network.linear_q, LoraLinear)
    nn.init.normal_(network.linear_q.lora_b)
    plain = nn.Sequential()
    plain.add_module("linear_q", nn.Linear(4, 6))
    plain.load_state_dict(merged_state(network))
    torch.testing.assert_close(plain(x), network(x))
    with pytest.raises(ConfigError, match="no linear layer is called elsewhere"):
        add_lora(nn.Sequential(nn.Linear(2, 2)), Config({"lora_conf": {"targets": "elsewhere"}}))


def test_the_documented_form_of_the_command_works(corpus: dict[str, str], tmp_path: Path) -> None:
    folder, name = str(Path(corpus["config.yaml"]).parent), "config.yaml"
    arguments = [
        "--config-path",
        folder,
        "--config-name",
        name,
        f"++train_data_set_list={corpus['train.jsonl']}",
        f"++valid_data_set_list={corpus['valid.jsonl']}",
        "++dataset_conf.batch_size=100",
        "++dataset_conf.batch_type=token",
        "++train_conf.max_epoch=1",
        "++train_conf.log_interval=1",
        "++train_conf.resume=false",
        "++train_conf.validate_interval=2000",
        "++train_conf.save_checkpoint_interval=2000",
        "++train_conf.keep_nbest_models=20",
        "++train_conf.avg_nbest_model=5",
        "++optim_conf.lr=0.0002",
        f"++output_dir={tmp_path / 'one'}",
    ]
    assert run_in_process(arguments) == 0
    assert (tmp_path / "one" / "model.pt.avg5").is_file()
    tuning = [f"++model={tmp_path / 'one'}", *arguments[4:-1], f"++output_dir={tmp_path / 'two'}"]
    assert run_in_process(tuning) == 0
    assert (tmp_path / "two" / "model.pt").is_file()


def test_the_curves_are_drawn(corpus: dict[str, str], tmp_path: Path) -> None:
    from asrtools.train.curves import draw, read_curves

    run(corpus, tmp_path / "exp", train_conf__max_epoch=2)
    curves = read_curves(tmp_path / "exp")
    assert [step for step, _ in curves.train["loss"]] == [2, 4, 6, 8, 10, 12]
    assert [step for step, _ in curves.valid["error rate, %"]] == [6, 12]
    pytest.importorskip("matplotlib")
    draw({"exp": curves}, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_tensorboard_has_the_curves(corpus: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(corpus, tmp_path / "exp", train_conf__max_epoch=1)
    events = EventAccumulator(str(tmp_path / "exp" / "log" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [2, 4, 6]
    assert {"valid/cer", "valid/acc", "train/lr"} <= set(events.Tags()["scalars"])


def test_without_matplotlib_plot_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from asrtools.train.curves import Curves, draw

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'asrtools\[plot\]'"):
        draw({"exp": Curves({"loss": [(1, 2.0)]})}, tmp_path / "curves.png")
