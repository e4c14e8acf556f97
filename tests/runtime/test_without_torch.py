"""Commands on exported directories in a process where torch cannot be imported, beside the same on the models."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from asrtools import build
from asrtools.commands.align import align
from asrtools.commands.decode import decode
from asrtools.commands.punc import punc
from asrtools.commands.spk_diarize import spk_diarize
from asrtools.commands.vad_segment import vad_segment
from asrtools.export import package

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

COMMANDS = {"decode": decode, "vad_segment": vad_segment, "punc": punc, "align": align, "spk_diarize": spk_diarize}
BLOCKED = """
import json, sys
sys.modules["torch"] = None
from click.testing import CliRunner
import importlib
for name, arguments in json.loads(sys.argv[1]):
    module = importlib.import_module(f"asrtools.commands.{name}")
    result = CliRunner().invoke(getattr(module, name), arguments)
    print(json.dumps([result.exit_code, result.stdout, result.stderr or repr(result.exception)]))
"""
Exported = Callable[..., Path]


@pytest.fixture(scope="module")
def exported(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """An oracle model's export, made once."""
    torch.set_num_threads(1)
    made: dict[tuple[str, str], Path] = {}

    def export(name: str, kind: str = "onnx") -> Path:
        if (name, kind) not in made:
            place = tmp_path_factory.mktemp(f"{name}-{kind}")
            package.export_model(build.load_model(shared / "oracle" / name, is_packed=False), place, kind)
            made[name, kind] = place
        return made[name, kind]

    return export


def without_torch(calls: list[tuple[str, list[str]]]) -> list[tuple[int, str, str]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, json.dumps(calls)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def with_torch(name: str, arguments: list[str]) -> str:
    result = CliRunner().invoke(COMMANDS[name], arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def loose(text: str) -> object:
    """Records without the last digits of how sure a token is; lines as they are."""
    lines = []
    for line in text.splitlines():
        record = json.loads(line) if line.startswith("{") else line
        for token in record.get("tokens", ()) if isinstance(record, dict) else ():
            if "confidence" in token:
                token["confidence"] = round(token["confidence"], 2)
        lines.append(record)
    return lines


def test_every_command_gives_what_it_gives_with_torch(shared: Path, tmp_path: Path, exported: Exported) -> None:
    wavs = shared / "oracle" / "wavs"
    texts = tmp_path / "text"
    texts.write_text("a 今天天气怎么样我们去公园玩吧\nb hello how are you 我很好\n", encoding="utf-8")
    hotwords = (shared / "oracle" / "seaco_paraformer" / "hotwords.txt").read_text(encoding="utf-8").split()
    speech = [str(wavs / f"{name}.wav") for name in ("aishell", "odd", "short500ms", "tiny40ms")]
    aligned = tmp_path / "known"
    aligned.write_text("aishell 见要制从从\n", encoding="utf-8")
    calls = [
        ("decode", "paraformer", ["--jsonl", *speech]),
        ("decode", "paraformer_conformer", ["--jsonl", *speech]),
        ("decode", "bicif_paraformer", ["--jsonl", *speech]),
        ("decode", "seaco_paraformer", ["--hotword", " ".join(hotwords), "--jsonl", *speech]),
        ("decode", "contextual_paraformer", ["--hotword", " ".join(hotwords), "--jsonl", *speech]),
        ("decode", "sensevoice_small", ["--jsonl", "--language", "zh", "--use-itn", *speech]),
        ("decode", "conformer", ["--greedy", *speech]),
        ("vad_segment", "fsmn_vad", [str(wavs / "vad_example.wav")]),
        ("vad_segment", "fsmn_vad", ["--streaming", "++max_end_silence_time=500", str(wavs / "vad_example.wav")]),
        ("punc", "ct_punc", [str(texts)]),
        ("punc", "ct_punc_streaming", [str(texts)]),
        ("align", "monotonic_aligner", [str(wavs / "aishell.wav"), str(aligned)]),
    ]
    found = without_torch([(name, ["--model", str(exported(model)), *arguments]) for name, model, arguments in calls])
    for (name, model, arguments), (code, stdout, stderr) in zip(calls, found, strict=True):
        assert code == 0, (model, stderr)
        wanted = with_torch(name, ["--model", str(shared / "oracle" / model), *arguments])
        assert loose(stdout) == loose(wanted), model


def test_speakers_are_told_apart_without_torch(shared: Path, tmp_path: Path, exported: Exported) -> None:
    wav = str(shared / "oracle" / "wavs" / "vad_example.wav")
    options = ["--num-speakers", "2"]
    models = {"--model": "campplus", "--vad-model": "fsmn_vad"}
    mine = [part for option, name in models.items() for part in (option, str(exported(name)))]
    theirs = [part for option, name in models.items() for part in (option, str(shared / "oracle" / name))]
    ((code, stdout, stderr),) = without_torch([("spk_diarize", [*mine, *options, wav])])
    assert code == 0, stderr
    assert stdout == with_torch("spk_diarize", [*theirs, *options, wav])


def test_a_recogniser_and_its_companions_are_all_exports(shared: Path, exported: Exported) -> None:
    wav = str(shared / "oracle" / "wavs" / "vad_example.wav")
    models = {"--model": "bicif_paraformer", "--vad-model": "fsmn_vad", "--punc-model": "ct_punc"}
    mine = [part for option, name in models.items() for part in (option, str(exported(name)))]
    theirs = [part for option, name in models.items() for part in (option, str(shared / "oracle" / name))]
    ((code, stdout, stderr),) = without_torch([("decode", [*mine, wav])])
    assert code == 0, stderr
    assert stdout == with_torch("decode", [*theirs, wav])


def test_torchscript_is_run_the_same_way(shared: Path, exported: Exported) -> None:
    for model in ("paraformer", "sensevoice_small"):
        wav = str(shared / "oracle" / "wavs" / "aishell.wav")
        found = with_torch("decode", ["--model", str(exported(model, "torchscript")), "--jsonl", wav])
        assert loose(found) == loose(with_torch("decode", ["--model", str(shared / "oracle" / model), "--jsonl", wav]))


def test_a_result_does_not_depend_on_the_batch_in_8_bits(shared: Path, tmp_path: Path) -> None:
    package.export_model(build.load_model(shared / "oracle" / "paraformer"), tmp_path, precision="int8")
    speech = [str(shared / "oracle" / "wavs" / f"{name}.wav") for name in ("aishell", "odd", "librispeech")]
    together = with_torch("decode", ["--model", str(tmp_path), "--jsonl", *speech])
    alone = [with_torch("decode", ["--model", str(tmp_path), "--jsonl", "--batch-size", "1", one]) for one in speech]
    assert together == "".join(alone)


def test_what_an_export_cannot_do_is_said_in_one_sentence(shared: Path, exported: Exported) -> None:
    wav = str(shared / "oracle" / "wavs" / "odd.wav")
    directory = str(exported("paraformer"))
    result = CliRunner().invoke(decode, ["--model", directory, "++encoder_conf.num_blocks=2", wav])
    assert "an exported network is as it was made" in str(result.exception)
    result = CliRunner().invoke(decode, ["--model", directory, "--decoding-ctc-weight", "0.5", wav])
    assert "gives its best path" in str(result.exception)


def test_automodel_takes_an_exported_directory(shared: Path, exported: Exported) -> None:
    from asrtools import AutoModel
    from asrtools.errors import ConfigError

    wav = str(shared / "oracle" / "wavs" / "aishell.wav")
    mine = AutoModel(model=str(exported("bicif_paraformer")))
    theirs = AutoModel(model=str(shared / "oracle" / "bicif_paraformer"), device="cpu")
    assert mine.generate(input=wav) == theirs.generate(input=wav)
    with pytest.raises(ConfigError, match="is an export already"):
        mine.export()
