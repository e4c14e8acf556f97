"""The output directory as a model directory: every file that the configuration names comes in, and paths are relative.

Moved or zipped, it stays complete.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from asrtools.config import Config
from asrtools.io.text_file import atomic_write

# Where files of a model are named; what else holds paths (lists of data, noises) is not of the model.
SECTIONS = ("tokenizer_conf", "frontend_conf", "normalize_conf", "model_conf", "encoder_conf", "decoder_conf")
KEYS = ("jieba_usr_dict",)
APART = ("init_param", "output_dir", "train_data_set_list", "valid_data_set_list", "model_path", "config")
TASKS = {
    "CTTransformer": "punctuation",
    "CTTransformerStreaming": "punctuation",
    "FsmnVADStreaming": "voice-activity-detection",
    "CAMPPlus": "speaker-verification",
    "MonotonicAligner": "speech-timestamp",
}


def write_model_directory(config: Config, directory: Path) -> None:
    """All but the parameters."""
    directory.mkdir(parents=True, exist_ok=True)
    values = _copy(config.values)
    metas: dict[str, Any] = {"init_param": "model.pt", "config": "config.yaml"}
    names: dict[str, Path] = {}
    for keys, file in _files(config):
        name = _bring(file, directory, names)
        place, meta = values, metas
        for key in keys[:-1]:
            place, meta = place[key], meta.setdefault(key, {})
        place[keys[-1]] = meta[keys[-1]] = name
    for key in APART:
        values.pop(key, None)
    with atomic_write(directory / "config.yaml") as file:
        file.write(yaml.safe_dump(values, allow_unicode=True, sort_keys=False))
    task = TASKS.get(str(values.get("model")), "auto-speech-recognition")
    index = {
        "framework": "pytorch",
        "task": task,
        "model": {"type": "funasr"},
        "pipeline": {"type": "funasr-pipeline"},
        "model_name_in_hub": {"ms": "", "hf": ""},
        "file_path_metas": metas,
    }
    with atomic_write(directory / "configuration.json") as file:
        file.write(json.dumps(index, indent=2, ensure_ascii=False) + "\n")
    for beside in ("seg_dict", "tokens.txt"):  # found by their names, where no key names them
        source = (config.directory or Path()) / beside
        if config.directory is not None and source.is_file() and not (directory / beside).exists():
            _bring(source, directory, names)


def _files(config: Config) -> Iterator[tuple[tuple[str, ...], Path]]:
    for section in SECTIONS:
        for key, value in config.section(section).items():
            if _is_file(value):
                yield (section, key), Path(value)
    for key in KEYS:
        if _is_file(config.values.get(key)):
            yield (key,), Path(config.values[key])


def _is_file(value: Any) -> bool:
    return isinstance(value, str | Path) and bool(str(value)) and Path(value).is_file()


def _bring(file: Path, directory: Path, names: dict[str, Path]) -> str:
    """Copy a file in under its own name, or one with a number where another file has it; the name."""
    name, number = file.name, 1
    while name in names and names[name].resolve() != file.resolve():
        number += 1
        name = f"{file.stem}_{number}{file.suffix}"
    names[name] = file
    target = directory / name
    if not (target.exists() and os.path.samefile(file, target)):
        temporary = target.with_name(f".{name}.tmp")
        shutil.copyfile(file, temporary)
        os.replace(temporary, target)
    return name


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item) for item in value]
    return str(value) if isinstance(value, Path) else value
