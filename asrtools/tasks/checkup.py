"""What stops a model directory from loading: all causes in one list."""

import copy
import dataclasses
import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asrtools import build, zoo
from asrtools import config as configuration
from asrtools.config import Config
from asrtools.errors import AsrError, ConfigError, ModelError
from asrtools.hub import receipt
from asrtools.register import tables
from asrtools.runtime.files import ExportedFiles, exported_files
from asrtools.tasks.finding import Finding

MANIFEST = "export_manifest.json"
GIT_LFS = b"version https://git-lfs"

# Keys that published configs have at their top and that say nothing about loading.
PUBLISHED_KEYS = {
    *(
        "init_param",
        "token_list",
        "vocab_size",
        "input_size",
        "jieba_usr_dict",
        "config",
        "lang",
        "language",
        "punc_list",
    ),
    *("dataset", "train_conf", "optim", "scheduler", "log_level", "seed", "output_dir", "device", "ncpu", "ngpu"),
    *("dither", "use_preprocessor", "specaug", "ctc_conf", "model_path", "hub", "model_revision", "is_training"),
    *("init", "max_epoch", "accum_grad", "batch_size", "num_workers", "init_lr", "unused_parameters", "cmvn_file"),
}


@dataclass
class Checkup:
    """A model directory under examination; what can still be looked at after a problem is looked at."""

    directory: Path
    findings: list[Finding] = field(default_factory=list)
    config: Config | None = None  # what is unusable in it taken out
    frontend: Any = None
    tokenizer: Any = None
    network: Any = None

    def problem(self, text: object) -> None:
        if (finding := Finding("problem", str(text))) not in self.findings:
            self.findings.append(finding)

    def note(self, text: str) -> None:
        self.findings.append(Finding("note", text))

    def ok(self, text: str) -> None:
        self.findings.append(Finding("ok", text))

    @property
    def has_problem(self) -> bool:
        return any(finding.kind == "problem" for finding in self.findings)


def examine(directory: str | Path) -> Checkup:
    """Look at everything that loading a model directory needs, without running it."""
    checkup = Checkup(Path(directory))
    _check_files(checkup)
    checkup.config = _read_config(checkup)
    if checkup.config is None:
        return checkup
    _check_keys(checkup, checkup.config)
    _check_missing_files(checkup, checkup.config)
    checkup.frontend = _frontend(checkup, checkup.config)
    checkup.tokenizer = _tokenizer(checkup, checkup.config)
    checkup.network = _network(checkup, checkup.config)
    _check_parameters(checkup, checkup.config)
    return checkup


# files


def _check_files(checkup: Checkup) -> None:
    expected = receipt.read(checkup.directory).get("sizes") or {}
    for name, size in expected.items():
        path = checkup.directory / name
        if not path.is_file():
            checkup.problem(f"{path}: is missing, the hub has it; run download again")
        elif path.stat().st_size != size:
            checkup.problem(f"{path}: has {path.stat().st_size} bytes, the hub's has {size}; run download again")
    name = hub_id(checkup.directory)
    entry = zoo.find(name) if name else None
    for file in () if entry is None or expected else entry.files:
        if not (checkup.directory / file).exists():
            checkup.note(f"{checkup.directory / file}: is not there, {entry.name} is published with it")
    for path in sorted(checkup.directory.iterdir()):
        if not path.is_file() or path.name.startswith("."):
            continue
        try:
            with open(path, "rb") as file:
                head = file.read(len(GIT_LFS))
        except OSError as error:
            checkup.problem(f"{path}: cannot be read ({error.strerror})")
            continue
        if head == GIT_LFS:
            checkup.problem(f"{path}: is a git-lfs pointer, not the file; fetch it with `git lfs pull`")


# configuration


def _read_config(checkup: Checkup) -> Config | None:
    try:
        return copy.deepcopy(configuration.load(checkup.directory))
    except ConfigError as error:
        checkup.problem(error)
    # the rest may still be looked at by what the files are called
    yaml = checkup.directory / "config.yaml"
    files = {key: str(checkup.directory / name) for name, key in configuration.KNOWN_FILES}
    try:
        there = {key: path for key, path in files.items() if Path(path).is_file()}
        return copy.deepcopy(configuration.load(yaml, there)) if yaml.is_file() else None
    except ConfigError as error:
        checkup.problem(error)
        return None


def _components(config: Config) -> dict[str, str]:
    """Each part that the config names, and the table it is looked up in."""
    parts = {"model": "model_classes", **build.INPUTS, **build.PARTS}
    return {part: table for part, table in parts.items() if config.values.get(part)}


def _check_keys(checkup: Checkup, config: Config) -> None:
    """Unknown names and keys are problems, and are taken out so that the rest can be looked at."""
    if not config.values.get("model"):
        checkup.problem(
            f"{checkup.directory}: its config names no model; a registered name is wanted, such as Paraformer"
        )
    for part, table in _components(config).items():
        name = config.values[part]
        if not isinstance(name, str):
            checkup.problem(f"{config.origin(part)}: {part} is {name!r}; a registered name is wanted")
            continue
        try:
            cls = getattr(tables, table).find(name)
        except ConfigError as error:
            checkup.problem(f"{config.origin(part)}: {error}")
            continue
        if part == "frontend" and config.values.get("model") in build.OWN_FRONTEND:
            continue  # what it does not know has no meaning
        _check_section(checkup, config, getattr(cls, "options_class", cls), f"{part}_conf")
    known = {*build.SECTIONS, *_parts(), *(f"{part}_conf" for part in _parts()), *PUBLISHED_KEYS}
    for key in config.values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
            meant = f"; is {near[0]} meant?" if near else ""
            checkup.note(f"{config.origin(key)}: {key} means nothing here{meant}")


def _parts() -> tuple[str, ...]:
    return ("model", "specaug", "normalize", *build.INPUTS, *build.PARTS)


def _check_section(checkup: Checkup, config: Config, cls: type, section: str) -> None:
    try:
        keys = list(config.section(section))
    except ConfigError as error:
        checkup.problem(error)
        config.values.pop(section, None)
        return
    absent = {name.removeprefix(f"{section}.") for name in config.missing}
    for key in keys:
        try:
            build.keywords_for(cls, config, section, without={*keys, *absent} - {key})
        except ConfigError as error:
            checkup.problem(error)
            config.values[section] = {name: value for name, value in config.section(section).items() if name != key}


def _check_missing_files(checkup: Checkup, config: Config) -> None:
    needed = {"init_param", *(f"{part}_conf" for part in build.INPUTS)}
    is_export = exported_files(checkup.directory) is not None
    for name, file in config.missing.items():
        if name == "init_param" and is_export:
            continue  # the export is run in its place
        if name.partition(".")[0] in needed:
            checkup.problem(f"{file}: configuration.json names it as {name}, and it is not there; put it there")
        else:
            checkup.note(f"{file}: configuration.json names it as {name}, and it is not there")


# parts


def _without_missing(config: Config) -> Config:
    return dataclasses.replace(config, missing={})


def _frontend(checkup: Checkup, config: Config) -> Any:
    for without in ((), ("cmvn_file",)):  # what comes after needs its size, which statistics do not change
        try:
            name = build.OWN_FRONTEND.get(str(config.values.get("model"))) or config.values.get("frontend")
            return build.build_frontend(_without_missing(config), without) if name else None
        except AsrError as error:
            checkup.problem(_with_origin(error, config, "frontend"))
    return None


def _tokenizer(checkup: Checkup, config: Config) -> Any:
    try:
        return build.build_tokenizer(_without_missing(config))
    except AsrError as error:
        if not any(name.startswith("tokenizer_conf") for name in config.missing):  # said already
            checkup.problem(_with_origin(error, config, "tokenizer"))
        return None


def _with_origin(error: AsrError, config: Config, part: str) -> str:
    """A name that is not registered was reported with its place; the same words again."""
    return f"{config.origin(part)}: {error}" if " is not registered; " in str(error) else str(error)


def _network(checkup: Checkup, config: Config) -> Any:
    from asrtools.checkpoint import build_empty

    named = [part for part in _components(config) if part in ("model", *build.PARTS)]
    if "model" not in named or any(config.values[part] not in _table(part) for part in named):
        return None
    if config.values.get("tokenizer") and checkup.tokenizer is None:
        return None  # its size is not known
    try:
        inputs = checkup.frontend, checkup.tokenizer
        sizes = build.sizes_of(config, *inputs)
        return build_empty(lambda: build.build_network(_without_missing(config), *sizes, *inputs))
    except AsrError as error:
        checkup.problem(error)
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError, ZeroDivisionError) as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        checkup.problem(f"{config.origin('model')}: {config.values['model']} cannot be built of this config ({cause})")
    return None


def _table(part: str) -> Mapping[str, type]:
    name = {"model": "model_classes", **build.PARTS}[part]
    return getattr(tables, name)  # type: ignore[no-any-return]


# parameters


def _check_parameters(checkup: Checkup, config: Config) -> None:
    from asrtools.checkpoint import read_state

    file = config.values.get("init_param")
    export = None if file else exported_files(checkup.directory)
    if export is not None:
        _check_export(checkup, export)
        return
    if not file:
        if "init_param" not in config.missing:  # said already
            checkup.problem(f"{checkup.directory / 'model.pt'}: is not there, so the model has no parameters; fetch it")
        return
    try:
        state = read_state(file)
    except ModelError as error:
        if "git-lfs" not in str(error):  # said already
            checkup.problem(error)
        return
    broken = [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        checkup.problem(
            f"{file}: {broken[0]}{more} holds values that are no numbers; it was saved from a failed training"
        )
    if checkup.network is None:
        checkup.note(f"{file}: its {len(state)} parameters were not compared, since the network is not known")
        return
    _compare(checkup, config, str(file), state)


def _check_export(checkup: Checkup, export: ExportedFiles) -> None:
    """The files of an export, against the manifest that was written with them."""
    manifest = checkup.directory / MANIFEST
    try:
        listed = {one["file"]: one["sha256"] for one in json.loads(manifest.read_text(encoding="utf-8"))["files"]}
    except FileNotFoundError:
        checkup.note(f"{manifest}: is not there, so {export.main.name} cannot be compared with what was exported")
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        checkup.problem(f"{manifest}: cannot be read ({type(error).__name__}: {error}); export the model again")
        return
    for path in export.paths.values():
        if hashlib.sha256(path.read_bytes()).hexdigest() == listed.get(path.name):
            checkup.ok(f"{path}: an export as {manifest.name} has it")
        else:
            checkup.problem(f"{path}: is not the file that {manifest.name} was written for; export the model again")


def _compare(checkup: Checkup, config: Config, file: str, state: Mapping[str, Any]) -> None:
    from asrtools.checkpoint import describe, mismatches

    wanted = checkup.network.state_dict()
    missing, unexpected, shapes = mismatches(wanted, state)
    if checkup.tokenizer is not None:
        shapes = _check_size(
            checkup,
            shapes,
            checkup.tokenizer.get_vocab_size(),
            0,
            f"{_tokens_name(config)}: has {{}} tokens, {file} {{}}",
        )
    if checkup.frontend is not None:
        shapes = _check_size(
            checkup,
            shapes,
            checkup.frontend.output_size(),
            -1,
            f"{config.origin('frontend_conf.lfr_m')}: features have {{}} values (n_mels x lfr_m), {file} takes {{}}",
        )
    if missing or unexpected:
        checkup.problem(f"{file}: {describe(missing, unexpected, {}, len(wanted))}")
    if shapes:
        checkup.problem(f"{file}: {describe([], [], shapes, len(wanted))}")
    if not (missing or unexpected or shapes or checkup.has_problem):
        num = sum(tensor.numel() for tensor in state.values())
        checkup.ok(f"{file}: all {len(wanted)} parameters fit ({num / 1e6:.2f} M values)")


def _check_size(
    checkup: Checkup, shapes: dict[str, Any], size: int, axis: int, words: str
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Shapes that differ only because another size was trained with are one cause, said once; the others are left."""
    of_size = {
        name: there
        for name, (wanted, there) in shapes.items()
        if len(wanted) == len(there)
        and wanted
        and wanted[axis] == size != there[axis]
        and all(a == b for i, (a, b) in enumerate(zip(wanted, there, strict=True)) if i != axis % len(wanted))
    }
    trained = {there[axis] for there in of_size.values()}
    if len(trained) != 1:
        return shapes
    checkup.problem(f"{words.format(size, trained.pop())} ({', '.join(list(of_size)[:3])}); they belong to two models")
    return {name: pair for name, pair in shapes.items() if name not in of_size}


def _tokens_name(config: Config) -> str:
    section = config.section("tokenizer_conf")
    named = section.get("token_list") or section.get("bpemodel")
    return str(named) if isinstance(named, str | Path) else config.origin("tokenizer_conf.token_list")


def hub_id(directory: Path) -> str | None:
    """What a directory says it is called on a hub."""
    if found := receipt.read(directory).get("id"):
        return str(found)
    try:
        content = json.loads((directory / "configuration.json").read_text(encoding="utf-8"))
        names = content.get("model_name_in_hub") or {}
        return names.get("ms") or names.get("hf") or None
    except (OSError, ValueError, AttributeError):
        return None
