"""ParaformerStreaming: Paraformer whose encoder sees chunks (SCAMA, Zhang et al. 2020, arXiv 2006.01712)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from asrtools.layers.cif import CifState
from asrtools.layers.sanm_decoder import DecoderState
from asrtools.layers.sanm_encoder import EncoderState
from asrtools.models.paraformer.model import Paraformer
from asrtools.models.protocols import Chunk, ChunkOptions, Decoded
from asrtools.register import tables


@dataclass(eq=False)
class StreamState:
    """All that is remembered of one stream."""

    options: ChunkOptions
    encoder: EncoderState
    decoder: DecoderState
    predictor: CifState = field(default_factory=CifState)
    frames: Tensor | None = None  # [before + ahead, D], placed frames that the next chunk looks at too


@tables.register("model_classes", "ParaformerStreaming")
class ParaformerStreaming(Paraformer):
    """Parameters of Paraformer; used chunk by chunk."""

    is_streaming = True

    def start(self, options: ChunkOptions) -> StreamState:
        look_back = options.encoder_look_back
        return StreamState(
            options,
            self.encoder.start(look_back * options.size if look_back > 0 else look_back),
            self.decoder.start(options.decoder_look_back * options.size),
        )

    @torch.inference_mode()
    def advance(self, chunks: Sequence[Chunk]) -> list[Decoded]:
        states = [chunk.state for chunk in chunks]
        frames = [self._frames(chunk) for chunk in chunks]
        sizes = [len(one) for one in frames]
        encoded = self.encoder.forward_chunk(torch.cat(frames), sizes, [state.encoder for state in states])
        for state, size in zip(states, sizes, strict=True):
            if state.encoder.past is not None:
                state.encoder.past.settle(size - state.options.ahead)
        spans = [_span(chunk) for chunk in chunks]
        fired = self.predictor.forward_chunk(encoded, sizes, [state.predictor for state in states], spans)
        results = [Decoded()] * len(chunks)
        speaking = [index for index, (tokens, _) in enumerate(fired) if len(tokens)]
        if not speaking:
            return results
        rows = encoded.split(sizes)
        logits = self.decoder.forward_chunk(
            torch.cat([rows[index] for index in speaking]),
            [sizes[index] for index in speaking],
            torch.cat([fired[index][0] for index in speaking]),
            [len(fired[index][0]) for index in speaking],
            [states[index].decoder for index in speaking],
        ).float()
        best, ids = logits.max(-1)
        best, ids = (best - logits.logsumexp(-1)).tolist(), ids.tolist()
        begin = 0
        for index in speaking:
            end = begin + len(fired[index][0])
            first = states[index].encoder.num_frames - sizes[index]
            places = [max(0, first + place) for place in fired[index][1]]
            results[index] = self._settled(ids[begin:end], best[begin:end], places)
            begin = end
        return results

    def _settled(self, ids: list[int], log_probs: list[float], places: list[int]) -> Decoded:
        textless = (self.blank_id, self.sos, self.eos)
        kept = tuple(place for place, one in zip(places, ids, strict=True) if one not in textless)
        return replace(self.decoded(ids, log_probs, None), frames=kept)

    def _frames(self, chunk: Chunk) -> Tensor:
        """What the encoder is to look at of one stream: frames of before, and the new ones, [T, D]."""
        state, feats = chunk.state, chunk.feats
        num_again = state.options.before + state.options.ahead
        if state.frames is None:
            like = self.predictor.cif_output.weight
            size = self.encoder.input_size if feats is None else feats.shape[-1]
            state.frames = torch.zeros(num_again, size, device=like.device)
        if feats is None:
            return state.frames
        frames = torch.cat([state.frames, self.encoder.place(feats[None], state.encoder)[0]])
        state.frames = frames[max(0, len(frames) - num_again) :].clone()
        return frames


def _span(chunk: Chunk) -> tuple[int, int | None]:
    """The frames that count, of those that the encoder looks at."""
    options = chunk.state.options
    return options.before, None if chunk.is_final else options.before + options.size
