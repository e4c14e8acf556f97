"""The curves of a run, from its log.jsonl to a picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asrtools.errors import ConfigError, DataError
from asrtools.train.log import JSONL, read_log

# What is drawn, with the name it has in the lines of training and of validation.
PANELS = (("loss", "loss", "loss"), ("accuracy", "acc_epoch", "acc"), ("error rate, %", "", "cer"), ("rate", "lr", ""))

Points = list[tuple[int, float]]


@dataclass(frozen=True)
class Curves:
    train: dict[str, Points] = field(default_factory=dict)  # by panel, (step, value)
    valid: dict[str, Points] = field(default_factory=dict)


def read_curves(directory: Path) -> Curves:
    path = directory / JSONL
    if not path.is_file():
        raise DataError(f"{path}: is not there; the output directory of train has one")
    curves = Curves()
    try:
        lines = read_log(path)
    except ValueError as error:
        raise DataError(f"{path}: is not what train writes ({error})") from error
    for panel, in_train, in_valid in PANELS:
        for kind, name, points in (("train", in_train, curves.train), ("valid", in_valid, curves.valid)):
            found = [(line["total_step"], line[name]) for line in lines if line["kind"] == kind and _has(line, name)]
            if found:
                points[panel] = found
    if not curves.train and not curves.valid:
        raise DataError(f"{path}: has no line of training yet; wait for train_conf.log_interval batches")
    return curves


def _has(line: Mapping[str, Any], name: str) -> bool:
    return bool(name) and isinstance(line.get(name), int | float)


def draw(runs: Mapping[str, Curves], path: Path) -> None:
    """A panel for each kind of curve, a colour for each run; validation is dashed."""
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigError("plot: matplotlib is not installed; pip install 'asrtools[plot]'") from error
    matplotlib.use("agg")
    from matplotlib.figure import Figure

    panels = [name for name, _, _ in PANELS if any(name in run.train or name in run.valid for run in runs.values())]
    figure = Figure(figsize=(5 * len(panels), 4), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        for index, (name, run) in enumerate(runs.items()):
            for points, style, what in ((run.train, "-", "train"), (run.valid, "--", "valid")):
                if panel in points:
                    steps, values = zip(*points[panel], strict=True)
                    mark = "." if len(steps) < 20 else None
                    axis.plot(steps, values, style, color=f"C{index}", marker=mark, label=f"{name} {what}")
        axis.set(title=panel, xlabel="step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    try:
        figure.savefig(path, format=path.suffix.lstrip(".") or "png")
    except ValueError as error:
        raise ConfigError(f"{path}: {error}; a name that ends in .png is wanted") from error
