"""Data2VecEncoder: convolutions over frames, positions by convolution, self-attention, as pretrained without texts
(Baevski et al. 2022, data2vec, arXiv 2202.03555)."""

import ast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.activation import activation
from asrtools.layers.attention import attend, join_heads, split_heads
from asrtools.layers.mask import padding_mask
from asrtools.register import tables

Shape = tuple[int, int, int]  # channels, kernel size, stride


def conv_shapes(text: str) -> list[Shape]:
    """`[(512,2,2)] + [(512,2,2)]`, lists of (channels, kernel, stride) with + and *, as published configs have it."""
    try:
        shapes = _lists(ast.parse(text, mode="eval").body)
        return [(int(channels), int(kernel), int(stride)) for channels, kernel, stride in shapes]
    except (SyntaxError, TypeError, ValueError) as error:
        raise ConfigError(
            f"encoder_conf.conv_feature_layers is {text!r}; should be like [(512,2,2)] + [(512,2,2)]"
        ) from error


def _lists(node: ast.expr) -> list:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _lists(node.left) + _lists(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _lists(node.left) * ast.literal_eval(node.right)
    return list(ast.literal_eval(node))


class FrameNorm(nn.LayerNorm):
    """Over the channels of [B, D, T]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ChannelNorm(nn.Module):
    """Each channel of [B, D, T] over the frames that there are, not over padding; parameters weight, bias."""

    def __init__(self, num_channels: int, eps: float = 1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(num_channels)), nn.Parameter(torch.zeros(num_channels))
        self.eps = eps

    def forward(self, x: Tensor, lens: Tensor) -> Tensor:
        is_frame = (torch.arange(x.shape[2], device=x.device) < lens[:, None])[:, None]
        num = lens.clamp(min=1)[:, None, None]
        mean = (x * is_frame).sum(2, keepdim=True) / num
        variance = ((x - mean).square() * is_frame).sum(2, keepdim=True) / num
        return (x - mean) * (variance + self.eps).rsqrt() * self.weight[:, None] + self.bias[:, None]


class ConvExtractor(nn.Module):
    """Features [B, T, D] to fewer frames; parameters conv_layers."""

    def __init__(self, input_size: int, shapes: list[Shape], mode: str | None):
        super().__init__()
        if mode not in ("layer_norm", "default"):
            raise ConfigError(f"encoder_conf.extractor_mode is {mode!r}; should be layer_norm or default")
        self.shapes = shapes
        layers = []
        for index, (channels, kernel, stride) in enumerate(shapes):
            conv = nn.Conv1d(input_size, channels, kernel, stride, bias=False)
            norm: nn.Module = nn.Identity()
            if mode == "layer_norm":
                norm = nn.Sequential(nn.Identity(), FrameNorm(channels))
            elif index == 0:
                norm = ChannelNorm(channels)
            layers.append(nn.Sequential(conv, nn.Identity(), norm))
            input_size = channels
        self.conv_layers = nn.ModuleList(layers)

    def forward(self, feats: Tensor, lens: Tensor) -> tuple[Tensor, Tensor]:
        x = feats * (torch.arange(feats.shape[1], device=feats.device) < lens[:, None])[..., None]
        x = F.pad(x, (0, 0, 0, max(0, self._shortest() - x.shape[1]))).transpose(1, 2)
        for (conv, _, norm), (_, kernel, stride) in zip(self.conv_layers, self.shapes, strict=True):
            x = conv(x)
            lens = ((lens - kernel) // stride + 1).clamp(min=0)
            x = F.gelu(norm(x, lens) if isinstance(norm, ChannelNorm) else norm(x))
        return x.transpose(1, 2), lens

    def _shortest(self) -> int:
        num = 1
        for _, kernel, stride in reversed(self.shapes):
            num = (num - 1) * stride + kernel
        return num


class NormedConv1d(nn.Module):
    """A convolution whose weight is a direction and a length for each place of the kernel; weight_g, weight_v, bias."""

    def __init__(self, size: int, kernel_size: int, groups: int):
        super().__init__()
        conv = nn.Conv1d(size, size, kernel_size, groups=groups)
        self.weight_v = nn.Parameter(conv.weight.detach())
        self.weight_g = nn.Parameter(conv.weight.detach().norm(dim=(0, 1), keepdim=True))
        self.bias = conv.bias
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight_v * (self.weight_g / self.weight_v.norm(dim=(0, 1), keepdim=True))
        return F.conv1d(x, weight, self.bias, groups=self.groups)


class ConvPosition(nn.Module):
    """A convolution over [B, D, T] that keeps the number of frames."""

    def __init__(self, size: int, kernel_size: int, groups: int, is_deep: bool):
        super().__init__()
        made = nn.Conv1d(size, size, kernel_size, groups=groups) if is_deep else NormedConv1d(size, kernel_size, groups)
        self.add_module("0", made)
        self.pads = (kernel_size // 2, kernel_size - 1 - kernel_size // 2)
        self.is_deep = is_deep

    def forward(self, x: Tensor) -> Tensor:
        x = self.get_submodule("0")(F.pad(x, self.pads))
        if self.is_deep:
            x = F.layer_norm(x.transpose(1, 2), x.shape[1:2]).transpose(1, 2)
        return F.gelu(x)


class ProjectedAttention(nn.Module):
    """Self-attention; parameters k_proj, v_proj, q_proj, out_proj."""

    def __init__(self, num_heads: int, size: int, dropout: float):
        super().__init__()
        if size % num_heads:
            raise ConfigError(f"{size} channels do not divide into {num_heads} attention heads; choose other numbers")
        self.k_proj, self.v_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.q_proj, self.out_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.num_heads, self.dropout = num_heads, nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        heads = (split_heads(linear(x), self.num_heads) for linear in (self.q_proj, self.k_proj, self.v_proj))
        seen = None if mask is None else mask[:, None, None]
        return self.out_proj(join_heads(attend(*heads, seen, self.dropout.p if self.training else 0.0)))


class SentenceLayer(nn.Module):
    """Attention and feed-forward; parameters self_attn, self_attn_layer_norm, fc1, fc2, final_layer_norm."""

    def __init__(
        self,
        size: int,
        hidden_size: int,
        num_heads: int,
        dropouts: tuple[float, float, float],
        activation_type: str,
        norm_first: bool,
    ):
        super().__init__()
        dropout, attention_dropout, activation_dropout = dropouts
        self.self_attn = ProjectedAttention(num_heads, size, attention_dropout)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.fc1, self.fc2 = nn.Linear(size, hidden_size), nn.Linear(hidden_size, size)
        self.final_layer_norm = nn.LayerNorm(size)
        self.dropout, self.inner_dropout = nn.Dropout(dropout), nn.Dropout(activation_dropout)
        self.activation, self.norm_first = activation(activation_type), norm_first

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        given = self.self_attn_layer_norm(x) if self.norm_first else x
        x = x + self.dropout(self.self_attn(given, mask))
        x = x if self.norm_first else self.self_attn_layer_norm(x)
        given = self.final_layer_norm(x) if self.norm_first else x
        x = x + self.dropout(self.fc2(self.inner_dropout(self.activation(self.fc1(given)))))
        return x if self.norm_first else self.final_layer_norm(x)


class SentenceEncoder(nn.Module):
    """Frames [B, T, D] to the same; parameters pos_conv, layers, layer_norm."""

    def __init__(
        self,
        size: int,
        position: tuple[int, int, int],
        num_layers: int,
        hidden_size: int,
        num_heads: int,
        dropouts: tuple[float, float, float],
        activation_type: str,
        norm_first: bool,
        layer_drop: float,
    ):
        super().__init__()
        kernel_size, groups, depth = position
        is_deep = depth > 1
        kernel_size = max(3, kernel_size // depth) if is_deep else kernel_size
        made = [ConvPosition(size, kernel_size, groups, is_deep) for _ in range(depth)]
        self.pos_conv: nn.Module = nn.ModuleList(made) if is_deep else made[0]
        self.is_deep = is_deep
        self.layers = nn.ModuleList(
            SentenceLayer(size, hidden_size, num_heads, dropouts, activation_type, norm_first)
            for _ in range(num_layers)
        )
        self.layer_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropouts[0])
        self.norm_first, self.layer_drop = norm_first, layer_drop

    def forward(self, x: Tensor, lens: Tensor) -> Tensor:
        mask = padding_mask(lens.clamp(min=1), x.shape[1])
        x = _shown(x, mask) + self._positions(x, mask)
        x = self.dropout(x if self.norm_first else self.layer_norm(x))
        for layer in self.layers:
            if not self.training or not self.layer_drop or float(torch.rand(())) > self.layer_drop:
                x = layer(x, mask)
        return self.layer_norm(x) if self.norm_first else x

    def _positions(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Padding is silenced before every convolution, so that a frame has in a batch the position it has alone."""
        for conv in self.pos_conv if self.is_deep else (self.pos_conv,):
            x = conv(_shown(x, mask).transpose(1, 2)).transpose(1, 2)
        return x


def _shown(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask[..., None]


# Keys of published configs that are about the training without texts.
PRETRAINING = (
    *("dropout_features", "max_positions", "required_seq_len_multiple", "loss_beta", "loss_scale"),
    *("mask_prob", "mask_length", "mask_selection", "mask_other", "no_mask_overlap", "mask_min_space"),
    *("require_same_masks", "mask_dropout", "mask_channel_length", "mask_channel_prob", "mask_channel_before"),
    *("mask_channel_selection", "mask_channel_other", "no_mask_channel_overlap", "mask_channel_min_space"),
    *("average_top_k_layers", "layer_norm_target_layer", "instance_norm_target_layer", "instance_norm_targets"),
    *("layer_norm_targets", "batch_norm_target_layer", "group_norm_target_layer", "min_target_var", "min_pred_var"),
    *("ema_decay", "ema_end_decay", "ema_anneal_end_step", "ema_transformer_only", "ema_layers_only"),
)


@tables.register("encoder_classes", "Data2VecEncoder")
@tables.register("encoder_classes", "data2vec_encoder")
class Data2VecEncoder(nn.Module):
    """Features [B, T, input_size] to [B, T', encoder_embed_dim].

    Parameters feature_extractor, layer_norm, post_extract_proj, encoder; of its pretraining mask_emb and final_proj,
    which published files hold. What is about that training alone is read and left alone.
    """

    without_meaning = PRETRAINING

    def __init__(
        self,
        input_size: int,
        extractor_mode: str | None = None,
        conv_feature_layers: str = "[(512,2,2)] + [(512,2,2)]",
        layer_type: str = "transformer",
        layer_norm_first: bool = False,
        encoder_layers: int = 12,
        encoder_embed_dim: int = 768,
        encoder_ffn_embed_dim: int = 3072,
        encoder_attention_heads: int = 12,
        activation_fn: str = "gelu",
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        activation_dropout: float = 0.0,
        encoder_layerdrop: float = 0.0,
        dropout_input: float = 0.0,
        feature_grad_mult: float = 1.0,
        conv_pos: int = 128,
        conv_pos_groups: int = 16,
        pos_conv_depth: int = 1,
    ):
        super().__init__()
        if layer_type != "transformer":
            raise ConfigError(f"encoder_conf.layer_type is {layer_type!r}; Data2VecEncoder knows transformer")
        shapes = conv_shapes(conv_feature_layers)
        self.size = encoder_embed_dim
        self.feature_extractor = ConvExtractor(input_size, shapes, extractor_mode)
        self.layer_norm = nn.LayerNorm(shapes[-1][0])
        self.post_extract_proj = nn.Linear(shapes[-1][0], encoder_embed_dim)
        self.mask_emb = nn.Parameter(torch.rand(encoder_embed_dim))
        self.final_proj = nn.Linear(encoder_embed_dim, encoder_embed_dim)
        self.encoder = SentenceEncoder(
            encoder_embed_dim,
            (conv_pos, conv_pos_groups, pos_conv_depth),
            encoder_layers,
            encoder_ffn_embed_dim,
            encoder_attention_heads,
            (dropout, attention_dropout, activation_dropout),
            activation_fn,
            layer_norm_first,
            encoder_layerdrop,
        )
        self.dropout_input = nn.Dropout(dropout_input)
        self.feature_grad_mult = feature_grad_mult

    def output_size(self) -> int:
        return self.size

    @property
    def subsampling(self) -> int:
        """Frames of the input to one of the output."""
        product = 1
        for _, _, stride in self.feature_extractor.shapes:
            product *= stride
        return product

    def forward(self, feats: Tensor, feats_lens: Tensor) -> tuple[Tensor, Tensor]:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.feature_grad_mult > 0):
            x, lens = self.feature_extractor(feats, feats_lens)
        if x.requires_grad and self.feature_grad_mult != 1.0:
            x.register_hook(lambda gradient: gradient * self.feature_grad_mult)
        x = self.dropout_input(self.post_extract_proj(self.layer_norm(x)))
        return self.encoder(x, lens), lens
