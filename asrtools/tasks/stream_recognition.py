"""From models to what hears recordings and live audio."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from asrtools.errors import ConfigError, DataError, ModelError
from asrtools.io.ark import holds_features
from asrtools.io.audio import load_blocks
from asrtools.models.protocols import ChunkOptions, DecodeOptions
from asrtools.record import Utterance
from asrtools.tasks.batching import BatchLimits
from asrtools.tasks.call_options import CallOptions
from asrtools.tasks.network_input import step_ms
from asrtools.tasks.recognition import Recognition
from asrtools.tasks.second_pass import SecondPass
from asrtools.tasks.segment import BLOCK_MS, Segmenter
from asrtools.tasks.stream import RecognitionStream, chunk_options
from asrtools.tasks.stream_clock import PacedClock, WallClock
from asrtools.tasks.stream_marks import StreamMarks
from asrtools.tasks.stream_sentence import HOP_MS, SentenceCutter
from asrtools.tasks.stream_session import Closed, Session, Told, listen

USUAL = ChunkOptions(encoder_look_back=4, decoder_look_back=1)  # as the published models are used


@dataclass(frozen=True, eq=False)
class Listener:
    """A recogniser of streams, with what ends its sentences, hears them a second time and marks them."""

    recognition: Recognition
    chunks: ChunkOptions
    segmenter: Segmenter | None = None
    second: Recognition | None = None
    second_options: DecodeOptions = DecodeOptions()
    limits: BatchLimits = BatchLimits()  # of the second
    marks: StreamMarks | None = None
    channel: str = "mix"
    fs: int = 16000  # of raw pcm

    def __post_init__(self) -> None:
        model = self.recognition.model
        if self.recognition.stream_network is None:
            raise ModelError(
                f"{model.directory}: its model {model.name} does not hear streams; paraformer-zh-streaming does"
            )
        self.recognition.stream_network.start(self.chunks)  # what it cannot do shows before anything is heard
        if self.segmenter is not None and self.segmenter.model.frontend.fs != self.rate:
            raise ConfigError(
                f"{self.segmenter.model.directory}: hears {self.segmenter.model.frontend.fs} samples a second and the "
                f"recogniser {self.rate}; both should hear the same stream"
            )

    @property
    def rate(self) -> int:
        return int(self.recognition.model.frontend.fs)

    @property
    def model_name(self) -> str:
        """Of the model whose text stays."""
        return (self.second or self.recognition).model.name

    def __call__(
        self, utterances: Iterable[Utterance], num_streams: int = 1, live: Iterator[np.ndarray] | None = None
    ) -> Iterator[Told | Closed]:
        """Records in order to what is told of each; `live`: packets that come now, in place of a source."""
        network = self.recognition.stream_network
        return listen(utterances, lambda one: self.open(one, live), network, num_streams, self._second_pass())

    def open(self, utterance: Utterance, live: Iterator[np.ndarray] | None = None) -> Session:
        cutter = SentenceCutter(
            self._stream,
            self.rate,
            None if self.segmenter is None else self.segmenter.start(HOP_MS),
            keeps_samples=self.second is not None,
        )
        return Session(
            utterance,
            self._packets(utterance) if live is None else live,
            cutter,
            PacedClock(self.rate) if live is None else WallClock(),
            self.recognition.model.tokenizer,
            is_live=live is not None,
            is_cut=self.segmenter is not None,
            marks=self.marks,
        )

    def _stream(self) -> RecognitionStream:
        return RecognitionStream(self.recognition.stream_network, self.recognition.model.frontend, self.chunks)

    def _second_pass(self) -> SecondPass | None:
        if self.second is None:
            return None
        held: dict[str, np.ndarray] = {}
        transcribe = self.second.transcriber(self.second_options, self.limits, fs=self.rate, held=held)
        return SecondPass(transcribe, held)

    def _packets(self, utterance: Utterance) -> Iterator[np.ndarray]:
        if not utterance.source:
            raise DataError(f"{utterance.key}: has no source; a recording is wanted")
        if holds_features(utterance.source):
            raise DataError(f"{utterance.source}: holds features; a stream is heard, give audio")
        channel = self.channel if utterance.channel is None else str(utterance.channel)
        blocks = load_blocks(
            utterance.source,
            self.rate,
            utterance.start_ms,
            utterance.end_ms,
            channel,
            self.fs,
            utterance.key,
            BLOCK_MS,
        )
        size = HOP_MS * self.rate // 1000
        is_empty = True
        for block in blocks:
            is_empty = is_empty and not len(block)
            for begin in range(0, len(block), size):
                yield block[begin : begin + size]
        if is_empty:
            raise DataError(f"{utterance.source}: it holds no samples; a recording is wanted")


def chunks_of(recognition: Recognition, call: CallOptions) -> ChunkOptions:
    """What a call says of chunks; of what it does not say, what is usual for the network."""
    usual = getattr(recognition.model.network, "usual_chunks", USUAL)
    given = call.values
    cut = chunk_options(
        given.get("chunk_size", [usual.before, usual.size, usual.ahead]),
        int(given.get("encoder_chunk_look_back", usual.encoder_look_back)),
        int(given.get("decoder_chunk_look_back", usual.decoder_look_back)),
    )
    return replace(cut, search=call.search)


def parse_chunk(given: str | None, recognition: Recognition, before: ChunkOptions) -> ChunkOptions:
    """`600ms`, or frames `0,10,5`, to the chunks of a model; None leaves those of before."""
    if given is None:
        return before
    numbers = given.strip("[] ").split(",")
    if len(numbers) == 3 and all(one.strip().isdecimal() for one in numbers) and int(numbers[1]):
        sizes = [int(one) for one in numbers]
        return replace(before, before=sizes[0], size=sizes[1], ahead=sizes[2])
    text = given.strip().removesuffix("ms")
    frame_ms = round(step_ms(recognition.model.frontend))
    if not text.isdecimal() or not int(text) or int(text) % frame_ms:
        raise ConfigError(
            f"--chunk is {given}; should be a multiple of the model's {frame_ms} ms, such as {10 * frame_ms}ms, or "
            "three numbers of frames, such as 0,10,5"
        )
    size = int(text) // frame_ms
    return replace(before, before=0, size=size, ahead=size // 2)


def parse_look_back(given: str | None, before: ChunkOptions) -> ChunkOptions:
    """`4,1` to the chunks that are remembered; -1: all, of the encoder."""
    if given is None:
        return before
    numbers = given.split(",")
    if len(numbers) != 2 or not all(one.strip().removeprefix("-").isdecimal() for one in numbers):
        raise ConfigError(f"--look-back is {given}; should be two numbers of chunks, encoder and decoder, such as 4,1")
    encoder, decoder = (int(one) for one in numbers)
    return replace(before, encoder_look_back=max(-1, encoder), decoder_look_back=max(0, decoder))
