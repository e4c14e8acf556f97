"""SANMEncoderChunkOpt: SANMEncoder that hears an utterance in overlapping chunks, or a stream."""

import math

from torch import Tensor

from asrtools.layers.overlap_chunk import ChunkShape, chunk_shapes, look_back_mask, split
from asrtools.layers.sanm_encoder import SANMEncoder
from asrtools.register import tables


@tables.register("encoder_classes", "SANMEncoderChunkOpt")
class SANMEncoderChunkOpt(SANMEncoder):
    """Parameters of SANMEncoder; `chunk_size`, `stride`, `pad_left` and look-backs have a value for each latency."""

    def __init__(
        self,
        input_size: int,
        output_size: int = 256,
        attention_heads: int = 4,
        linear_units: int = 2048,
        num_blocks: int = 6,
        dropout_rate: float = 0.1,
        positional_dropout_rate: float = 0.1,
        attention_dropout_rate: float = 0.0,
        input_layer: str | None = "pe",
        pos_enc_class: str = "SinusoidalPositionEncoder",
        normalize_before: bool = True,
        kernel_size: int = 11,
        sanm_shfit: int | None = 0,
        selfattention_layer_type: str = "sanm",
        chunk_size: int | list | tuple = (16,),
        stride: int | list | tuple = (10,),
        pad_left: int | list | tuple = (0,),
        encoder_att_look_back_factor: int | list | tuple = (1,),
        decoder_att_look_back_factor: int | list | tuple = (1,),
    ):
        super().__init__(
            input_size,
            output_size,
            attention_heads,
            linear_units,
            num_blocks,
            dropout_rate,
            positional_dropout_rate,
            attention_dropout_rate,
            input_layer,
            pos_enc_class,
            normalize_before,
            kernel_size,
            sanm_shfit,
            selfattention_layer_type,
        )
        self.shapes = chunk_shapes(
            chunk_size, stride, pad_left, encoder_att_look_back_factor, decoder_att_look_back_factor
        )

    def in_chunks(self, feats: Tensor, lens: Tensor, shape: ChunkShape) -> tuple[Tensor, Tensor]:
        """Features [B, T, D] to what is heard in each chunk [B, C, size, output_size], and where it has frames."""
        x = feats * math.sqrt(self.size)
        if self.embed is not None:
            x = self.embed(x)
        chunks, mask = split(x, lens, shape)
        return self.hear(chunks, mask, shape), mask

    def hear(self, chunks: Tensor, mask: Tensor, shape: ChunkShape) -> Tensor:
        """Placed frames in chunks [B, C, size, D] to outputs of the same form."""
        num = chunks.shape[1]
        x, seen = chunks.flatten(0, 1), mask.flatten(0, 1)
        between = look_back_mask(num, shape, x.device) if shape.encoder_look_back and num > 1 else None
        padding = None if bool(seen.all()) else seen
        for layer in (*self.encoders0, *self.encoders):
            x = layer(x, padding, between, 1 if between is None else num)
        x = x if self.after_norm is None else self.after_norm(x)
        return x.unflatten(0, (-1, num))

    def place_frames(self, feats: Tensor, first: int) -> Tensor:
        """New frames of a stream [B, t, D], the first of them number `first` of it, counted from 0."""
        x = feats * math.sqrt(self.size)
        return x if self.embed is None else self.embed(x, first + 1)
