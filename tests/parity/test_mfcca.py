"""MFCCA: its encoder against FunASR's, its frontend against torch's own transform, and a model of it in use."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml
from click.testing import CliRunner
from torch import Tensor

from asrtools import config as configuration
from asrtools.auto import AutoModel
from asrtools.build import build_input, build_network, build_tokenizer, sizes_of
from asrtools.commands.decode import decode
from asrtools.errors import ConfigError, DataError
from asrtools.features.mel import slaney_mel_banks
from asrtools.features.multi_channel_frontend import MultiChannelFrontend
from asrtools.layers.cross_channel import MFCCAEncoder
from asrtools.layers.utterance_mvn import UtteranceMVN
from asrtools.train.audio_dataset import AudioDataset
from asrtools.train.batch import padded

ENCODER: dict[str, Any] = {
    "output_size": 16,
    "attention_heads": 4,
    "linear_units": 24,
    "num_blocks": 2,
    "macaron_style": True,
    "cnn_module_kernel": 5,
}
# What FunASR's classes give, 1.4.16 (they import when the modules they name are put where 0.8 had them), for the
# parameters and features below: channel 3 of frames 0, 3, 6, and the sum of magnitudes.
THEIRS = {
    1: ([-0.57757, 0.78218, -1.31297], 121.1023),
    3: ([-0.52071, -0.62035, 2.04311], 120.9071),
    8: ([1.30143, -0.52514, -0.99141], 122.9384),
}


def waves(count: int, step: float, shift: float = 0.0) -> Tensor:
    return torch.sin(torch.arange(count, dtype=torch.float64) * step + shift).float()


@pytest.fixture(scope="module")
def encoder() -> MFCCAEncoder:
    made = MFCCAEncoder(20, **ENCODER).eval()
    for index, (name, parameter) in enumerate(sorted(made.named_parameters())):
        values = waves(parameter.numel(), 0.37 * (1 + index % 5), index).reshape(parameter.shape)
        is_scale = parameter.dim() == 1 and name.endswith("weight")
        parameter.data.copy_(1 + 0.2 * values if is_scale else 0.3 * values)
    return made


@pytest.mark.parametrize("num", THEIRS)
@torch.no_grad()
def test_the_encoder_gives_what_funasr_gives(encoder: MFCCAEncoder, num: int) -> None:
    feats = 2 * waves(41 * num * 20, 0.11).reshape(1, 41, num * 20)
    encoded, lens = encoder(feats, torch.tensor([41]))
    assert lens.tolist() == [9]
    np.testing.assert_allclose(encoded[0, ::3, 3], THEIRS[num][0], atol=5e-5)
    assert float(encoded.abs().sum()) == pytest.approx(THEIRS[num][1], rel=1e-5)


@torch.no_grad()
def test_a_row_of_a_batch_is_what_it_is_alone(encoder: MFCCAEncoder) -> None:
    feats, lens = 5 * waves(3 * 60 * 40, 0.7).reshape(3, 60, 40), torch.tensor([60, 34, 11])
    encoded, num = encoder(feats, lens)
    for row, length in enumerate(lens.tolist()):
        alone, _ = encoder(feats[row : row + 1, :length], lens[row : row + 1])
        torch.testing.assert_close(encoded[row, : num[row]], alone[0, : num[row]], rtol=0, atol=2e-4)


def test_features_are_those_of_torch_s_transform() -> None:
    samples = 0.3 * np.random.default_rng(0).standard_normal((3, 5000)).astype(np.float32)
    frontend = MultiChannelFrontend(frame_length=25, frame_shift=10)
    ours = frontend(samples)
    spectrum = torch.stft(
        torch.from_numpy(samples), 512, 160, 400, torch.hann_window(400), center=True, return_complex=True
    )
    power = spectrum.abs().square().transpose(1, 2).double()
    theirs = (power @ torch.from_numpy(slaney_mel_banks(80, 512, 16000).T).double()).clamp(min=1e-10).log()
    assert ours.shape == (frontend.num_frames(5000), 3 * 80)
    np.testing.assert_allclose(ours, theirs.permute(1, 0, 2).flatten(1), atol=2e-4)


def test_normalising_over_an_utterance_leaves_padding_out() -> None:
    feats, lens = torch.randn(2, 9, 4) + 3, torch.tensor([9, 5])
    done, _ = UtteranceMVN()(feats, lens)
    torch.testing.assert_close(done[1, :5], feats[1, :5] - feats[1, :5].mean(0))
    assert not done[1, 5:].any()


CONFIG = {
    "model": "MFCCA",
    "model_conf": {"ctc_weight": 0.3, "lsm_weight": 0.1, "mask_ratio": 0.8},
    "encoder": "MFCCAEncoder",
    "encoder_conf": ENCODER,
    "decoder": "TransformerDecoder",
    "decoder_conf": {"attention_heads": 4, "linear_units": 24, "num_blocks": 1},
    "normalize": "UtteranceMVN",
    "normalize_conf": {},
    "frontend": "MultiChannelFrontend",
    "frontend_conf": {"fs": 16000, "n_mels": 80, "frame_length": 25, "frame_shift": 10},
    "tokenizer": "CharTokenizer",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mfcca")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    tokens = ["<blank>", "<unk>", *"零一二三四五六七八九", "<src>", "<sos/eos>"]
    (folder / "tokens.json").write_text(json.dumps(tokens))
    torch.manual_seed(4)
    torch.save(network(folder).state_dict(), folder / "model.pt")
    return folder


def network(folder: Path) -> torch.nn.Module:
    read = configuration.load(folder)
    return build_network(read, *sizes_of(read, build_input(read), build_tokenizer(read)))


@pytest.fixture(scope="module")
def scp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of 1, 3 and 8 channels, and one of too many."""
    folder = tmp_path_factory.mktemp("recordings")
    draw = np.random.default_rng(1)
    lines = []
    for num, seconds in ((8, 1.5), (3, 1.2), (1, 1.0), (8, 0.9), (9, 1.0)):
        path = folder / f"{num}-{seconds}.wav"
        soundfile.write(path, 0.1 * draw.standard_normal((int(16000 * seconds), num)), 16000)
        lines.append(f"{path.stem} {path}\n")
    (folder / "wav.scp").write_text("".join(lines))
    return folder / "wav.scp"


def decoded(directory: Path, *options: str) -> tuple[dict[str, str], int, str]:
    arguments = ["--model", str(directory), "--device", "cpu", "--beam-size", "3", *options]
    result = CliRunner().invoke(decode, arguments, standalone_mode=False)
    return dict(line.partition(" ")[::2] for line in result.stdout.splitlines()), result.return_value, result.stderr


def test_all_channels_are_heard_together_and_in_any_batch(directory: Path, scp: Path) -> None:
    together, code, said = decoded(directory, "--channel", "all", str(scp))
    assert (len(together), code) == (4, 1)
    assert "9-1.0: there are 9 channels; MFCCA hears 1 to 8 at once" in said
    apart, _, _ = decoded(directory, "--channel", "all", "--batch-size", "1", str(scp))
    assert apart == together
    mixed, _, _ = decoded(directory, str(scp))
    assert mixed["1-1.0"] == together["1-1.0"]
    assert len(mixed) == 5


def test_auto_model_hears_all_channels(directory: Path, scp: Path) -> None:
    together, _, _ = decoded(directory, "--channel", "all", str(scp))
    results = AutoModel(str(directory), device="cpu", ncpu=1).generate(str(scp), beam_size=3)
    assert [result["text"].replace(" ", "") for result in results[:4]] == [
        text.replace(" ", "") for text in together.values()
    ]
    assert "9 channels" in results[4]["error"]


def test_a_model_of_one_channel_says_so(oracle: Path, scp: Path) -> None:
    result = CliRunner().invoke(
        decode, ["--model", str(oracle / "paraformer"), "--device", "cpu", "--channel", "all", str(scp)]
    )
    assert isinstance(result.exception, ConfigError)
    assert "hears one channel; take mix, each or a number" in str(result.exception)


def test_it_learns_also_from_some_of_the_channels(directory: Path) -> None:
    made = network(directory).train()
    optimizer = torch.optim.Adam(made.parameters(), lr=2e-3)
    feats, lens = waves(2 * 60 * 8 * 80, 0.05).reshape(2, 60, 640), torch.tensor([60, 50])
    text, num = torch.tensor([[3, 4, 5, 6], [5, 6, -1, -1]]), torch.tensor([4, 2])
    torch.manual_seed(0)
    widths = {made._with_fewer(feats).shape[2] // 80 for _ in range(60)}
    assert len(widths) > 5 and max(widths) == 8
    losses = []
    for _ in range(12):
        loss, _, weight = made(feats, lens, text, num)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert int(weight) == 2
    assert min(losses[-3:]) < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"frame_length": 25}, "without frame_shift"),
        ({"frame_length": 25, "frame_shift": 10, "window": "povey"}, "known is hann or hamming"),
        ({"win_length": 400}, "win_length and hop_length"),
        ({"frame_length": 40, "frame_shift": 10}, "640 samples does not fit"),
    ],
)
def test_a_frontend_that_is_not_built_is_refused(conf: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MultiChannelFrontend(**conf)


def test_training_hears_all_channels_and_changes_them_alike(directory: Path, scp: Path, tmp_path: Path) -> None:
    read = configuration.load(directory)
    rows = [line.split() for line in scp.read_text().splitlines() if line.startswith("8")]
    records = [{"key": key, "source": path, "source_len": 100, "target": "一二", "target_len": 2} for key, path in rows]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records))
    data = AudioDataset(
        str(tmp_path / "train.jsonl"),
        frontend=build_input(read),
        tokenizer=build_tokenizer(read),
        preprocessor_speech="SpeechPreprocessSpeedPerturb",
        preprocessor_speech_conf={"speed_perturb": [0.5]},
    )
    batch = data.collator([data[0], data[1]])
    assert batch["speech"].shape[2] == 8 * 80
    assert batch["speech_lengths"][0] > 250  # 1.5 s at half the speed
    loss, _, _ = network(directory).train()(**batch)
    assert loss.isfinite()


def test_recordings_of_different_channels_make_no_batch() -> None:
    with pytest.raises(DataError, match="80 and 640 values; recordings of one list should have as many channels"):
        padded([np.zeros((3, 640), np.float32), np.zeros((4, 80), np.float32)], 0.0)
