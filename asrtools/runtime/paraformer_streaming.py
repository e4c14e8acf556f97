"""An exported ParaformerStreaming: an encoder and a decoder in files, and here all that a stream remembers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asrtools.errors import ConfigError, ModelError
from asrtools.models.protocols import Chunk, ChunkOptions, Decoded
from asrtools.runtime.ctc import log_sum_exp
from asrtools.runtime.runner import in_threads
from asrtools.runtime.session import Session

KERNEL_SIZE = 21  # of the decoder's memory, where the configuration does not say
TAIL = {"CifPredictor": 0.45, "CifPredictorV2": 0.0}  # tail_threshold, where it does not


@dataclass(eq=False)
class StreamState:
    """All that is remembered of one stream."""

    options: ChunkOptions
    frames: np.ndarray  # [before + ahead, D], placed frames that the next chunk looks at too
    encoded: np.ndarray  # [at most decoder_look_back chunks, E], frames that its tokens look at too
    hidden: np.ndarray  # [E], the mean of the frames that the unfinished token has gathered
    weight: float = 0.0  # that it has gathered
    num_frames: int = 0  # whose positions have been given out
    memories: tuple[np.ndarray, ...] = ()  # of each layer of the decoder; none before its first token


class ExportedParaformerStreaming:
    """Chunks of streams to tokens, each stream by itself.

    What the encoder would keep of earlier chunks stands inside its layers, where the published inputs do not reach:
    there is no encoder look-back. Frames before a chunk, which are heard again with it, take its place.
    """

    is_streaming = True
    drops_tail = True  # as the network that it was made from
    usual_chunks = ChunkOptions(5, 10, 5, 0, 1)

    def __init__(self, sessions: Mapping[str, Session], config: Mapping[str, Any], feat_size: int, num_threads: int):
        if "decoder" not in sessions:
            raise ModelError("the decoder is not beside the model; streams want both, export the model anew")
        self.encoder, self.decoder = sessions["model"], sessions["decoder"]
        self.num_threads = num_threads
        self.feat_size = feat_size
        model, encoder, decoder, predictor = (
            config.get(f"{part}_conf") or {} for part in ("model", "encoder", "decoder", "predictor")
        )
        self.textless = (int(model.get("blank_id", 0)), int(model.get("sos", 1)), int(model.get("eos", 2)))
        self.size = int(encoder.get("output_size", 256))
        self.is_placed = encoder.get("input_layer", "pe") is not None
        self.tail = float(predictor.get("tail_threshold", TAIL.get(str(config.get("predictor")), 0.0)))
        self.caches = [name for name in self.decoder.inputs if name.startswith("in_cache")]
        self.memory_size = int(decoder.get("kernel_size", KERNEL_SIZE)) - 1
        if looks_ahead(decoder, self.memory_size):
            raise ModelError(
                "decoder_conf (sanm_shfit, kernel_size, att_layer_num): its decoder's memory looks ahead, and begins "
                "a stream as no exported decoder can; give the model that it came from"
            )

    def start(self, options: ChunkOptions) -> StreamState:
        if options.encoder_look_back:
            raise ConfigError(
                f"encoder look-back is {options.encoder_look_back}: an exported encoder remembers no chunk; give 0, "
                f"and frames that it hears again in its place (--look-back 0,{options.decoder_look_back} --chunk "
                "5,10,5; encoder_chunk_look_back=0, chunk_size=[5, 10, 5]), or the model that it came from"
            )
        return StreamState(
            options,
            np.zeros((options.before + options.ahead, self.feat_size), np.float32),
            np.zeros((0, self.size), np.float32),
            np.zeros(self.size, np.float32),
        )

    def advance(self, chunks: Sequence[Chunk]) -> list[Decoded]:
        return in_threads(self._advance, chunks, self.num_threads)

    def _advance(self, chunk: Chunk) -> Decoded:
        state = chunk.state
        frames = self._frames(chunk)
        found = self.encoder({"speech": frames[None], "speech_lengths": np.array([len(frames)], np.int32)})
        encoded = found["enc"][0]
        tokens, places = self._fire(encoded, found["alphas"][0], state, chunk.is_final)
        if not len(tokens):
            return Decoded()
        logits = self._logits(encoded, tokens, state)
        ids = logits.argmax(-1)
        best = np.take_along_axis(logits, ids[:, None], 1)[:, 0] - log_sum_exp(logits)
        kept = [index for index, one in enumerate(ids.tolist()) if one not in self.textless]
        first = state.num_frames - len(frames)
        return Decoded(
            tuple(ids[kept].tolist()),
            float(sum(best.tolist())),
            tuple(best[kept].tolist()),
            frames=tuple(max(0, first + places[index]) for index in kept),
        )

    def _frames(self, chunk: Chunk) -> np.ndarray:
        """What the encoder is to look at: frames of before, and the new ones, [T, D]."""
        state = chunk.state
        if chunk.feats is None:
            return state.frames
        placed = np.asarray(chunk.feats, np.float32) * np.float32(math.sqrt(self.size))
        if self.is_placed:
            placed = placed + positions(state.num_frames + 1, *placed.shape)
        state.num_frames += len(placed)
        frames = np.concatenate([state.frames, placed])
        state.frames = frames[max(0, len(frames) - len(state.frames)) :].copy()
        return frames

    def _fire(
        self, encoded: np.ndarray, weights: np.ndarray, state: StreamState, is_final: bool
    ) -> tuple[np.ndarray, list[int]]:
        """Frames [T, E] and their weights [T] to the tokens [N, E] that fire, and in which frame each does."""
        options = state.options
        end = len(weights) if is_final else options.before + options.size
        counted = weights.astype(np.float32)
        counted[: options.before] = 0
        counted[end:] = 0
        tail = self.tail * is_final
        ends = np.concatenate([[state.weight], counted, [tail]], dtype=np.float32).astype(np.float64).cumsum()
        begins = np.concatenate([[0.0], ends[:-1]])
        count = math.floor(ends[-1])
        steps = np.arange(count + 1)[:, None]
        shares = np.minimum(ends, steps + 1) - np.maximum(begins, steps)
        rows = np.concatenate([state.hidden[None], encoded, np.zeros_like(state.hidden)[None]])
        pieces = shares.clip(min=0).astype(np.float32) @ rows
        state.weight = float(ends[-1]) - count
        state.hidden = pieces[count] / np.float32(max(state.weight, 1e-9))
        places = np.searchsorted(ends, np.arange(1, count + 1)) - 1
        return pieces[:count], places.clip(0, len(weights) - 1).tolist()

    def _logits(self, encoded: np.ndarray, tokens: np.ndarray, state: StreamState) -> np.ndarray:
        """[N, V]; the decoder's memories go on."""
        seen = np.concatenate([state.encoded, encoded])
        if not state.memories:
            state.memories = (np.zeros((1, self.size, self.memory_size), np.float32),) * len(self.caches)
        found = self.decoder(
            {
                "enc": seen[None],
                "enc_len": np.array([len(seen)], np.int32),
                "acoustic_embeds": tokens[None],
                "acoustic_embeds_len": np.array([len(tokens)], np.int32),
                **dict(zip(self.caches, state.memories, strict=True)),
            }
        )
        num_kept = state.options.decoder_look_back * state.options.size
        state.encoded = seen[max(0, len(seen) - num_kept) :].copy()
        state.memories = tuple(value for name, value in found.items() if name.startswith("out_cache"))
        return found["logits"][0]


def looks_ahead(decoder_conf: Mapping[str, Any], memory_size: int) -> bool:
    """Whether a token's memory reaches to tokens after it, in the layers with attention or in those without."""
    shift = decoder_conf.get("sanm_shfit", 0)
    is_even = shift is None or int(shift) >= memory_size - memory_size // 2
    return not is_even or int(decoder_conf.get("num_blocks", 6)) > int(decoder_conf.get("att_layer_num", 6))


def positions(first: int, num: int, depth: int) -> np.ndarray:
    """float32 [num, depth] of the positions from `first` on: sines, then cosines, as the network has them."""
    increment = np.float32(np.float32(math.log(10000.0)) / np.float32(depth / 2 - 1))
    scales = np.exp(np.arange(depth // 2, dtype=np.float32) * -increment)
    angles = np.arange(first, first + num, dtype=np.float32)[:, None] * scales
    return np.concatenate([np.sin(angles), np.cos(angles)], 1)
