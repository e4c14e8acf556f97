"""BranchformerEncoder: attention and gated convolution side by side (Peng et al. 2022, arXiv 2207.02971)."""

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.cgmlp import ConvolutionalGatingMLP
from asrtools.layers.encoder_input import bare_door, build_door
from asrtools.layers.encoder_position import POSITIONS, position_names
from asrtools.layers.encoder_stack import (
    Context,
    EncoderStack,
    attend_to_self,
    build_attention,
    per_layer,
    skip_or_scale,
)
from asrtools.layers.fast_attention import FastSelfAttention
from asrtools.layers.norm import LayerNorm
from asrtools.register import tables

MERGE_METHODS = ("concat", "learned_ave", "fixed_ave")


def build_branch_attention(
    layer_type: str, positions: str, num_heads: int, size: int, dropout_rate: float, zero_triu: bool
) -> nn.Module:
    """As `build_attention`, and fast_selfattn."""
    if layer_type != "fast_selfattn":
        return build_attention(layer_type, num_heads, size, dropout_rate, zero_triu)
    if positions not in ("abs_pos", "scaled_abs_pos"):
        raise ConfigError(f"encoder_conf: fast_selfattn with {positions}; it takes abs_pos or scaled_abs_pos")
    return FastSelfAttention(num_heads, size, dropout_rate)


def attend_in_branch(attention: nn.Module, x: Tensor, context: Context) -> Tensor:
    if isinstance(attention, FastSelfAttention):
        return attention(x, context.mask)
    return attend_to_self(attention, x, context)


class BranchformerLayer(nn.Module):
    """Two branches and how they are merged; parameters attn, cgmlp, norm_mha, norm_mlp, norm_final, merge_proj, ..."""

    def __init__(
        self,
        size: int,
        attn: nn.Module | None,
        cgmlp: nn.Module | None,
        dropout_rate: float,
        merge_method: str,
        cgmlp_weight: float,
        attn_branch_drop_rate: float,
        stochastic_depth_rate: float,
    ):
        super().__init__()
        if attn is None and cgmlp is None:
            raise ConfigError("encoder_conf has use_attn and use_cgmlp both false; one branch is wanted")
        self.norm_mha = None if attn is None else LayerNorm(size)
        self.norm_mlp = None if cgmlp is None else LayerNorm(size)
        self.norm_final = LayerNorm(size)
        self.merge_proj: nn.Module | None = None
        self.merge_method = merge_method
        self.cgmlp_weight = cgmlp_weight
        if attn is not None and cgmlp is not None:
            if merge_method not in MERGE_METHODS:
                known = ", ".join(MERGE_METHODS)
                raise ConfigError(f"encoder_conf.merge_method is {merge_method!r}; known are {known}")
            self.merge_proj = nn.Linear(size * (1 + (merge_method == "concat")), size)
            if merge_method == "learned_ave":
                self.pooling_proj1, self.pooling_proj2 = nn.Linear(size, 1), nn.Linear(size, 1)
                self.weight_proj1, self.weight_proj2 = nn.Linear(size, 1), nn.Linear(size, 1)
            if merge_method == "fixed_ave" and cgmlp_weight == 0:
                cgmlp = self.norm_mlp = None
            if merge_method == "fixed_ave" and cgmlp_weight == 1:
                attn = self.norm_mha = None
        self.attn = attn
        self.cgmlp = cgmlp
        self.dropout = nn.Dropout(dropout_rate)
        self.attn_branch_drop_rate = attn_branch_drop_rate
        self.stochastic_depth_rate = stochastic_depth_rate
        self.size = size

    def forward(self, x: Tensor, context: Context) -> Tensor:
        scale = skip_or_scale(self.training, self.stochastic_depth_rate)
        if not scale:
            return x
        branches = []
        if self.attn is not None:
            branches.append(self.dropout(attend_in_branch(self.attn, self.norm_mha(x), context)))
        if self.cgmlp is not None:
            branches.append(self.dropout(self.cgmlp(self.norm_mlp(x), context.mask)))
        merged = branches[0] if len(branches) == 1 else self._merge(*branches, context.mask)
        if self.merge_proj is not None:
            merged = self.merge_proj(merged)
        return self.norm_final(x + scale * self.dropout(merged))

    def _merge(self, attended: Tensor, gated: Tensor, mask: Tensor | None) -> Tensor:
        if self.merge_method == "concat":
            return torch.cat([attended, gated], -1)
        if self.merge_method == "fixed_ave":
            return (1.0 - self.cgmlp_weight) * attended + self.cgmlp_weight * gated
        drops = self.training and self.attn_branch_drop_rate > 0
        if drops and torch.rand(1).item() < self.attn_branch_drop_rate:
            return gated
        first = self.weight_proj1(self._pool(self.pooling_proj1, attended, mask))
        second = self.weight_proj2(self._pool(self.pooling_proj2, gated, mask))
        weights = torch.softmax(torch.cat([first, second], -1), -1)  # [B, 2]
        return weights[:, :1, None] * attended + weights[:, 1:, None] * gated

    def _pool(self, projection: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
        """[B, T, D] to its weighted mean [B, D]."""
        scores = projection(x) * self.size**-0.5  # [B, T, 1]
        if mask is not None:
            scores = scores.masked_fill(~mask[..., None], float("-inf"))
        return (torch.softmax(scores, dim=1) * x).sum(1)


@tables.register("encoder_classes", "BranchformerEncoder")
class BranchformerEncoder(EncoderStack):
    """See EncoderStack and BranchformerLayer."""

    def __init__(
        self,
        input_size: int,
        output_size: int = 256,
        use_attn: bool = True,
        attention_heads: int = 4,
        attention_layer_type: str = "rel_selfattn",
        pos_enc_layer_type: str = "rel_pos",
        rel_pos_type: str = "latest",
        use_cgmlp: bool = True,
        cgmlp_linear_units: int = 2048,
        cgmlp_conv_kernel: int = 31,
        use_linear_after_conv: bool = False,
        gate_activation: str = "identity",
        merge_method: str = "concat",
        cgmlp_weight: float | list = 0.5,
        attn_branch_drop_rate: float | list = 0.0,
        num_blocks: int = 12,
        dropout_rate: float = 0.1,
        positional_dropout_rate: float = 0.1,
        attention_dropout_rate: float = 0.0,
        input_layer: str | None = "conv2d",
        zero_triu: bool = False,
        padding_idx: int = -1,
        stochastic_depth_rate: float | list = 0.0,
    ):
        positions, attention = position_names(rel_pos_type, pos_enc_layer_type, attention_layer_type)
        if input_layer is None:
            door = bare_door(input_size, output_size)
        else:
            position = POSITIONS[positions](output_size, positional_dropout_rate)
            door = build_door(input_layer, input_size, output_size, dropout_rate, position, padding_idx)
        rates = zip(
            per_layer(cgmlp_weight, num_blocks, "cgmlp_weight"),
            per_layer(attn_branch_drop_rate, num_blocks, "attn_branch_drop_rate"),
            per_layer(stochastic_depth_rate, num_blocks, "stochastic_depth_rate"),
            strict=True,
        )
        gating = (cgmlp_linear_units, cgmlp_conv_kernel, dropout_rate, use_linear_after_conv, gate_activation)
        heads = (attention_heads, output_size, attention_dropout_rate, zero_triu)
        layers = [
            BranchformerLayer(
                output_size,
                build_branch_attention(attention, positions, *heads) if use_attn else None,
                ConvolutionalGatingMLP(output_size, *gating) if use_cgmlp else None,
                dropout_rate,
                merge_method,
                *rate,
            )
            for rate in rates
        ]
        super().__init__(output_size, door, layers)
