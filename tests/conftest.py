"""What tests share: where the project and the material beside it lie."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# a machine with other work on it is slow now and then, which says nothing of the code
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of oracles and real speech beside the project; absent in a user's clone."""
    folder = Path(os.environ.get("ASRTOOLS_SHARED") or ROOT.parent / "shared")
    if folder.is_dir():
        return folder
    reason = f"{folder} is not there (oracles and real speech; ASRTOOLS_SHARED names another place)"
    if os.environ.get("ASRTOOLS_REQUIRE_SHARED"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def oracle(shared: Path) -> Path:
    return shared / "oracle"


TINY_CONFIG = """\
model: BiCifParaformer
model_conf: {ctc_weight: 0.0, length_normalized_loss: true, predictor_weight: 1.0, predictor_bias: 1}
encoder: SANMEncoder
encoder_conf: {output_size: 16, attention_heads: 2, linear_units: 32, num_blocks: 1, kernel_size: 5, input_layer: pe}
decoder: ParaformerSANMDecoder
decoder_conf: {attention_heads: 2, linear_units: 32, num_blocks: 1, att_layer_num: 1, kernel_size: 5}
predictor: CifPredictorV3
predictor_conf: {idim: 16, threshold: 1.0, l_order: 1, r_order: 1, tail_threshold: 0.45, upsample_times: 3}
tokenizer: CharTokenizer
tokenizer_conf: {unk_symbol: <unk>}
frontend: WavFrontend
frontend_conf: {fs: 16000, n_mels: 80, lfr_m: 7, lfr_n: 6, dither: 0.0}
"""
TINY_STREAM_CONFIG = """\
model: ParaformerStreaming
model_conf: {ctc_weight: 0.0, length_normalized_loss: true, predictor_weight: 1.0, predictor_bias: 1}
encoder: SANMEncoderChunkOpt
encoder_conf: {output_size: 16, attention_heads: 2, linear_units: 32, num_blocks: 2, kernel_size: 5, input_layer: pe}
decoder: ParaformerSANMDecoder
decoder_conf: {attention_heads: 2, linear_units: 32, num_blocks: 2, att_layer_num: 2, kernel_size: 5, sanm_shfit: 2}
predictor: CifPredictorV2
predictor_conf: {idim: 16, threshold: 1.0, l_order: 1, r_order: 1, tail_threshold: 0.45}
tokenizer: CharTokenizer
tokenizer_conf: {unk_symbol: <unk>}
frontend: WavFrontendOnline
frontend_conf: {fs: 16000, n_mels: 80, lfr_m: 7, lfr_n: 6, dither: 0.0}
"""
TINY_TOKENS = ["<blank>", "<s>", "</s>", *"零一二三四五六七八九", "hel@@", "lo", "world", "a", "b", "<unk>"]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser of a few thousand parameters drawn at random: what it says is nonsense, and always the same."""
    return drawn_model(tmp_path_factory.mktemp("model") / "tiny", TINY_CONFIG)


@pytest.fixture(scope="session")
def tiny_stream_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a recogniser that hears streams; silence makes it say something too."""
    return drawn_model(tmp_path_factory.mktemp("model") / "tiny_stream", TINY_STREAM_CONFIG, sharper=20.0)


def drawn_model(folder: Path, content: str, sharper: float = 1.0) -> Path:
    import torch

    from asrtools import config
    from asrtools.build import build_input, build_network, build_tokenizer, sizes_of

    folder.mkdir()
    (folder / "config.yaml").write_text(content)
    (folder / "tokens.json").write_text(json.dumps(TINY_TOKENS))
    read = config.load(folder)
    torch.manual_seed(7)
    network = build_network(read, *sizes_of(read, build_input(read), build_tokenizer(read)))
    with torch.no_grad():
        network.decoder.output_layer.weight.mul_(sharper)
    torch.save(network.state_dict(), folder / "model.pt")
    return folder
