"""The decoder of ContextualParaformer: its last layer with attention also looks at hotwords."""

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.mask import padding_mask
from asrtools.layers.norm import LayerNorm
from asrtools.layers.sanm_decoder import LayerMaker, SourceAttention
from asrtools.register import tables


class HotwordAttention(nn.Module):
    """Parameters norm3, src_attn."""

    def __init__(self, num_heads: int, size: int, dropout_rate: float, attention_dropout_rate: float):
        super().__init__()
        self.src_attn = SourceAttention(num_heads, size, attention_dropout_rate)
        self.norm3 = LayerNorm(size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor, hotwords: Tensor) -> Tensor:
        return self.dropout(self.src_attn(self.norm3(x), hotwords, None))


@tables.register("decoder_classes", "ContextualParaformerDecoder")
class ContextualParaformerDecoder(nn.Module):
    """Parameters embed, decoders, last_decoder, bias_decoder, bias_output, decoders2, decoders3, output_layer."""

    def __init__(
        self,
        vocab_size: int,
        encoder_output_size: int,
        attention_heads: int = 4,
        linear_units: int = 2048,
        num_blocks: int = 6,
        dropout_rate: float = 0.1,
        positional_dropout_rate: float = 0.1,
        self_attention_dropout_rate: float = 0.0,
        src_attention_dropout_rate: float = 0.0,
        input_layer: str = "embed",
        use_output_layer: bool = True,
        pos_enc_class: str = "PositionalEncoding",
        normalize_before: bool = True,
        att_layer_num: int = 6,
        kernel_size: int = 21,
        sanm_shfit: int | None = 0,
    ):
        super().__init__()
        if input_layer != "embed":
            raise ConfigError(f"decoder_conf.input_layer is {input_layer!r}; ContextualParaformerDecoder knows embed")
        size = encoder_output_size
        self.embed = nn.Sequential(nn.Embedding(vocab_size, size))
        self.after_norm = LayerNorm(size) if normalize_before else None
        self.output_layer = nn.Linear(size, vocab_size) if use_output_layer else None
        shift = (kernel_size - 1) // 2 if sanm_shfit is None else sanm_shfit
        make = LayerMaker(
            size,
            attention_heads,
            linear_units,
            kernel_size,
            dropout_rate,
            self_attention_dropout_rate,
            src_attention_dropout_rate,
            normalize_before,
        )
        self.decoders = nn.ModuleList(make.with_source(shift) for _ in range(att_layer_num - 1))
        self.dropout = nn.Dropout(dropout_rate)
        self.bias_decoder = HotwordAttention(attention_heads, size, dropout_rate, src_attention_dropout_rate)
        self.bias_output = nn.Conv1d(2 * size, size, 1, bias=False)
        self.last_decoder = make.with_source(shift)
        rest = num_blocks - att_layer_num
        self.decoders2 = nn.ModuleList(make.with_memory() for _ in range(rest)) if rest > 0 else None
        self.decoders3 = nn.ModuleList([make.bare()])

    def forward(
        self,
        source: Tensor,
        source_lens: Tensor,
        tokens: Tensor,
        token_lens: Tensor,
        hotwords: Tensor,
        hotword_weight: float = 1.0,
    ) -> Tensor:
        """As ParaformerSANMDecoder, with hotwords [B, W, D]."""
        mask = padding_mask(token_lens, tokens.shape[1])
        seen = padding_mask(source_lens, source.shape[1])
        seen = None if seen is None else seen[:, None, None]
        x = tokens
        for layer in self.decoders:
            x = layer(x, mask, source, seen)
        x = self.last_decoder.with_memory(x, mask)
        heard = self.last_decoder.src_attn(self.last_decoder.before_source(x), source, seen)
        expected = self.bias_decoder(x, hotwords)
        both = torch.cat([heard, expected * hotword_weight], 2).transpose(1, 2)
        x = x + self.dropout(self.bias_output(both).transpose(1, 2))
        for layer in (*(self.decoders2 or ()), *self.decoders3):
            x = layer(x, mask, source, seen)
        if self.after_norm is not None:
            x = self.after_norm(x)
        return x if self.output_layer is None else self.output_layer(x)
