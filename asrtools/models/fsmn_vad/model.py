"""FsmnVADStreaming: how probable it is that nobody speaks, frame by frame."""

import numpy as np
import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.models.fsmn_vad.encoder import Caches
from asrtools.models.fsmn_vad.options import VadOptions
from asrtools.register import tables


@tables.register("model_classes", "FsmnVADStreaming")
class FsmnVADStreaming(nn.Module):
    """Features [B, T, D] to the probability of silence [B, T]; parameters encoder.

    Where segments begin and end is decided by what comes after it, as `options` say.
    """

    options_class = VadOptions  # what model_conf holds

    def __init__(self, encoder: nn.Module, options: VadOptions | None = None):
        super().__init__()
        self.encoder = encoder
        self.options = options or VadOptions()
        num_outputs = encoder.output_size()
        if max(self.options.sil_pdf_ids) >= num_outputs:
            raise ConfigError(
                f"model_conf.sil_pdf_ids is {list(self.options.sil_pdf_ids)}, and the network has {num_outputs} outputs"
            )

    @torch.inference_mode()
    def silence(self, feats: Tensor, state: Caches | None = None) -> tuple[np.ndarray, Caches]:
        """feats [B, T, D], the state a call before gave (None: a new stream) to float32 [B, T] and the next state."""
        scores, state = self.encoder(feats, state)
        ids = self.options.sil_pdf_ids
        silence = scores[..., ids[0]] if len(ids) == 1 else scores[..., list(ids)].sum(-1)
        return silence.cpu().numpy(), state

    def forward(self, feats: Tensor, caches: Caches | None = None) -> tuple[Tensor, Caches]:
        """Probabilities of all outputs [B, T, P]; published VAD models are trained elsewhere."""
        return self.encoder(feats, caches)
