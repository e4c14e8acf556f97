"""Real-size model directories with random weights, for benchmarks: what is timed depends on shapes, not on training.

    python tests/bench/make_models.py OUT [--shared ../shared]

OUT/paraformer-large, OUT/sensevoice-small and OUT/uniasr get the published architectures. So that the text is well
defined, output layers are sharpened, and Paraformer's predictor has a bias with which no recording's sum of weights
lies near a whole number.
"""

import argparse
import json
import struct
from pathlib import Path

import numpy as np
import torch
import yaml
from crops import crops
from torch import Tensor, nn

from asrtools import build, config
from asrtools.features.cmvn import CmvnStats
from asrtools.features.frontend import WavFrontend

ENCODER = {
    "output_size": 512,
    "attention_heads": 4,
    "linear_units": 2048,
    "num_blocks": 50,
    "dropout_rate": 0.1,
    "positional_dropout_rate": 0.1,
    "attention_dropout_rate": 0.1,
    "input_layer": "pe",
    "pos_enc_class": "SinusoidalPositionEncoder",
    "normalize_before": True,
    "kernel_size": 11,
    "sanm_shfit": 0,
    "selfattention_layer_type": "sanm",
}
FRONTEND = {
    "fs": 16000,
    "window": "hamming",
    "n_mels": 80,
    "frame_length": 25,
    "frame_shift": 10,
    "lfr_m": 7,
    "lfr_n": 6,
    "dither": 0.0,
}
PARAFORMER = {
    "model": "Paraformer",
    "model_conf": {
        "ctc_weight": 0.0,
        "lsm_weight": 0.1,
        "length_normalized_loss": True,
        "predictor_weight": 1.0,
        "predictor_bias": 1,
        "sampling_ratio": 0.75,
    },
    "encoder": "SANMEncoder",
    "encoder_conf": ENCODER,
    "decoder": "ParaformerSANMDecoder",
    "decoder_conf": {
        "attention_heads": 4,
        "linear_units": 2048,
        "num_blocks": 16,
        "dropout_rate": 0.1,
        "positional_dropout_rate": 0.1,
        "self_attention_dropout_rate": 0.1,
        "src_attention_dropout_rate": 0.1,
        "att_layer_num": 16,
        "kernel_size": 11,
        "sanm_shfit": 0,
    },
    "predictor": "CifPredictorV2",
    "predictor_conf": {"idim": 512, "threshold": 1.0, "l_order": 1, "r_order": 1, "tail_threshold": 0.45},
    "frontend": "WavFrontend",
    "frontend_conf": FRONTEND,
    "tokenizer": "CharTokenizer",
    "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
}
PARAFORMER_ONLINE = PARAFORMER | {
    "model": "ParaformerStreaming",
    "encoder": "SANMEncoderChunkOpt",
    "encoder_conf": ENCODER
    | {
        "input_layer": "pe_online",
        "chunk_size": [12, 15],
        "stride": [8, 10],
        "pad_left": [0, 0],
        "encoder_att_look_back_factor": [4, 4],
        "decoder_att_look_back_factor": [1, 1],
    },
    "decoder_conf": PARAFORMER["decoder_conf"] | {"sanm_shfit": 5},
    "frontend": "WavFrontendOnline",
}
SENSE_VOICE = {
    "model": "SenseVoiceSmall",
    "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": -1},
    "encoder": "SenseVoiceEncoderSmall",
    "encoder_conf": ENCODER | {"tp_blocks": 20},
    "frontend": "WavFrontend",
    "frontend_conf": FRONTEND,
    "tokenizer": "SentencepiecesTokenizer",
    "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
}
SHARPER = 8.0  # the published output layers are about as much above a fresh one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[3] / "shared")
    parser.add_argument("--only", choices=["paraformer-large", "paraformer-large-online", "sensevoice-small", "uniasr"])
    options = parser.parse_args()
    recordings = crops(options.shared / "data" / "speech")
    for name, content in (("paraformer-large", PARAFORMER), ("paraformer-large-online", PARAFORMER_ONLINE)):
        if options.only in (None, name):
            make_paraformer(options.out / name, content, recordings)
    if options.only in (None, "sensevoice-small"):
        make_sense_voice(options.out / "sensevoice-small", recordings)
    if options.only in (None, "uniasr"):
        make_uniasr(options.out / "uniasr", options.shared / "oracle/keys/uniasr/config.yaml", recordings)


def make_paraformer(directory: Path, content: dict, recordings: list[np.ndarray]) -> None:
    tokens = ["<blank>", "<s>", "</s>", *hanzi(8404 - 4), "<unk>"]
    prepare(directory, content, recordings, {"tokenizer_conf": {"token_list": "tokens.json"}})
    (directory / "tokens.json").write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    model = fresh(directory)
    network = model.network
    with torch.no_grad():
        network.decoder.output_layer.weight.mul_(SHARPER)
        network.decoder.output_layer.bias[:3] = -20.0  # blank, <s> and </s> stand for no text
        network.decoder.output_layer.bias[-1] = -20.0
        network.predictor.cif_output.bias.fill_(best_bias(network, [model.frontend(one) for one in recordings]))
    torch.save(network.state_dict(), directory / "model.pt")


def make_uniasr(directory: Path, published: Path, recordings: list[np.ndarray]) -> None:
    content = {key: value for key, value in yaml.safe_load(published.read_text()).items() if "specaug" not in key}
    tokens = ["<blank>", "<s>", "</s>", *hanzi(8358 - 4), "<unk>"]
    prepare(directory, content, recordings, {"tokenizer_conf": {"token_list": "tokens.json"}})
    (directory / "tokens.json").write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    network = fresh(directory).network
    with torch.no_grad():
        for is_second, bias in ((False, -1.2), (True, -0.4)):  # three to four tokens a second
            _, predictor, decoder = network.parts(is_second)
            predictor.cif_output.bias.fill_(bias)
            decoder.output_layer.weight.mul_(SHARPER)
            decoder.output_layer.bias[:3] = -30.0
    torch.save(network.state_dict(), directory / "model.pt")


def best_bias(network: nn.Module, feats: list[np.ndarray]) -> float:
    """Of the biases that give four to five tokens a second, the one whose sums lie furthest from whole numbers."""
    encoded = []
    with torch.inference_mode():
        for one in feats:
            lens = torch.tensor([len(one)])
            hidden, _ = network.encode(torch.from_numpy(one)[None], lens)
            encoded.append(network.predictor.cif_output(network.predictor.look(hidden))[0, :, 0])
    offset = network.predictor.cif_output.bias.item()
    return max(np.linspace(-1.2, -0.8, 2001), key=lambda bias: room(encoded, bias - offset))


def room(encoded: list[Tensor], shift: float) -> float:
    sums = torch.stack([torch.sigmoid(one + shift).double().sum() + 0.45 for one in encoded])
    parts = sums - sums.floor()
    return float(torch.minimum(parts, 1 - parts).min())


def make_sense_voice(directory: Path, recordings: list[np.ndarray]) -> None:
    prepare(directory, SENSE_VOICE, recordings, {"tokenizer_conf": {"bpemodel": "bpe.model"}})
    (directory / "bpe.model").write_bytes(sentence_pieces(25055))
    network = fresh(directory).network
    with torch.no_grad():
        network.ctc.ctc_lo.weight.mul_(SHARPER)
    torch.save(network.state_dict(), directory / "model.pt")


def prepare(directory: Path, content: dict, recordings: list[np.ndarray], metas: dict) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.yaml").write_text(json.dumps(content, indent=1), encoding="utf-8")  # JSON is yaml
    stats = CmvnStats()
    plain = WavFrontend(**FRONTEND)
    for one in recordings:
        stats.add(plain(one))
    (directory / "am.mvn").write_text(stats.cmvn().as_text(), encoding="utf-8")
    files = {"init_param": "model.pt", "config": "config.yaml", "frontend_conf": {"cmvn_file": "am.mvn"}, **metas}
    index = {"framework": "pytorch", "task": "auto-speech-recognition", "file_path_metas": files}
    (directory / "configuration.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


def fresh(directory: Path) -> build.LoadedModel:
    """The model of a directory with weights drawn anew."""
    torch.manual_seed(0)
    resolved = config.load(directory)
    frontend, tokenizer = build.build_input(resolved), build.build_tokenizer(resolved)
    network = build.build_network(resolved, *build.sizes_of(resolved, frontend, tokenizer)).eval()
    return build.LoadedModel(directory, resolved, network, frontend, tokenizer)


def hanzi(count: int) -> list[str]:
    return [chr(0x4E00 + index) for index in range(count)]


def sentence_pieces(count: int) -> bytes:
    """A sentencepiece model of characters, with tags where SenseVoice has its own.

    Written field by field as the wire format of protocol buffers, for whose library nothing else here has a use.
    """
    normal, unknown, control, user_defined = 1, 2, 3, 4
    special = {0: ("<unk>", unknown), 1: ("<s>", control), 2: ("</s>", control)}
    letters = iter(hanzi(count))
    out = b""
    for index in range(count):
        if index in special:
            text, kind = special[index]
        elif index >= 24884:
            text, kind = f"<|tag{index}|>", user_defined
        else:
            text, kind = next(letters), normal
        score = b"\x15" + struct.pack("<f", -float(index))
        out += field(1, field(1, text.encode()) + score + number(3, kind))
    out += field(2, number(3, 1) + number(4, count))  # unigram, size of the vocabulary
    return out + field(3, field(1, b"identity") + number(3, 0))  # no blank is put in front


def field(tag: int, content: bytes) -> bytes:
    return varint(tag << 3 | 2) + varint(len(content)) + content


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def varint(value: int) -> bytes:
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


if __name__ == "__main__":
    main()
