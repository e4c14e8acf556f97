"""Real clients load our exports and give our text: funasr-onnx and sherpa-onnx (tests/runtime/clients.txt)."""

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from asrtools import AutoModel, build
from asrtools.export import package
from asrtools.export.punctuation_graph import PunctuationStreamGraph
from asrtools.models.protocols import DecodeOptions
from asrtools.tasks.recognition import Recognition, open_recognition
from asrtools.text.surface import funasr_surface

pytest.importorskip("onnx")

WAVS = ("aishell", "odd", "short500ms")
TEXT = "今天天气怎么样我们去公园玩吧"
TEXTLESS = ("<blank>", "<s>", "</s>", "<unk>")

# Reads calls from stdin, each a line of Python that leaves its result in `result`; prints a line of JSON for each.
DRIVER = """
import json, sys, types
import numpy as np, soundfile
librosa = types.ModuleType("librosa")  # reads files, of which there are none here but for the one that VAD wants
librosa.load = lambda path, sr=16000, **_: (soundfile.read(path, dtype="float32")[0], sr)
sys.modules["librosa"] = librosa
def wav(name):
    return soundfile.read(f"{sys.argv[1]}/{name}.wav", dtype="float32")[0]
for line in sys.stdin:
    names = {"wav": wav, "np": np}
    exec(json.loads(line), names)
    found = json.dumps(names["result"], ensure_ascii=False, default=lambda one: one.tolist())
    sys.stdout.write("RESULT " + found + "\\n")
"""
Export = Callable[..., Path]


def clients() -> Path:
    folder = Path(sys.prefix) / "clients"
    if not (folder / "funasr_onnx").is_dir() or not (folder / "sherpa_onnx").is_dir():
        reason = f"{folder} has no funasr-onnx and sherpa-onnx (bash tests/run.sh --install)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


def call(shared: Path, code: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(clients()), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(shared / "oracle" / "wavs")],
        input=json.dumps(code) + "\n",
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT "))


@pytest.fixture(scope="module")
def exported(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    torch.set_num_threads(1)

    def export(name: str, precision: str = "fp32") -> Path:
        place = tmp_path_factory.mktemp(name)
        package.export_model(build.load_model(shared / "oracle" / name, is_packed=False), place, precision=precision)
        return place

    return export


def our_tokens(shared: Path, name: str, hotwords: str = "") -> list[list[str]]:
    """Of each of WAVS, by torch."""
    recognition = open_recognition(shared / "oracle" / name, device="cpu", num_threads=1)
    assert isinstance(recognition, Recognition)
    options = DecodeOptions(hotwords=recognition.spell(hotwords).ids if hotwords else ())
    found = []
    for wav in WAVS:
        samples = soundfile.read(shared / "oracle" / "wavs" / f"{wav}.wav", dtype="float32")[0]
        ((best, *_),) = recognition.recognize([recognition.model.frontend(samples)], options)
        found.append(recognition.model.tokenizer.ids2tokens(best.ids))
    return found


def same_but_for_the_last(theirs: dict[str, Any], ours: list[str]) -> bool:
    """funasr-onnx leaves the last token that fires away, whatever it is, and that may be one that says nothing."""
    if "raw_tokens" in theirs:
        said = [token for token in theirs["raw_tokens"] if token not in TEXTLESS[:3]]
        return said in (ours, ours[:-1])
    text = _unspaced(theirs["preds"][0])
    return text in [_unspaced(funasr_surface(tokens).text) for tokens in (ours, ours[:-1])]


def _unspaced(text: str) -> str:
    return text.replace(" ", "")


@pytest.mark.parametrize("name", ["paraformer", "bicif_paraformer"])
def test_funasr_onnx_gives_our_tokens(name: str, shared: Path, exported: Export) -> None:
    code = f"""
import funasr_onnx
model = funasr_onnx.Paraformer({str(exported(name))!r}, batch_size=1, intra_op_num_threads=1)
result = [model(wav(name))[0] for name in {WAVS}]
"""
    found = call(shared, code)
    for theirs, ours in zip(found, our_tokens(shared, name), strict=True):
        assert same_but_for_the_last(theirs, ours)


@pytest.mark.parametrize("name", ["SeacoParaformer", "ContextualParaformer"])
def test_funasr_onnx_listens_for_hotwords_as_we_do(name: str, shared: Path, exported: Export) -> None:
    model = name.replace("Paraformer", "").lower() + "_paraformer"
    tokens = build.build_tokenizer(build.load_model(shared / "oracle" / model).config).token_list
    words = " ".join(token for token in tokens[5:40] if len(token) == 1 and ord(token) > 0x4E00)[:7]
    code = f"""
import funasr_onnx
model = funasr_onnx.{name}({str(exported(model))!r}, intra_op_num_threads=1)
result = [model(wav(name), {words!r})[0] for name in {WAVS}]
"""
    found = call(shared, code)
    for theirs, ours in zip(found, our_tokens(shared, model, words), strict=True):
        assert same_but_for_the_last(theirs, ours)


def test_funasr_onnx_gives_our_sense_voice(shared: Path, exported: Export) -> None:
    wavs = [str(shared / "oracle" / "wavs" / f"{name}.wav") for name in WAVS]
    code = f"""
import funasr_onnx
model = funasr_onnx.SenseVoiceSmall({str(exported("sensevoice_small"))!r}, batch_size=1, intra_op_num_threads=1)
result = [model([path], language="zh", textnorm="withitn")[0] for path in {wavs!r}]
"""
    model = AutoModel(model=str(shared / "oracle" / "sensevoice_small"), device="cpu")
    assert call(shared, code) == [model.generate(input=one, language="zh", use_itn=True)[0]["text"] for one in wavs]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_funasr_onnx_finds_our_stretches_of_speech(precision: str, shared: Path, exported: Export) -> None:
    """With the real weights of fsmn-vad."""
    wav = str(shared / "oracle" / "wavs" / "vad_example.wav")
    code = f"""
import funasr_onnx
model = funasr_onnx.Fsmn_vad({str(exported("fsmn_vad", precision))!r}, quantize={precision == "int8"})
result = model({wav!r})
"""
    directory = exported("fsmn_vad", precision)
    (ours,) = AutoModel(model=str(directory)).generate(input=wav)
    (theirs,) = call(shared, code)
    assert len(theirs) == len(ours["value"])
    # in 8 bits a frame at a threshold may fall to either side, for samples that differ in their last digit
    most = 0 if precision == "fp32" else 30
    assert np.abs(np.array(theirs) - np.array(ours["value"])).max() <= most


def test_funasr_onnx_gives_our_punctuation(shared: Path, exported: Export) -> None:
    code = f"""
import funasr_onnx
whole, stream = {str(exported("ct_punc"))!r}, {str(exported("ct_punc_streaming"))!r}
result = [
    funasr_onnx.CT_Transformer(whole)({TEXT!r})[0],
    funasr_onnx.CT_Transformer_VadRealtime(stream)({TEXT!r}, {{"cache": []}})[1],
]
"""
    text, marks = call(shared, code)
    whole = AutoModel(model=str(shared / "oracle" / "ct_punc"), device="cpu")
    assert text == whole.generate(input=TEXT)[0]["text"]
    stream = build.load_model(shared / "oracle" / "ct_punc_streaming", is_packed=False)
    ids = torch.tensor([stream.tokenizer.tokens2ids(list(TEXT))])
    # it hands the mask of the last layer, which hides nothing here, to all of them
    seen = torch.ones(1, 1, len(TEXT), len(TEXT))
    with torch.no_grad():
        best = PunctuationStreamGraph(stream.network)(ids, torch.tensor([len(TEXT)]), seen, seen)[0].argmax(-1)
    assert marks[:-1] == [stream.network.punc_list[index] for index in best.tolist()][:-1]


def test_funasr_onnx_hears_streams_with_our_two_files(shared: Path, exported: Export) -> None:
    code = f"""
import funasr_onnx.paraformer_online_bin as online
model = online.Paraformer({str(exported("paraformer_streaming"))!r}, chunk_size=[5, 10, 5], intra_op_num_threads=1)
samples, cache, result = wav("aishell"), {{}}, []
for begin in range(0, len(samples), 9600):
    packet = samples[begin : begin + 9600]
    found = model(packet, param_dict={{"cache": cache, "is_final": begin + 9600 >= len(samples)}})
    result += [token for one in found for token in one["preds"][1]]
"""
    model = AutoModel(model=str(shared / "oracle" / "paraformer_streaming"), device="cpu")
    wav = str(shared / "oracle" / "wavs" / "aishell.wav")
    ours = model.generate(input=wav, chunk_size=[5, 10, 5])[0]["text"]
    # its decoder begins with other frames before the first token than the published network has
    assert difflib.SequenceMatcher(None, "".join(call(shared, code)), ours).ratio() > 0.8


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_sherpa_onnx_gives_our_text(precision: str, shared: Path, exported: Export) -> None:
    ending = "" if precision == "fp32" else "_quant"
    paraformer, sense_voice = exported("paraformer", precision), exported("sensevoice_small", precision)
    punctuation = exported("ct_punc", precision)
    code = f"""
import sherpa_onnx
def hear(recognizer):
    found = []
    for name in {WAVS}:
        stream = recognizer.create_stream()
        stream.accept_waveform(16000, wav(name))
        recognizer.decode_stream(stream)
        found.append(stream.result.tokens)
    return found
make = sherpa_onnx.OfflineRecognizer
marks = sherpa_onnx.OfflinePunctuationModelConfig(ct_transformer="{punctuation}/model{ending}.onnx")
result = {{
    "paraformer": hear(make.from_paraformer(
        paraformer="{paraformer}/model{ending}.onnx", tokens="{paraformer}/tokens.txt", num_threads=1)),
    "sense_voice": hear(make.from_sense_voice(
        model="{sense_voice}/model{ending}.onnx", tokens="{sense_voice}/tokens.txt", num_threads=1)),
    "punctuation": sherpa_onnx.OfflinePunctuation(
        sherpa_onnx.OfflinePunctuationConfig(model=marks)).add_punctuation({TEXT!r}),
}}
"""
    found = call(shared, code)
    for name, directory in (("paraformer", paraformer), ("sense_voice", sense_voice)):
        recognition = open_recognition(directory, device="cpu", num_threads=1)
        assert isinstance(recognition, Recognition)
        for wav, tokens in zip(WAVS, found[name], strict=True):
            samples = soundfile.read(shared / "oracle" / "wavs" / f"{wav}.wav", dtype="float32")[0]
            ((best, *_),) = recognition.recognize([recognition.model.frontend(samples)], DecodeOptions())
            ours = recognition.model.tokenizer.ids2tokens(best.ids)
            # in 8 bits features that differ in their last digit may tip a token
            alike = difflib.SequenceMatcher(None, _spelt(tokens), _spelt(ours)).ratio()
            assert alike >= (1 if precision == "fp32" else 0.8), (name, wav)
    assert found["punctuation"] == AutoModel(model=str(punctuation)).generate(input=TEXT)[0]["text"]


def _spelt(tokens: list[str]) -> str:
    kept = [token for token in tokens if token not in TEXTLESS]
    return "".join(kept).replace("▁", "").replace(" ", "").replace("@@", "")
