"""AudioDataset: audio and its text to features and token ids."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from asrtools.build import parameters_of
from asrtools.errors import ConfigError, DataError
from asrtools.io.jsonl import from_object
from asrtools.record import Utterance
from asrtools.register import tables
from asrtools.tasks.network_input import Loaded
from asrtools.train.augment import FeatureLoader, generator_of
from asrtools.train.batch import lengths, padded
from asrtools.train.disturbance import Disturbance
from asrtools.train.list_source import Lists

Sample = dict[str, Any]  # arrays by the keywords of forward, and "key"


@tables.register("dataset_classes", "AudioDataset")
class AudioDataset:
    """Sample: speech [T, D] and text [N]; the keywords are the published ones.

    An utterance that cannot be used raises a DataError that names it. Samples are drawn anew in every epoch, from the
    seed, the epoch and the key alone.
    """

    index_defaults: Mapping[str, Any] = {}  # what its index is given where dataset_conf says nothing

    def __init__(
        self,
        path: Lists,
        index_ds: str | None = None,
        frontend: Any = None,
        tokenizer: Any = None,
        is_training: bool = True,
        int_pad_value: int = -1,
        float_pad_value: float = 0.0,
        preprocessor_speech: str | None = None,
        preprocessor_speech_conf: Mapping[str, Any] | None = None,
        preprocessor_text: str | None = None,
        preprocessor_text_conf: Mapping[str, Any] | None = None,
        noise_scp: str | None = None,
        noise_apply_prob: float = 1.0,
        noise_db_range: str | float | Sequence[float] = (5.0, 20.0),
        rir_scp: str | None = None,
        rir_apply_prob: float = 1.0,
        specaug: Callable | None = None,
        seed: int = 0,
        **index_conf: Any,
    ):
        self.index = make_index(
            index_ds or "IndexDSJsonl", path, {**self.index_defaults, **index_conf, "is_training": is_training}
        )
        self.frontend, self.tokenizer = frontend, tokenizer
        self.is_training = is_training
        self.int_pad_value, self.float_pad_value = int_pad_value, float_pad_value
        of_speech = _preprocessor(preprocessor_speech, preprocessor_speech_conf, "speech") if is_training else None
        if of_speech is not None:
            of_speech = SpeechPreprocessor(of_speech, frontend.fs)
        disturbs = is_training and (noise_scp or rir_scp)
        noise = (noise_scp, noise_apply_prob, noise_db_range, rir_scp, rir_apply_prob)
        of_samples = (of_speech, Disturbance(frontend.fs, *noise) if disturbs else None)
        self.of_text = _preprocessor(preprocessor_text, preprocessor_text_conf, "text") if is_training else None
        self.loader = FeatureLoader(
            frontend,
            tuple(one for one in of_samples if one is not None),
            tuple(one for one in (specaug,) if one is not None and is_training),
        )
        self.seed, self.epoch = seed, 0

    @property
    def index_ds(self) -> Any:
        """The index under its published name, for classes on top of this one."""
        return self.index

    @property
    def parts(self) -> list[tuple[int, int]] | None:
        return getattr(self.index, "parts", None)

    @property
    def source_lens(self) -> np.ndarray:
        return _column(self.index, "source_lens", "get_source_len")

    @property
    def target_lens(self) -> np.ndarray:
        return _column(self.index, "target_lens", "get_target_len")

    @property
    def dropped(self) -> Mapping[str, int]:
        return getattr(self.index, "dropped", {})

    def __len__(self) -> int:
        return len(self.index)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def get_source_len(self, index: int) -> int:
        return int(self.source_lens[index])

    def get_target_len(self, index: int) -> int:
        return int(self.target_lens[index])

    def utterance(self, index: int) -> Utterance:
        if hasattr(self.index, "utterance"):
            utterance = self.index.utterance(index)
        else:  # an index from outside gives rows
            row = {"key": f"row-{index}", **self.index[index]}
            utterance = from_object(row, f"row {index}")
        if utterance.status == "error":
            raise DataError(f"{utterance.key}: {utterance.error}")
        return utterance

    def __getitem__(self, index: int) -> Sample:
        utterance = self.utterance(index)
        rng = generator_of(self.seed, self.epoch, utterance.key)
        return {"key": utterance.key, "speech": self.speech(utterance, rng), "text": self.text(utterance)}

    def speech(self, utterance: Utterance, rng: np.random.Generator) -> np.ndarray:
        """float32 [T, D]"""
        return self.checked(self.loader(utterance, rng), utterance.key)

    def checked(self, loaded: Loaded, key: str) -> np.ndarray:
        if loaded.feats is None:
            raise DataError(f"{key}: {loaded.utterance.error}")
        if not len(loaded.feats):
            raise DataError(f"{key}: is too short for a single frame; remove it")
        if not np.isfinite(loaded.feats).all():
            raise DataError(f"{key}: its features hold nan or infinite values; look at the recording")
        return loaded.feats

    def text(self, utterance: Utterance) -> np.ndarray:
        """int64 [N]"""
        return self.ids(utterance.target or "", utterance.key)

    def units(self, utterance: Utterance) -> list[str]:
        """The text as the tokenizer cuts it; nothing where it does not show."""
        cut = getattr(self.tokenizer, "text2tokens", None)
        return list(cut(utterance.target or "")) if cut is not None else []

    def ids(self, text: str, key: str) -> np.ndarray:
        if self.of_text is not None:
            text = self.of_text(text)
        ids = self.tokenizer.encode(text)
        if not len(ids):
            raise DataError(f"{key}: its text {text[:40]!r} has no token; remove it")
        return np.asarray(ids, dtype=np.int64)

    def collator(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        """The keywords of forward; every array of a sample has its lengths beside it."""
        inputs: dict[str, torch.Tensor] = {}
        for name in samples[0]:
            if name != "key":
                inputs |= self.stacked(name, [sample[name] for sample in samples])
        return inputs

    def stacked(self, name: str, rows: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
        is_whole = np.issubdtype(rows[0].dtype, np.integer)
        value = self.int_pad_value if is_whole else self.float_pad_value
        return {name: padded(rows, value), f"{name}_lengths": lengths(rows)}


def make_index(name: str, path: Lists, conf: Mapping[str, Any]) -> Any:
    """The registered index of that name over a list; of `conf` it gets what it knows."""
    cls = tables.index_ds_classes.find(name)
    known = parameters_of(cls)
    return cls(path, **{key: value for key, value in conf.items() if known is None or key in known})


def _preprocessor(name: str | None, conf: Mapping[str, Any] | None, kind: str) -> Any:
    if not name:
        return None
    cls = tables.preprocessor_classes.find(name)
    try:
        return cls(**(conf or {}))
    except TypeError as error:
        raise ConfigError(f"dataset_conf.preprocessor_{kind}_conf does not fit {name}: {error}") from error


@dataclass(frozen=True)
class SpeechPreprocessor:
    """A preprocessor of samples; one from outside takes the rate, as published, and ours a generator."""

    preprocessor: Any
    fs: int

    def __call__(self, samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if type(self.preprocessor).__module__.startswith("asrtools."):
            return self.preprocessor(samples, rng)
        return np.asarray(self.preprocessor(samples, fs=self.fs), dtype=np.float32)


def _column(index: Any, name: str, method: str) -> np.ndarray:
    column = getattr(index, name, None)
    if column is None:  # an index from outside is asked row by row, as the documents have it
        column = np.array([getattr(index, method)(index[number]) for number in range(len(index))])
        setattr(index, name, column)
    return column
