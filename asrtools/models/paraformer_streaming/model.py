"""ParaformerStreaming: Paraformer whose encoder sees chunks (SCAMA, Zhang et al. 2020, arXiv 2006.01712)."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from asrtools.layers.cif import CifState
from asrtools.layers.sanm_decoder import DecoderState
from asrtools.layers.sanm_encoder import EncoderState
from asrtools.models.paraformer.model import Paraformer
from asrtools.models.protocols import ChunkOptions, Decoded
from asrtools.register import tables


@dataclass(eq=False)
class StreamState:
    """All that is remembered of one stream."""

    options: ChunkOptions
    frames: Tensor | None = None  # [1, before + ahead, D], placed frames that the next chunk looks at too
    encoder: EncoderState = field(default_factory=EncoderState)
    predictor: CifState = field(default_factory=CifState)
    decoder: DecoderState = field(default_factory=DecoderState)


@tables.register("model_classes", "ParaformerStreaming")
class ParaformerStreaming(Paraformer):
    """Parameters of Paraformer; used chunk by chunk."""

    def start(self, options: ChunkOptions) -> StreamState:
        return StreamState(options)

    @torch.inference_mode()
    def advance(self, feats: Tensor | None, state: StreamState, is_final: bool) -> Decoded:
        options = state.options
        frames = self._frames(feats, state)
        num_kept = options.encoder_look_back * (options.size if options.encoder_look_back > 0 else 1)
        encoded = self.encoder.forward_chunk(frames, state.encoder, num_kept, options.ahead)
        end = None if is_final else options.before + options.size
        tokens = self.predictor.forward_chunk(encoded, state.predictor, options.before, end)
        if not tokens.shape[1]:
            return Decoded()
        logits = self.decoder.forward_chunk(
            encoded, tokens, state.decoder, max(0, options.decoder_look_back) * options.size
        )
        best, ids = logits.float().log_softmax(-1).max(-1)
        return self.decoded(ids[0].tolist(), best[0].tolist(), None)

    def _frames(self, feats: Tensor | None, state: StreamState) -> Tensor:
        """What the encoder is to look at: frames of before, and the new ones, [1, T, D]."""
        num_again = state.options.before + state.options.ahead
        if state.frames is None:
            size = self.encoder.input_size if feats is None else feats.shape[-1]
            device = self.predictor.cif_output.weight.device
            state.frames = torch.zeros(1, num_again, size, device=device)
        if feats is None:
            return state.frames
        placed = self.encoder.place(feats[None], state.encoder)
        frames = torch.cat([state.frames, placed], 1)
        state.frames = frames[:, max(0, frames.shape[1] - num_again) :]
        return frames
