"""UniASR on a stream: the first pass speaks as its short chunks fill up, the second settles what long chunks hold.

At the end it is what recognize() finds in the whole utterance: chunks are heard apart, and the search takes its steps
when the chunk they look at is there. Until then the best hypothesis is shown, and what it changes is taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.beam_search import Found, Search
from asrtools.layers.cif import CifState
from asrtools.layers.overlap_chunk import ChunkShape
from asrtools.layers.scama import Heard
from asrtools.layers.scama_decoder import ScamaState
from asrtools.models.protocols import Chunk, ChunkOptions, Decoded

MORE_TOKENS = 5  # a text may have so many more than the predictor counts
NO_LIMIT = 1 << 30  # of tokens, while the stream goes on


@dataclass(eq=False)
class PassState:
    """What one pass keeps of one stream."""

    shape: ChunkShape
    search: Search
    decoder: ScamaState
    frames: Tensor | None = None  # [1, t, D], placed, from the first that a chunk to come looks at
    num_gone: int = 0  # frames before those
    num_chunks: int = 0  # that have been heard
    predictor: CifState = field(default_factory=CifState)
    num_tokens: int = 0  # of the predictor
    last: Heard | None = None  # what the last of them was said from
    fired: list[int] = field(default_factory=list)  # the frame of the features in which each is complete

    @property
    def num_frames(self) -> int:
        return self.num_gone + (0 if self.frames is None else self.frames.shape[1])


@dataclass(eq=False)
class UniasrState:
    """All that is remembered of one stream."""

    latency: int
    only_settled: bool
    first: PassState
    second: PassState | None
    feats: Tensor | None = None  # [1, t, D], of which the first pass has not yet spoken
    between: Tensor | None = None  # [1, t, D], frames before the convolution that the next of its outputs looks at
    num_between: int = 0  # frames that went into it
    given: Decoded = Decoded()  # all that is shown


class UniasrStreams:
    """Mixed into a network that has parts(), shape(), settings() and decoded(); see StreamingRecognizer."""

    searches_streams = True  # with a beam, in chunks that its configuration cuts

    def start(self, options: ChunkOptions) -> UniasrState:
        from asrtools.models.uniasr.model import mode_of

        if options.search.lm_weight:
            raise ConfigError("lm_weight: a stream of UniASR is searched without a language model; 0 is wanted")
        mode = mode_of(options.search)
        second = self._begin(mode.latency, True, options) if mode.is_second else None
        return UniasrState(mode.latency, options.only_settled, self._begin(mode.latency, False, options), second)

    def _begin(self, latency: int, is_second: bool, options: ChunkOptions) -> PassState:
        shape = self.shape(latency, is_second)
        if shape.encoder_look_back or shape.decoder_look_back:
            raise ConfigError(
                "encoder_conf: a stream of UniASR looks back at no chunk; both look-back factors should be 0"
            )
        search = Search(NO_LIMIT, {"decoder": (1.0, True)}, None, self.settings(options.search))
        return PassState(shape, search, self.parts(is_second)[2].start())

    @torch.inference_mode()
    def advance(self, chunks: Sequence[Chunk]) -> list[Decoded]:
        """What the new features [t, D] of each stream change of its text."""
        return [self._advance(chunk.feats, chunk.state, chunk.is_final) for chunk in chunks]

    def _advance(self, feats: Tensor | None, state: UniasrState, is_final: bool) -> Decoded:
        if feats is not None and len(feats):
            frames = feats[None]
            state.feats = frames if state.feats is None else torch.cat([state.feats, frames], 1)
            self._append(state.first, self.encoder.place_frames(frames, state.first.num_frames))
        heard = self._listen(state.first, False, is_final)
        if state.second is None:
            shown = self._text(state.first, is_final, state.only_settled)
        else:
            self._pass_on(heard, state, is_final)
            self._listen(state.second, True, is_final)
            shown = self._text(state.second, is_final, state.only_settled)
            if not is_final and not state.only_settled:
                shown = _joined(shown, self._text_after(state.first, self._refreshed(state)))
        given, state.given = state.given, shown
        return _change(given, shown, is_final)

    def _refreshed(self, state: UniasrState) -> int:
        """The frames that the second pass has been over."""
        return state.second.num_chunks * state.second.shape.stride * self.stride_conv.stride

    def _text(self, one: PassState, is_final: bool, only_settled: bool = False) -> Decoded:
        """The best hypothesis as it stands, or as it is found."""
        best = one.search.agreed() if only_settled else one.search.leading()
        if is_final:
            best = next(iter(one.search.result()), None)
        return Decoded() if best is None else self._with_frames(best, one)

    def _text_after(self, one: PassState, frame: int) -> Decoded:
        whole = self._text(one, False)
        begin = sum(place < frame for place in whole.frames)
        return Decoded(whole.ids[begin:], 0.0, whole.log_probs[begin:], frames=whole.frames[begin:])

    def _with_frames(self, found: Found, one: PassState) -> Decoded:
        """A text has no more tokens than the predictor counts but for a few at the end."""
        textless = (self.blank_id, self.sos, self.eos)
        kept = [index for index, token in enumerate(found.ids) if token not in textless]
        frames = tuple(one.fired[min(index, len(one.fired) - 1)] for index in kept)
        return replace(self.decoded(found), frames=frames)

    def _append(self, one: PassState, placed: Tensor) -> None:
        one.frames = placed if one.frames is None else torch.cat([one.frames, placed], 1)

    def _listen(self, one: PassState, is_second: bool, is_final: bool) -> list[Tensor]:
        """Hears the chunks that are full, all of them at the end, and searches on; each one's own outputs [1, t, D]."""
        outputs = []
        shape = one.shape
        num_all = -(-one.num_frames // shape.stride)
        while one.num_chunks < num_all and (is_final or one.num_frames >= shape.needs(one.num_chunks)):
            is_last = is_final and one.num_chunks == num_all - 1
            outputs.append(self._hear_chunk(one, is_second, is_last))
        if is_final:
            self._finish(one, is_second)
        return outputs

    def _hear_chunk(self, one: PassState, is_second: bool, is_last: bool) -> Tensor:
        shape = one.shape
        encoder, predictor, decoder = self.parts(is_second)
        begin = one.num_chunks * shape.stride - shape.left  # of the chunk, in frames of the stream
        frames = one.frames[:, max(0, begin) - one.num_gone :][:, : shape.size + min(0, begin)]
        num_kept = shape.size if not is_last else min(shape.size, one.num_frames - begin)
        frames = F.pad(frames, (0, 0, max(0, -begin), 0))[:, :num_kept]
        frames = F.pad(frames, (0, 0, 0, num_kept - frames.shape[1]))
        everything = torch.ones(1, 1, num_kept, dtype=torch.bool, device=frames.device)
        chunk = encoder.hear(frames[:, None], everything, shape)[:, 0]  # [1, size, D]
        end = shape.left + shape.stride
        ((tokens, places),) = predictor.forward_chunk(
            chunk[0], [num_kept], [one.predictor], [(shape.left, min(end, num_kept))]
        )
        keys_values = [(keys[:, 0], values[:, 0]) for keys, values in decoder.keys_values(chunk[:, None])]
        one.num_chunks += 1
        rate = self.stride_conv.stride if is_second else 1
        for token, place in zip(tokens, places, strict=True):
            one.last = Heard(keys_values, everything[:, None], token[None])
            one.num_tokens += 1
            one.fired.append((begin + place) * rate)
            self._step(one, decoder, one.last)
        num_gone = max(0, one.num_chunks * shape.stride - shape.left)
        one.frames, one.num_gone = one.frames[:, num_gone - one.num_gone :], num_gone
        return chunk[:, shape.left : end]

    def _step(self, one: PassState, decoder: nn.Module, heard: Heard) -> None:
        search = one.search
        if not len(search.last):
            return
        log_probs, state = decoder.step(search.last, one.decoder, heard)
        rows = search.advance({"decoder": log_probs.float().cpu()})
        if len(rows):
            one.decoder = state.pick(rows)

    def _finish(self, one: PassState, is_second: bool) -> None:
        """The steps after the predictor's last token, until the search ends."""
        search = one.search
        if one.last is None:
            search.beam = search.beam.pick(torch.zeros(0, dtype=torch.long))
            return
        total = one.num_tokens + one.predictor.weight
        search.max_len = int(total + MORE_TOKENS)
        silent = Heard(one.last.frames, one.last.mask, torch.zeros_like(one.last.token))
        while len(search.last):
            self._step(one, self.parts(is_second)[2], silent)

    def _pass_on(self, heard: list[Tensor], state: UniasrState, is_final: bool) -> None:
        """What the first pass heard, with the features it heard it in, through the convolution to the second."""
        conv, second = self.stride_conv, state.second
        if heard:
            outputs = torch.cat(heard, 1)
            num = outputs.shape[1]
            frames = torch.cat([state.feats[:, :num], outputs], -1)
            state.feats = state.feats[:, num:]
            if state.between is None:
                frames = F.pad(frames, (0, 0, conv.pads[0], 0))
            else:
                frames = torch.cat([state.between, frames], 1)
            state.between, state.num_between = frames, state.num_between + num
        if state.between is None:
            return
        if is_final:
            state.between = F.pad(state.between, (0, 0, 0, conv.pads[1]))
        num_outputs = (state.between.shape[1] - conv.kernel_size) // conv.stride + 1
        if num_outputs > 0:
            fewer = conv.convolve(state.between)[:, :num_outputs]
            state.between = state.between[:, num_outputs * conv.stride :]
            self._append(second, self.encoder2.place_frames(fewer, second.num_frames))


def _joined(one: Decoded, other: Decoded) -> Decoded:
    return Decoded(one.ids + other.ids, one.score, one.log_probs + other.log_probs, frames=one.frames + other.frames)


def _change(given: Decoded, shown: Decoded, is_final: bool) -> Decoded:
    """What has to be taken back of the tokens given, and put in its place."""
    pairs = enumerate(zip(given.ids, shown.ids, strict=False))
    kept = next((index for index, (a, b) in pairs if a != b), min(len(given.ids), len(shown.ids)))
    return Decoded(
        shown.ids[kept:],
        shown.score if is_final else 0.0,
        shown.log_probs[kept:],
        frames=shown.frames[kept:],
        num_revised=len(given.ids) - kept,
    )
