"""What is known of one published model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from asrtools.register import tables

FUNASR_LICENSE = "FunASR Model License 1.1"
HUBS = ("ms", "hf")

RECOGNITION = "recognition"
STREAMING = "streaming recognition"
VAD = "voice activity"
PUNCTUATION = "punctuation"
ALIGNMENT = "alignment"
SPEAKERS = "speakers"
EMOTION = "emotion"
PRETRAINED = "pretrained encoder"
NORMALISATION = "text normalisation"
LANGUAGE_MODEL = "language model"
AUDIO_LLM = "audio language model"

ASR_FILES = ("config.yaml", "configuration.json", "model.pt", "am.mvn", "tokens.json", "seg_dict", "example/")
VAD_FILES = ("config.yaml", "configuration.json", "model.pt", "am.mvn", "example/")
TEXT_FILES = ("config.yaml", "configuration.json", "model.pt", "tokens.json", "example/")


@dataclass(frozen=True)
class Entry:
    """One published model."""

    ms: str  # id on modelscope, empty where it is not there
    task: str
    languages: str
    model: str  # the registered class that its config names
    alias: str = ""
    hf: str = ""
    rate: int = 16000  # Hz; 0: takes text
    size: str = ""  # parameters
    license: str = FUNASR_LICENSE
    files: tuple[str, ...] = ASR_FILES
    companions: Mapping[str, str] = field(default_factory=dict)  # role (vad, punc, spk) to alias
    also: tuple[str, ...] = ()  # further names it goes by
    command: str = ""  # what stands in for it here, where its files are not used

    @property
    def name(self) -> str:
        """The shortest name that finds it."""
        return self.alias or (self.ms or self.hf).partition("/")[2]

    @property
    def has_loader(self) -> bool:
        return all(any(part in table for table in _part_tables()) for part in self.model.split("+"))

    @property
    def status(self) -> str:
        if self.command:
            return f"as {self.command}"
        return "ready" if self.has_loader else "no loader yet"

    def id_on(self, hub: str) -> str:
        return self.ms if hub == "ms" else self.hf


def _part_tables() -> tuple[Mapping[str, type], ...]:
    return tables.model_classes, tables.encoder_classes
