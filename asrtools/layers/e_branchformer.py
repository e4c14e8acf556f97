"""EBranchformerEncoder: branches merged by a depthwise convolution (Kim et al. 2022, arXiv 2210.00077)."""

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.branchformer import attend_in_branch, build_branch_attention
from asrtools.layers.cgmlp import ConvolutionalGatingMLP
from asrtools.layers.encoder_input import bare_door, build_door
from asrtools.layers.encoder_position import POSITIONS, position_names
from asrtools.layers.encoder_stack import Context, EncoderStack
from asrtools.layers.feed_forward import PositionwiseFeedForward
from asrtools.layers.fsmn import remember
from asrtools.layers.norm import LayerNorm
from asrtools.register import tables


class EBranchformerLayer(nn.Module):
    """Parameters as of a Branchformer layer, and depthwise_conv_fusion, feed_forward, feed_forward_macaron."""

    def __init__(
        self,
        size: int,
        attn: nn.Module,
        cgmlp: nn.Module,
        feed_forward: nn.Module | None,
        feed_forward_macaron: nn.Module | None,
        dropout_rate: float,
        merge_conv_kernel: int,
    ):
        super().__init__()
        self.attn = attn
        self.cgmlp = cgmlp
        self.feed_forward = feed_forward
        self.feed_forward_macaron = feed_forward_macaron
        self.ff_scale = 1.0 if feed_forward_macaron is None else 0.5
        if feed_forward is not None:
            self.norm_ff = LayerNorm(size)
        if feed_forward_macaron is not None:
            self.norm_ff_macaron = LayerNorm(size)
        self.norm_mha = LayerNorm(size)
        self.norm_mlp = LayerNorm(size)
        self.norm_final = LayerNorm(size)
        padding = (merge_conv_kernel - 1) // 2
        self.depthwise_conv_fusion = nn.Conv1d(2 * size, 2 * size, merge_conv_kernel, padding=padding, groups=2 * size)
        self.pads = (padding, padding)
        self.merge_proj = nn.Linear(2 * size, size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        if self.feed_forward_macaron is not None:
            x = x + self.ff_scale * self.dropout(self.feed_forward_macaron(self.norm_ff_macaron(x)))
        attended = self.dropout(attend_in_branch(self.attn, self.norm_mha(x), context))
        gated = self.dropout(self.cgmlp(self.norm_mlp(x), context.mask))
        both = torch.cat([attended, gated], -1)
        if context.mask is not None:
            both = both * context.mask[..., None]  # what lies in the padding must not reach the last frames
        fused = remember(both, self.depthwise_conv_fusion.weight, self.pads) + self.depthwise_conv_fusion.bias
        x = x + self.dropout(self.merge_proj(both + fused))
        if self.feed_forward is not None:
            x = x + self.ff_scale * self.dropout(self.feed_forward(self.norm_ff(x)))
        return self.norm_final(x)


@tables.register("encoder_classes", "EBranchformerEncoder")
class EBranchformerEncoder(EncoderStack):
    """See EncoderStack and EBranchformerLayer."""

    def __init__(
        self,
        input_size: int,
        output_size: int = 256,
        attention_heads: int = 4,
        attention_layer_type: str = "rel_selfattn",
        pos_enc_layer_type: str = "rel_pos",
        rel_pos_type: str = "latest",
        cgmlp_linear_units: int = 2048,
        cgmlp_conv_kernel: int = 31,
        use_linear_after_conv: bool = False,
        gate_activation: str = "identity",
        num_blocks: int = 12,
        dropout_rate: float = 0.1,
        positional_dropout_rate: float = 0.1,
        attention_dropout_rate: float = 0.0,
        input_layer: str | None = "conv2d",
        zero_triu: bool = False,
        padding_idx: int = -1,
        layer_drop_rate: float = 0.0,
        max_pos_emb_len: int = 5000,
        use_ffn: bool = False,
        macaron_ffn: bool = False,
        ffn_activation_type: str = "swish",
        linear_units: int = 2048,
        positionwise_layer_type: str | None = "linear",
        merge_conv_kernel: int = 3,
        interctc_layer_idx: list | tuple | None = None,
        interctc_use_conditioning: bool = False,
    ):
        positions, attention = position_names(rel_pos_type, pos_enc_layer_type, attention_layer_type)
        if use_ffn and positionwise_layer_type != "linear":
            raise ConfigError(f"encoder_conf.positionwise_layer_type is {positionwise_layer_type!r}; linear is wanted")
        if input_layer is None:
            door = bare_door(input_size, output_size)
        else:
            position = POSITIONS[positions](output_size, positional_dropout_rate)
            door = build_door(input_layer, input_size, output_size, dropout_rate, position, padding_idx)
        gating = (cgmlp_linear_units, cgmlp_conv_kernel, dropout_rate, use_linear_after_conv, gate_activation)
        heads = (attention_heads, output_size, attention_dropout_rate, zero_triu)

        def fed() -> nn.Module:
            return PositionwiseFeedForward(output_size, linear_units, dropout_rate, ffn_activation_type)

        layers = [
            EBranchformerLayer(
                output_size,
                build_branch_attention(attention, positions, *heads),
                ConvolutionalGatingMLP(output_size, *gating),
                fed() if use_ffn else None,
                fed() if use_ffn and macaron_ffn else None,
                dropout_rate,
                merge_conv_kernel,
            )
            for _ in range(num_blocks)
        ]
        super().__init__(
            output_size,
            door,
            layers,
            interctc_layer_idx=interctc_layer_idx,
            interctc_use_conditioning=interctc_use_conditioning,
            layer_drop_rate=layer_drop_rate,
            norms_between=False,
        )
