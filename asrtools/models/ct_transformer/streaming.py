"""CTTransformerStreaming: CTTransformer over text that comes piece by piece, a pause of the speaker after each."""

import torch
from torch import Tensor

from asrtools.models.ct_transformer.model import CTTransformer
from asrtools.register import tables


@tables.register("model_classes", "CTTransformerStreaming")
class CTTransformerStreaming(CTTransformer):
    """Its encoder (SANMVadEncoder) is told how many words stand before the last pause."""

    is_streaming = True

    def encode(self, text: Tensor, text_lens: Tensor, vad_indexes: Tensor | None = None) -> Tensor:
        if vad_indexes is None:
            vad_indexes = torch.zeros_like(text_lens)
        return self.encoder(self.embed(text), text_lens, vad_indexes)[0]
