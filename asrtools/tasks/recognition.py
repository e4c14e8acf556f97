"""From a model directory to a recogniser that is ready for records."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrtools.build import LoadedModel
from asrtools.errors import ConfigError, ModelError
from asrtools.io.url import fetch, is_url
from asrtools.models.protocols import ChunkOptions, DecodeOptions, Recognizer, StreamingRecognizer
from asrtools.outside import import_model_file
from asrtools.tasks.batching import BatchLimits
from asrtools.tasks.language_model import with_language_model
from asrtools.tasks.network_input import InputLoader, takes_channels
from asrtools.tasks.open_model import open_model, runner_of, stream_runner_of
from asrtools.tasks.outside_model import OutsideModel, outside_model
from asrtools.tasks.stream import StreamNetwork, WholeStreams
from asrtools.tasks.transcribe import Recognize, Transcriber
from asrtools.text.hotwords import Hotwords, hotword_list, spell_hotwords
from asrtools.text.seg_dict import SegDict


@dataclass(frozen=True, eq=False)
class Recognition:
    """A loaded recogniser on its device."""

    model: LoadedModel
    recognize: Recognize
    device: str
    stream_network: StreamNetwork | None = None  # of a model that hears streams

    @property
    def is_streaming(self) -> bool:
        """Whether recordings too are heard as streams."""
        return self.stream_network is not None and bool(getattr(self.model.network, "is_streaming", False))

    def transcriber(
        self,
        options: DecodeOptions | None = None,
        limits: BatchLimits | None = None,
        channel: str = "mix",
        fs: int = 16000,
        held: Mapping[str, Any] | None = None,
        chunks: ChunkOptions | None = None,
        times_like_funasr: bool = False,
        values: Mapping[str, Any] | None = None,
    ) -> Transcriber:
        """What turns records into transcripts, under these options.

        `chunks`: of a model that hears streams; `values`: for a model from outside, in whose place this one stands.
        """
        recognize, frontend = self.recognize, self.model.frontend
        if channel == "all" and not takes_channels(frontend):
            raise ConfigError(
                f"--channel all: {self.model.directory}: its model {self.model.name} hears one channel; take mix, each "
                "or a number"
            )
        if self.is_streaming:
            recognize = WholeStreams(self.stream_network, frontend, chunks or ChunkOptions())
        loader = InputLoader(frontend, channel, fs, {} if held is None else held, takes_samples=self.is_streaming)
        options = with_language_model(options or DecodeOptions(), self.model)
        return Transcriber(
            recognize,
            self.model.tokenizer,
            loader,
            options,
            limits or BatchLimits(),
            times_like_funasr=times_like_funasr,
        )

    @property
    def takes_hotwords(self) -> bool:
        return bool(getattr(self.model.network, "takes_hotwords", False))

    def spell(self, given: Any) -> Hotwords:
        """Hotwords as users give them: a string, a .txt file or its URL, a list."""
        if isinstance(given, str) and is_url(given.strip()):
            given = fetch(given.strip())
        words = hotword_list(given)
        if words and not self.takes_hotwords:
            raise ConfigError(
                f"{self.model.directory}: its model {self.model.name} does not listen for hotwords; "
                "SeacoParaformer and ContextualParaformer do"
            )
        if words is None or not self.takes_hotwords:
            return Hotwords(())
        file = self.model.directory / "seg_dict"
        return spell_hotwords(
            words, self.model.tokenizer, self.model.network.sos, SegDict.read(file) if file.is_file() else None
        )


def open_recognition(
    directory: str | Path,
    overrides: Mapping[str, Any] | None = None,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    num_threads: int | None = None,
    dtype: str = "fp32",
    remote_code: str | Path | None = None,
) -> "Recognition | OutsideModel":
    """Load a model that recognises speech; `overrides` with flat keys, as users give them.

    `remote_code`: a file that defines the model's class.
    """
    if remote_code is not None:
        import_model_file(remote_code, Path(directory))
    return recognition_of(*open_model(directory, overrides, checkpoint, device, num_threads, dtype))


def recognition_of(
    model: LoadedModel, device: str, keywords: Mapping[str, Any] | None = None
) -> "Recognition | OutsideModel":
    """A model that is loaded already; `keywords`: for one from outside, in the place of its configuration."""
    network = model.network
    if not isinstance(network, Recognizer) and is_from_outside(network):
        return outside_model(model, device, keywords if keywords is not None else keywords_of(model, device))
    if model.frontend is None or model.tokenizer is None:
        lacking = "frontend" if model.frontend is None else "tokenizer"
        raise ModelError(f"{model.directory}: its config names no {lacking}; a model that recognises speech has one")
    stream = stream_runner_of(network, device) if isinstance(network, StreamingRecognizer) else None
    return Recognition(model, runner_of(network, device), device, stream)


def is_from_outside(network: Any) -> bool:
    return type(network).__module__.partition(".")[0] != "asrtools"


def keywords_of(model: LoadedModel, device: str) -> dict[str, Any]:
    """The configuration as one dict, with what was built from it, as the documents say a model is handed it."""
    return {
        **model.config.values,
        "model_path": str(model.directory),
        "frontend": model.frontend,
        "tokenizer": model.tokenizer,
        "device": device,
    }
