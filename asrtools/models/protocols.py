"""What a network of each kind does for the loops over it, and what it gives: exactly one result for every input.

Tensors go in, numbers and numpy arrays come out, so that a network run elsewhere (onnxruntime) can stand behind the
same protocol. Nothing here imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class DecodeOptions:
    """What may differ from call to call; a family ignores what has no meaning for it."""

    nbest: int = 1
    beam_size: int = 0  # 0: the family's own; greedy where it has no search
    ctc_weight: float | None = None  # of the joint CTC / attention search; None: the family's own
    greedy: bool = False  # the best path of a family that would search otherwise
    lm_weight: float = 0.0
    lm_file: str | None = None
    lm: Any = None  # what is in lm_file, loaded
    max_len_ratio: float = 0.0
    min_len_ratio: float = 0.0
    penalty: float = 0.0
    hotwords: tuple[tuple[int, ...], ...] = ()  # token ids of each, the one that stands for none last; (): none given
    num_hotwords: int = 50  # SeACo listens to so many of them at once, chosen for each utterance
    hotword_weight: float = 1.0
    language: str = "auto"
    use_itn: bool = False
    ban_emo_unk: bool = False
    decoding_model: str = "normal"  # of UniASR: fast, normal or offline
    timestamps: bool = True  # whether to keep what token times are computed from


@dataclass(frozen=True, eq=False)
class Firing:
    """How a CIF predictor laid the tokens of one utterance over time."""

    weights: np.ndarray  # float32 [T], the mass of each entry
    peaks: np.ndarray | None = None  # float32 [T], where known already: about 1 at an entry where a token is complete
    upsample: int = 1  # entries for a frame of the encoder's output
    subsample: int = 1  # frames of the input for one of the encoder's output


@dataclass(frozen=True, eq=False)
class Emission:
    """CTC log-probabilities of what an alignment of one text needs."""

    log_probs: np.ndarray  # float32 [T, 1 + U]: of blank (0 where that is the likeliest), of each token of the text
    subsample: int = 1  # frames of the input for one of the encoder's output
    shift: float = 0.0  # of every time, in frames of the encoder's output


@dataclass(frozen=True, eq=False)
class Decoded:
    """One hypothesis for one utterance."""

    ids: tuple[int, ...] = ()
    score: float = 0.0
    log_probs: tuple[float, ...] = ()  # of each token, where the family knows it
    timing: Firing | Emission | None = None
    tags: tuple[int, ...] = ()  # ids that are about the utterance, not of its text (SenseVoice)
    frames: tuple[int, ...] = ()  # of a stream, where the family knows it: the frame in which each token is complete
    num_revised: int = 0  # of a stream: so many of the tokens given last are taken back before these


@runtime_checkable
class Recognizer(Protocol):
    """Features to hypotheses."""

    def recognize(
        self, feats: "Tensor", feats_lens: "Tensor", options: DecodeOptions
    ) -> list[tuple[Decoded, ...]]:  # feats [B, T, D], feats_lens [B]; best first, at least one for each row
        ...


@dataclass(frozen=True)
class ChunkOptions:
    """How a streaming recogniser cuts its input, in frames of the network."""

    before: int = 0  # frames that are looked at again with the next chunk
    size: int = 10  # frames of a chunk
    ahead: int = 5  # frames that are looked at before they count
    encoder_look_back: int = 0  # chunks that the encoder remembers; -1: all
    decoder_look_back: int = 0  # chunks that the decoder remembers
    search: DecodeOptions = DecodeOptions()  # of a family that searches (UniASR, whose chunks its configuration cuts)
    only_settled: bool = False  # whether tokens that may change yet wait until they do not


@dataclass(frozen=True, eq=False)
class Chunk:
    """What comes next of one stream."""

    feats: "Tensor | np.ndarray | None"  # [t, D]; None: nothing new, the frames that wait are the last
    state: Any  # of `start`; it goes on with the stream
    is_final: bool = False


@runtime_checkable
class StreamingRecognizer(Protocol):
    """Features of streams, chunk by chunk, to tokens as they are settled.

    What is remembered of a stream is in its state, which belongs to the caller; the network keeps nothing, so any
    number of streams may share it. One that hears whole recordings as streams too says so: `is_streaming = True`.
    """

    def start(self, options: ChunkOptions) -> object:
        """The state of a new stream."""
        ...

    def advance(self, chunks: Sequence[Chunk]) -> list[Decoded]:
        """The tokens that the next chunk of each of these streams settles, as if each were alone.

        One that changes its mind says by `num_revised` how many of the tokens given before are replaced by these.
        """
        ...


@runtime_checkable
class Segmenter(Protocol):
    """Features to the probability that a frame is silence."""

    def silence(self, feats: "Tensor", state: object | None = None) -> "tuple[np.ndarray, object]":
        """feats [B, T, D], the state a call before gave (None: a new stream) to float32 [B, T] and the next state."""
        ...


@runtime_checkable
class Punctuator(Protocol):
    """Token ids to the class of the mark after each."""

    def punctuate(self, ids: Sequence[Sequence[int]], vad_masks: Sequence[int] | None = None) -> list[np.ndarray]:
        """Windows of ids to int64 [N] of marks, one array a window."""
        ...


@runtime_checkable
class Aligner(Protocol):
    """Features and the number of their tokens to when each fires."""

    def align(self, feats: "Tensor", feats_lens: "Tensor", num_tokens: Sequence[int]) -> list[Firing]: ...


@runtime_checkable
class Embedder(Protocol):
    """Features of stretches of speech to one vector each."""

    def embed(self, feats: "Tensor", feats_lens: "Tensor") -> np.ndarray:
        """feats [B, T, D], feats_lens [B] to float32 [B, E]."""
        ...
