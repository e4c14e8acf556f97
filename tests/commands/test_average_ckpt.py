"""average-ckpt: which checkpoints it takes, and their mean."""

from pathlib import Path

import pytest
import torch

from asrtools.commands.average_ckpt import average_ckpt
from asrtools.errors import AsrError


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Checkpoints of five epochs, and what was noted of them."""
    scores = {1: (0.5, 0.3), 2: (0.7, 0.2), 3: (0.6, 0.1), 4: (0.9, 0.5), 10: (0.8, 0.4)}
    for epoch in scores:
        state = {"weight": torch.full((2,), float(epoch)), "num_batches_tracked": torch.tensor(epoch)}
        torch.save({"state_dict": state}, tmp_path / f"model.pt.ep{epoch}")
    (tmp_path / "checkpoint").mkdir()
    noted = {f"model.pt.ep{epoch}": {"acc": acc, "loss": loss} for epoch, (acc, loss) in scores.items()}
    torch.save({"progress": {"scores": noted}}, tmp_path / "checkpoint" / "last.pt")
    return tmp_path


def run(*arguments: object) -> int:
    with average_ckpt.make_context("average-ckpt", [str(argument) for argument in arguments]) as context:
        return average_ckpt.invoke(context)


def state(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path)["state_dict"]


@pytest.mark.parametrize(
    ("options", "epochs"),
    [(["--best", 2], (4, 10)), (["--best", 2, "--by", "loss"], (3, 2)), (["--last", 3], (10, 4, 3))],
)
def test_the_mean_is_of_the_best_or_the_last(
    run_dir: Path, options: list, epochs: tuple[int, ...], capsys: pytest.CaptureFixture
) -> None:
    assert run(run_dir, *options) == 0
    found = state(run_dir / f"model.pt.avg{len(epochs)}")
    assert found["weight"].tolist() == pytest.approx([sum(epochs) / len(epochs)] * 2)
    assert f"mean of {', '.join(f'model.pt.ep{epoch}' for epoch in epochs)}" in capsys.readouterr().err


def test_integers_are_neither_added_nor_averaged(run_dir: Path) -> None:
    run(run_dir / "model.pt.ep1", run_dir / "model.pt.ep4", "--output", run_dir / "mean.pt")
    found = state(run_dir / "mean.pt")
    assert found["num_batches_tracked"].item() == 4 and found["weight"].tolist() == [2.5, 2.5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["DIR", "--best", 9], "has 5 checkpoints to choose from, and 9"),
        (["DIR", "--best", 2, "--by", "cer"], "noted no cer"),
        (["DIR/model.pt.ep1", "DIR/model.pt.ep7", "--output", "DIR/m"], "model.pt.ep7: is not there"),
        (["DIR"], "--best N or --last N"),
        (["DIR/model.pt.ep1"], "--output FILE is not given"),
    ],
)
def test_what_is_missing_is_an_error_and_not_left_out(run_dir: Path, arguments: list, message: str) -> None:
    import click

    with pytest.raises((AsrError, click.UsageError), match=message):
        run(*(str(one).replace("DIR", str(run_dir)) for one in arguments))
    assert not (run_dir / "m").exists()


def test_checkpoints_of_two_models_have_no_mean(run_dir: Path) -> None:
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, run_dir / "other.pt")
    with pytest.raises(AsrError, match=r"other\.pt: its parameters are not those of"):
        run(run_dir / "model.pt.ep1", run_dir / "other.pt", "--output", run_dir / "m")
