"""UniASR: a quick pass over short chunks and an exact one over long chunks in one network (Gao et al. 2020, arXiv
2010.14099)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.beam_search import Found, SearchSettings, Voice, beam_searches
from asrtools.layers.cif import CifWeights, integrate
from asrtools.layers.overlap_chunk import ChunkShape, own_frames
from asrtools.layers.scama import ChunkedSpeech, token_chunks
from asrtools.layers.scama_decoder import FsmnDecoderSCAMAOpt, ScamaScorer
from asrtools.models.protocols import Decoded, DecodeOptions, Firing
from asrtools.models.uniasr.loss import UniasrLoss
from asrtools.models.uniasr.stream import UniasrStreams
from asrtools.register import tables

BEAM_SIZE = 5  # the published defaults
MORE_TOKENS = 5  # a text may have so many more than the predictor counts
SEARCHES_AT_ONCE = 16  # utterances


@dataclass(frozen=True)
class Mode:
    """One of the three ways to decode."""

    latency: int  # which of the encoders' chunk shapes
    is_second: bool  # whether the second pass is heard out


MODES = {"fast": Mode(0, False), "normal": Mode(0, True), "offline": Mode(1, True)}
RENAMED = {"online": "normal"}  # as older scripts of these models have it


def mode_of(options: DecodeOptions) -> Mode:
    mode = MODES.get(RENAMED.get(options.decoding_model, options.decoding_model))
    if mode is None:
        raise ConfigError(f"decoding_model is {options.decoding_model!r}; should be {', '.join(MODES)}")
    return mode


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass has heard of a batch."""

    chunks: Tensor  # [B, C, size, D]
    mask: Tensor  # bool [B, C, size]
    lens: Tensor  # [B], frames
    weights: Tensor  # float32 [B, T], of the predictor
    shape: ChunkShape


@tables.register("model_classes", "UniASR")
class UniASR(UniasrLoss, UniasrStreams, nn.Module):
    """Features [B, T, input_size] to hypotheses.

    Parameters encoder, predictor, decoder of the first pass, stride_conv between, encoder2, predictor2, decoder2.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: FsmnDecoderSCAMAOpt,
        predictor: CifWeights,
        stride_conv: nn.Module,
        encoder2: nn.Module,
        decoder2: FsmnDecoderSCAMAOpt,
        predictor2: CifWeights,
        vocab_size: int,
        normalize: nn.Module | None = None,
        predictor_bias: int = 0,
        predictor_weight: float = 0.0,
        predictor2_bias: int = 0,
        predictor2_weight: float = 0.0,
        ctc_weight: float = 0.5,
        ctc2_weight: float = 0.5,
        decoder_attention_chunk_type: str = "chunk",
        decoder_attention_chunk_type2: str = "chunk",
        loss_weight_model1: float = 0.5,
        ignore_id: int = -1,
        blank_id: int = 0,
        sos: int = 1,
        eos: int = 2,
        lsm_weight: float = 0.0,
        length_normalized_loss: bool = False,
        encoder1_encoder2_joint_training: bool = True,
        enable_maas_finetune: bool = False,
        freeze_encoder2: bool = False,
    ):
        super().__init__()
        _check(encoder, predictor, decoder_attention_chunk_type, "")
        _check(encoder2, predictor2, decoder_attention_chunk_type2, "2")
        if len(encoder.shapes) != len(encoder2.shapes):
            raise ConfigError(
                f"encoder_conf.chunk_size has {len(encoder.shapes)} values and encoder2_conf.chunk_size "
                f"{len(encoder2.shapes)}; each latency should have one in both"
            )
        self.vocab_size = vocab_size
        self.ignore_id, self.blank_id, self.sos, self.eos = ignore_id, blank_id, sos, eos
        self.normalize = normalize
        self.encoder, self.predictor, self.decoder = encoder, predictor, decoder
        self.stride_conv = stride_conv
        self.encoder2, self.predictor2, self.decoder2 = encoder2, predictor2, decoder2
        self.build_loss(
            lsm_weight,
            length_normalized_loss,
            (predictor_weight, predictor2_weight),
            loss_weight_model1,
            encoder1_encoder2_joint_training,
            enable_maas_finetune,
            freeze_encoder2,
        )

    def parts(self, is_second: bool) -> tuple[nn.Module, CifWeights, FsmnDecoderSCAMAOpt]:
        """Encoder, predictor and decoder of a pass."""
        if is_second:
            return self.encoder2, self.predictor2, self.decoder2
        return self.encoder, self.predictor, self.decoder

    def shape(self, latency: int, is_second: bool) -> ChunkShape:
        shapes = self.parts(is_second)[0].shapes
        if latency >= len(shapes):
            raise ConfigError(f"encoder_conf.chunk_size has {len(shapes)} values; offline decoding takes the second")
        return shapes[latency]

    def encode(self, feats: Tensor, lens: Tensor, latency: int) -> tuple[Tensor, Tensor]:
        """Features [B, T, D] to the first pass in chunks [B, C, size, E], and where those have frames."""
        return self.encoder.in_chunks(feats, lens, self.shape(latency, False))

    def encode_again(self, chunks: Tensor, feats: Tensor, lens: Tensor, latency: int) -> tuple[Tensor, Tensor, Tensor]:
        """What the first pass heard, and the features, to the second pass in chunks, their mask, and its lengths."""
        heard = own_frames(chunks, lens, self.shape(latency, False))
        is_frame = torch.arange(feats.shape[1], device=feats.device) < lens[:, None]
        frames = torch.cat([feats * is_frame[..., None], heard], -1)
        fewer, lens = self.stride_conv(frames, lens)
        return (*self.encoder2.in_chunks(fewer, lens, self.shape(latency, True)), lens)

    def weigh(self, chunks: Tensor, mask: Tensor, lens: Tensor, latency: int, is_second: bool) -> Pass:
        shape = self.shape(latency, is_second)
        predictor = self.parts(is_second)[1]
        weights = predictor.weights((chunks * mask[..., None]).flatten(0, 1)).unflatten(0, mask.shape[:2])
        return Pass(chunks, mask, lens, own_frames(weights[..., None], lens, shape)[..., 0], shape)

    def hear(self, feats: Tensor, lens: Tensor, mode: Mode) -> Pass:
        if self.normalize is not None:
            feats, lens = self.normalize(feats, lens)
        chunks, mask = self.encode(feats, lens, mode.latency)
        if mode.is_second:
            chunks, mask, lens = self.encode_again(chunks, feats, lens, mode.latency)
        return self.weigh(chunks, mask, lens, mode.latency, mode.is_second)

    @torch.inference_mode()
    def recognize(
        self, feats: Tensor, feats_lens: Tensor, options: DecodeOptions | None = None
    ) -> list[tuple[Decoded, ...]]:
        options = options or DecodeOptions()
        mode = mode_of(options)
        heard = self.hear(feats, feats_lens, mode)
        sums = heard.weights.double().sum(1).float()
        num_tokens = sums.floor().long()
        found: list[tuple[Decoded, ...]] = [(Decoded(),)] * len(feats)
        rows = torch.nonzero(num_tokens).squeeze(1).tolist()  # a predictor that hears nothing has no text
        for first in range(0, len(rows), SEARCHES_AT_ONCE):
            some = rows[first : first + SEARCHES_AT_ONCE]
            limits = [int(total) for total in (sums[some] + MORE_TOKENS).tolist()]
            results = self._search(_rows(heard, some), num_tokens[some], limits, mode, options)
            for row, texts in zip(some, results, strict=True):
                timing = self.timing(heard, row, mode) if options.timestamps else None
                found[row] = tuple(self.decoded(one, timing) for one in texts[: max(1, options.nbest)])
        return found

    def _search(
        self, heard: Pass, num_tokens: Tensor, limits: Sequence[int], mode: Mode, options: DecodeOptions
    ) -> list[list[Found]]:
        decoder = self.parts(mode.is_second)[2]
        longest = int(num_tokens.max())
        hidden = own_frames(heard.chunks, heard.lens, heard.shape)
        speech = ChunkedSpeech(
            decoder.keys_values(heard.chunks),
            heard.mask,
            integrate(hidden, heard.weights, longest),
            num_tokens,
            token_chunks(heard.weights, heard.lens, longest, heard.shape),
            heard.shape,
        )
        voices = [Voice("decoder", 1.0, ScamaScorer(decoder, speech), decoder.start(len(limits)))]
        if options.lm_weight:
            if options.lm is None:
                raise ConfigError(f"lm_weight is {options.lm_weight} without a language model; name one as lm_file")
            begun = options.lm.start().pick(torch.zeros(len(limits), dtype=torch.long))
            voices.append(Voice("lm", options.lm_weight, options.lm, begun, hears=False))
        return beam_searches(limits, voices, [None] * len(limits), self.settings(options))

    def settings(self, options: DecodeOptions) -> SearchSettings:
        beam_size = 1 if options.greedy else options.beam_size or BEAM_SIZE
        return SearchSettings(self.sos, self.eos, beam_size, penalty=options.penalty)

    def timing(self, heard: Pass, row: int, mode: Mode) -> Firing:
        weights = heard.weights[row, : int(heard.lens[row])].cpu().numpy()
        return Firing(weights, None, 1, self.stride_conv.stride if mode.is_second else 1)

    def decoded(self, found: Found, timing: Firing | None = None) -> Decoded:
        """Without the ids that stand for no text."""
        textless = (self.blank_id, self.sos, self.eos)
        kept = [index for index, one in enumerate(found.ids) if one not in textless]
        ids, sure = tuple(found.ids[i] for i in kept), tuple(found.token_scores[i] for i in kept)
        return Decoded(ids, found.score, sure, timing)


def _rows(heard: Pass, rows: list[int]) -> Pass:
    return Pass(heard.chunks[rows], heard.mask[rows], heard.lens[rows], heard.weights[rows], heard.shape)


def _check(encoder: nn.Module, predictor: CifWeights, attention: str, number: str) -> None:
    if not hasattr(encoder, "in_chunks"):
        raise ConfigError(f"encoder{number} is a {type(encoder).__name__}; UniASR wants SANMEncoderChunkOpt")
    if encoder.memory_shift:
        raise ConfigError(f"encoder{number}_conf.sanm_shfit is {encoder.memory_shift}; chunks are heard apart with 0")
    if predictor.tail.threshold:
        raise ConfigError(
            f"predictor{number}_conf.tail_threshold is {predictor.tail.threshold}; UniASR has no frame after the last: "
            "0.0 is wanted"
        )
    if attention != "chunk":
        raise ConfigError(f"model_conf.decoder_attention_chunk_type{number} is {attention!r}; should be chunk")
