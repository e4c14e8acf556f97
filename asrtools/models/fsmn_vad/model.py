"""FsmnVADStreaming: how probable it is that nobody speaks, frame by frame."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.models.fsmn_vad.encoder import Caches
from asrtools.models.fsmn_vad.folded import FoldedFsmn, State
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
        self._folded: FoldedFsmn | None = None
        num_outputs = encoder.output_size()
        if max(self.options.sil_pdf_ids) >= num_outputs:
            raise ConfigError(
                f"model_conf.sil_pdf_ids is {list(self.options.sil_pdf_ids)}, and the network has {num_outputs} outputs"
            )

    @torch.inference_mode()
    def silence(self, feats: Tensor, state: State | None = None) -> tuple[np.ndarray, State]:
        """feats [B, T, D], the state a call before gave (None: a new stream) to float32 [B, T] and the next state."""
        if self._folded is None:
            self._folded = FoldedFsmn(self.encoder, self.options.sil_pdf_ids)
        scores, state = self._folded(feats, state)
        return scores.cpu().numpy(), state

    def forward(self, feats: Tensor, caches: Caches | None = None) -> tuple[Tensor, Caches]:
        """Probabilities of all outputs [B, T, P]; published VAD models are trained elsewhere."""
        return self.encoder(feats, caches)

    def train(self, mode: bool = True) -> "FsmnVADStreaming":
        self._folded = None  # parameters may change now
        return super().train(mode)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        self._folded = None
        return super().load_state_dict(*args, **kwargs)

    def _apply(self, *args: Any, **kwargs: Any) -> "FsmnVADStreaming":
        self._folded = None  # another device or type
        return super()._apply(*args, **kwargs)
