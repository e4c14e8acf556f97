"""Encoders of the conformer kind in all their variants: a row of a batch is what it is alone."""

from typing import Any

import pytest
import torch

from asrtools.errors import ConfigError
from asrtools.layers.encoder_position import sinusoids
from asrtools.layers.rel_attention import LegacyRelPositionMultiHeadedAttention, RelPositionMultiHeadedAttention
from asrtools.register import tables

NUM_BINS, SIZE = 20, 12
SIZES = {"input_size": NUM_BINS, "output_size": SIZE, "attention_heads": 2, "num_blocks": 2}
CONFORMER = {**SIZES, "linear_units": 16, "cnn_module_kernel": 5}
GATED = {**SIZES, "cgmlp_linear_units": 16, "cgmlp_conv_kernel": 5}

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("ConformerEncoder", CONFORMER),
    ("ConformerEncoder", {**CONFORMER, "rel_pos_type": "latest", "macaron_style": True, "zero_triu": True}),
    ("ConformerEncoder", {**CONFORMER, "normalize_before": False, "concat_after": True, "macaron_style": True}),
    ("ConformerEncoder", {**CONFORMER, "input_layer": "linear", "positionwise_layer_type": "conv1d"}),
    ("ConformerEncoder", {**CONFORMER, "input_layer": "conv2d2", "positionwise_layer_type": "conv1d-linear"}),
    ("ConformerEncoder", {**CONFORMER, "input_layer": "conv2dpad", "activation_type": "relu"}),
    ("ConformerEncoder", {**CONFORMER, "input_layer": None, "input_size": SIZE}),
    ("TransformerEncoder", {**SIZES, "linear_units": 16, "input_layer": "conv2d6"}),
    ("TransformerEncoder", {**SIZES, "linear_units": 16, "input_layer": None, "normalize_before": False}),
    ("BranchformerEncoder", {**GATED, "merge_method": "learned_ave", "use_linear_after_conv": True}),
    ("BranchformerEncoder", {**GATED, "merge_method": "fixed_ave", "cgmlp_weight": [0.0, 1.0]}),
    (
        "BranchformerEncoder",
        {**GATED, "attention_layer_type": "fast_selfattn", "pos_enc_layer_type": "scaled_abs_pos"},
    ),
    ("EBranchformerEncoder", {**GATED, "use_ffn": True, "macaron_ffn": True, "linear_units": 16}),
    ("EBranchformerEncoder", {**GATED, "rel_pos_type": "legacy", "merge_conv_kernel": 7, "input_layer": "conv2d8"}),
]


def made(name: str, config: dict[str, Any]) -> torch.nn.Module:
    torch.manual_seed(0)
    return tables.encoder_classes.find(name)(**config).eval()


@pytest.mark.parametrize(("name", "config"), VARIANTS)
def test_a_row_is_what_it_is_alone(name: str, config: dict[str, Any]) -> None:
    encoder = made(name, config)
    rows = [torch.randn(num, config["input_size"]) for num in (61, 44, 17, 58)]
    lens = torch.tensor([len(row) for row in rows])
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=9.0)
    with torch.inference_mode():
        together, together_lens = encoder(batch, lens)
        for row, encoded, length in zip(rows, together, together_lens.tolist(), strict=True):
            alone, alone_lens = encoder(row[None], torch.tensor([len(row)]))
            assert length == alone_lens.item() == alone.shape[1]
            torch.testing.assert_close(encoded[:length], alone[0], rtol=0, atol=5e-6)
    assert together.shape[2] == encoder.output_size()


@pytest.mark.parametrize(("name", "config"), VARIANTS)
def test_training_reaches_every_parameter(name: str, config: dict[str, Any]) -> None:
    encoder = made(name, {**config, "dropout_rate": 0.0}).train()
    feats = torch.randn(2, 60, config["input_size"])
    encoded, lens = encoder(feats, torch.tensor([60, 45]))
    (encoded[0].square().sum() + encoded[1, : int(lens[1])].square().sum()).backward()
    unreached = [
        key for key, one in encoder.named_parameters() if one.grad is None or not torch.isfinite(one.grad).all()
    ]
    assert not unreached


def test_statistics_of_batch_norm_leave_padding_out() -> None:
    config = {**CONFORMER, "dropout_rate": 0.0, "positional_dropout_rate": 0.0}
    means = []
    for padding in (0.0, 50.0):
        encoder = made("ConformerEncoder", config).train()
        feats = torch.randn(2, 60, NUM_BINS, generator=torch.Generator().manual_seed(1))
        feats[1, 40:] = padding
        encoder(feats, torch.tensor([60, 40]))
        means.append(encoder.encoders[0].conv_module.norm.running_mean.clone())
    torch.testing.assert_close(*means)


def test_the_new_shift_is_by_distance() -> None:
    attention = RelPositionMultiHeadedAttention(1, 2, 0.0)
    scores = torch.arange(7.0).expand(1, 1, 4, 7)  # of the distances 3 to -3
    shifted = attention.shift(scores, None)[0, 0]
    for i in range(4):
        for j in range(4):
            assert shifted[i, j] == 3 - (i - j)


def test_the_legacy_shift_wraps_around_at_the_length_of_each_utterance() -> None:
    attention = LegacyRelPositionMultiHeadedAttention(1, 2, 0.0)
    scores = torch.randn(2, 1, 5, 5)
    shifted = attention.shift(scores, torch.tensor([5, 3]))
    for row, num in enumerate((5, 3)):
        for i in range(num):
            for j in range(num):
                if j <= i:
                    wanted = scores[row, 0, i, num - 1 - i + j]
                elif j == i + 1:
                    wanted = torch.tensor(0.0)
                else:
                    wanted = scores[row, 0, i + 1, j - i - 2]
                assert shifted[row, 0, i, j] == wanted, (row, i, j)


def test_positions_are_sines_and_cosines_in_turn() -> None:
    table = sinusoids(-3, 2000, 6)
    for position in (-3, 0, 1, 1999):
        for pair in range(3):
            angle = position * 10000.0 ** (-2 * pair / 6)
            row = table[position + 3]
            assert row[2 * pair] == pytest.approx(torch.tensor(angle).sin().item(), abs=2e-3)
            assert row[2 * pair + 1] == pytest.approx(torch.tensor(angle).cos().item(), abs=2e-3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input_layer": "conv3d"}, "input_layer"),
        ({"rel_pos_type": "newest"}, "rel_pos_type"),
        ({"pos_enc_layer_type": "abs_pos"}, "pos_enc_layer_type"),
        ({"pos_enc_layer_type": "sines"}, "pos_enc_layer_type"),
        ({"activation_type": "gelu2"}, "gelu2"),
        ({"cnn_module_kernel": 4}, "cnn_module_kernel"),
        ({"attention_heads": 5}, "attention heads"),
        ({"positionwise_layer_type": "conv2d"}, "positionwise_layer_type"),
        ({"interctc_layer_idx": [2]}, "interctc_layer_idx"),
        ({"stochastic_depth_rate": [0.1]}, "stochastic_depth_rate"),
        ({"input_size": 5}, "too few"),
    ],
)
def test_a_setting_that_cannot_be_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        made("ConformerEncoder", {**CONFORMER, **change})


def test_stochastic_depth_leaves_layers_out_in_training_only() -> None:
    encoder = made("ConformerEncoder", {**CONFORMER, "stochastic_depth_rate": 0.999999, "dropout_rate": 0.0})
    feats, lens = torch.randn(1, 40, NUM_BINS), torch.tensor([40])
    trained, used = encoder.train()(feats, lens)[0], encoder.eval()(feats, lens)[0]
    assert not torch.allclose(trained, used)
    without = made("ConformerEncoder", {**CONFORMER, "num_blocks": 0}).eval()
    without.load_state_dict({key: one for key, one in encoder.state_dict().items() if "encoders" not in key})
    encoder.train()
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    torch.testing.assert_close(encoder(feats, lens)[0], without(feats, lens)[0])
