"""The registry: names in config files to Python classes.

`tables.register(table, name)` is a class decorator. Built-in names stand in `BUILT_IN` and are imported when first
asked for, so that nothing heavy is imported before it is used and `tables.print()` can list everything right away.
"""

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asrtools.errors import ConfigError

BUILT_IN: dict[str, dict[str, str]] = {
    "model_classes": {
        "Transformer": "asrtools.models.transformer.model",
        "Conformer": "asrtools.models.transformer.model",
        "Branchformer": "asrtools.models.transformer.model",
        "EBranchformer": "asrtools.models.transformer.model",
        "CTC": "asrtools.models.transformer.ctc_model",
        "CAMPPlus": "asrtools.models.campplus.model",
        "Transducer": "asrtools.models.transducer.model",
        "Paraformer": "asrtools.models.paraformer.model",
        "BiCifParaformer": "asrtools.models.bicif_paraformer.model",
        "ContextualParaformer": "asrtools.models.contextual_paraformer.model",
        "ParaformerStreaming": "asrtools.models.paraformer_streaming.model",
        "SeacoParaformer": "asrtools.models.seaco_paraformer.model",
        "CTTransformer": "asrtools.models.ct_transformer.model",
        "CTTransformerStreaming": "asrtools.models.ct_transformer.streaming",
        "SenseVoiceSmall": "asrtools.models.sense_voice.model",
        "UniASR": "asrtools.models.uniasr.model",
        "MFCCA": "asrtools.models.mfcca.model",
        "FsmnVADStreaming": "asrtools.models.fsmn_vad.model",
        "MonotonicAligner": "asrtools.models.monotonic_aligner.model",
    },
    "encoder_classes": {
        "SANMEncoder": "asrtools.layers.sanm_encoder",
        "SANMEncoderChunkOpt": "asrtools.layers.chunk_encoder",
        "SANMVadEncoder": "asrtools.layers.sanm_vad_encoder",
        "SenseVoiceEncoderSmall": "asrtools.models.sense_voice.encoder",
        "FSMN": "asrtools.models.fsmn_vad.encoder",
        "Data2VecEncoder": "asrtools.layers.data2vec",
        "data2vec_encoder": "asrtools.layers.data2vec",
        "MFCCAEncoder": "asrtools.layers.cross_channel",
        "mfcca_enc": "asrtools.layers.cross_channel",
        "ConformerEncoder": "asrtools.layers.conformer",
        "TransformerEncoder": "asrtools.layers.transformer_encoder",
        "BranchformerEncoder": "asrtools.layers.branchformer",
        "EBranchformerEncoder": "asrtools.layers.e_branchformer",
    },
    "decoder_classes": {
        "ParaformerSANMDecoder": "asrtools.layers.sanm_decoder",
        "ContextualParaformerDecoder": "asrtools.models.contextual_paraformer.decoder",
        "ParaformerSANDecoder": "asrtools.layers.transformer_decoder",
        "TransformerDecoder": "asrtools.layers.transformer_decoder",
        "FsmnDecoderSCAMAOpt": "asrtools.layers.scama_decoder",
        "rnnt_decoder": "asrtools.layers.rnnt",
    },
    "predictor_classes": {
        "CifPredictor": "asrtools.layers.cif",
        "CifPredictorV2": "asrtools.layers.cif",
        "CifPredictorV3": "asrtools.layers.cif_upsampled",
    },
    "normalize_classes": {
        "UtteranceMVN": "asrtools.layers.utterance_mvn",
        "utterance_mvn": "asrtools.layers.utterance_mvn",
    },
    "stride_conv_classes": {"stride_conv1d": "asrtools.layers.stride_conv"},
    "lm_classes": {
        "TransformerLM": "asrtools.layers.lm",
        "transformer": "asrtools.layers.lm",
        "SequentialRNNLM": "asrtools.layers.lm",
        "seq_rnn": "asrtools.layers.lm",
    },
    "joint_network_classes": {"joint_network": "asrtools.layers.rnnt"},
    "tokenizer_classes": {
        "CharTokenizer": "asrtools.text.char_tokenizer",
        "SentencepiecesTokenizer": "asrtools.text.sentencepiece_tokenizer",
    },
    "frontend_classes": {
        "WavFrontend": "asrtools.features.frontend",
        "wav_frontend": "asrtools.features.frontend",
        "WavFrontendOnline": "asrtools.features.frontend",
        "WhisperFrontend": "asrtools.features.whisper_frontend",
        "SpeakerFrontend": "asrtools.features.speaker_frontend",
        "MultiChannelFrontend": "asrtools.features.multi_channel_frontend",
    },
    "specaug_classes": {
        "SpecAug": "asrtools.features.spec_augment",
        "SpecAugLFR": "asrtools.features.spec_augment",
    },
    "preprocessor_classes": {"SpeechPreprocessSpeedPerturb": "asrtools.features.speed"},
    "dataset_classes": {
        "AudioDataset": "asrtools.train.audio_dataset",
        "AudioDatasetHotword": "asrtools.train.hotword_dataset",
        "SenseVoiceDataset": "asrtools.train.sense_voice_dataset",
        "SenseVoiceCTCDataset": "asrtools.train.sense_voice_dataset",
        "PunctuationDataset": "asrtools.train.punctuation_dataset",
        "VadDataset": "asrtools.train.vad_dataset",
        "SpeakerDataset": "asrtools.train.speaker_dataset",
    },
    "index_ds_classes": {
        "IndexDSJsonl": "asrtools.train.list_index",
        "IndexDSJsonlRankFull": "asrtools.train.list_index",
        "IndexDSJsonlRankSplit": "asrtools.train.list_index",
        "IndexShar": "asrtools.train.shar_data",
    },
    "batch_sampler_classes": {
        "BatchSampler": "asrtools.train.sampler",
        "CustomDistributedBatchSampler": "asrtools.train.sampler",
        "CustomDistributedDynamicBatchSampler": "asrtools.train.sampler",
        "DynamicBatchLocalShuffleSampler": "asrtools.train.sampler",
        "RankFullLocalShuffleBatchSampler": "asrtools.train.sampler",
        "RankFullLocalShuffleDynamicBatchSampler": "asrtools.train.sampler",
        "EspnetStyleBatchSampler": "asrtools.train.sampler",
    },
}

TABLES = (
    "model_classes",
    "frontend_classes",
    "specaug_classes",
    "normalize_classes",
    "encoder_classes",
    "decoder_classes",
    "joint_network_classes",
    "predictor_classes",
    "stride_conv_classes",
    "tokenizer_classes",
    "dataloader_classes",
    "batch_sampler_classes",
    "dataset_classes",
    "index_ds_classes",
)


# Tables whose entries may be functions too, as published samplers are.
MAKERS = ("batch_sampler_classes", "dataloader_classes")


class Table(Mapping[str, type]):
    """One kind of component; looks like a dict of name to class, importing built-in classes when they are asked for."""

    def __init__(self, name: str, built_in: Mapping[str, str]):
        self.name = name
        self.built_in = dict(built_in)
        self.registered: dict[str, type] = {}
        self.failed: dict[str, str] = {}

    def __getitem__(self, name: str) -> type:
        if name not in self.registered and name in self.built_in:
            self._import(name)
        return self.registered[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.built_in, *self.registered]))

    def __len__(self) -> int:
        return len({*self.built_in, *self.registered})

    def __contains__(self, name: object) -> bool:
        return name in self.registered or name in self.built_in

    def find(self, name: str) -> type:
        """The class of that name, or a ConfigError that names the near matches and what failed to import."""
        try:
            return self[name]
        except KeyError:
            pass
        kind = self.name.removesuffix("_classes").replace("_", " ")
        if name in self.failed:
            raise ConfigError(f"{kind} {name!r} could not be imported: {self.failed[name]}")
        near = difflib.get_close_matches(str(name), list(self), n=3, cutoff=0.5)
        if near:
            cure = "did you mean " + " or ".join(near) + "?"
        elif len(self):
            cure = "known are " + ", ".join(sorted(self))
        else:
            cure = f"no {kind} is registered"
        failed = [(other, why) for other, why in self.failed.items() if other in near]
        broken = "".join(f"; {other} could not be imported: {why}" for other, why in failed)
        raise ConfigError(f"{kind} {name!r} is not registered; {cure}{broken}")

    def add(self, name: str, cls: type) -> None:
        """Enter a class; a user's class wins over a built-in one, two built-in ones of one name are an error."""
        known = self.registered.get(name)
        if known is None or _same_definition(known, cls):
            takes_over = known is None and name in self.built_in and not _is_built_in(cls)
        elif _is_built_in(cls):
            if _is_built_in(known):
                places = f"{_location(known)} and again by {_location(cls)}"
                raise ConfigError(f"{self.name}: {name!r} is registered by {places}; a name stands for one class")
            return  # the built-in module is imported late; the user's class was there first
        else:
            takes_over = True
        if takes_over:
            sys.stderr.write(f"{self.name}: {name!r} is now {_location(cls)} for this process\n")
        self.registered[name] = cls

    def _import(self, name: str) -> None:
        try:
            importlib.import_module(self.built_in[name])
        except Exception as error:  # any failure of a component is reported by name when it is asked for
            self.failed[name] = f"{type(error).__name__}: {error}"


class Tables:
    """All tables, one attribute each; a new name makes a new table."""

    def __init__(self, built_in: Mapping[str, Mapping[str, str]]):
        self._tables = {name: Table(name, built_in.get(name, {})) for name in {**dict.fromkeys(TABLES), **built_in}}

    def __getattr__(self, name: str) -> Table:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._tables.setdefault(name, Table(name, {}))

    def register(self, table: str, name: str | None = None) -> Callable[[type], type]:
        def decorate(cls: type) -> type:
            is_maker = inspect.isfunction(cls) and table in MAKERS
            if not inspect.isclass(cls) and not is_maker:
                raise ConfigError(f"tables.register({table!r}, {name!r}): {cls!r} is not a class")
            getattr(self, table).add(name or cls.__name__, cls)
            if table == "model_classes":
                _attach_documented(cls)
            return cls

        return decorate

    def print(self, key: str | None = None) -> None:
        """Print name, class and place of all that is registered (in the tables whose name contains `key`)."""
        wanted = [table for name, table in self._tables.items() if key is None or key in name]
        if not wanted:
            sys.stdout.write(f"no table's name has {key!r} in it; there are {', '.join(self._tables)}\n")
        for table in wanted:
            sys.stdout.write(_as_text(table))


def _attach_documented(cls: type) -> None:
    """`SomeModel.from_pretrained(...)` and `.inference(...)`, where a model has none of its own."""

    def from_pretrained(own: type, model: Any, **keywords: Any) -> tuple[Any, dict[str, Any]]:
        """A published model of this class, and the keywords that its `inference` takes."""
        from asrtools.auto import from_pretrained

        return from_pretrained(own, model, **keywords)

    def inference(network: Any, data_in: Any, *arguments: Any, **keywords: Any) -> tuple[list[dict], dict]:
        """What AutoModel gives for an input, and what there is to say about it."""
        from asrtools.auto import inference

        return inference(network, data_in, *arguments, **keywords)

    for function, method in ((from_pretrained, classmethod(from_pretrained)), (inference, inference)):
        if not hasattr(cls, function.__name__):
            setattr(cls, function.__name__, method)


def _as_text(table: Table) -> str:
    rows = [("register name", "class name", "class location")]
    for name in sorted(table):
        cls = table.get(name)
        if cls is None:
            rows.append((name, "-", f"not importable: {table.failed.get(name)}"))
        else:
            rows.append((name, cls.__name__, _location(cls)))
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows]
    return f"-- {table.name} --\n" + "\n".join(lines) + "\n"


def _location(cls: type) -> str:
    try:
        return f"{inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):  # made without a source file
        return f"{cls.__module__}.{cls.__qualname__}"


def _is_built_in(cls: type) -> bool:
    return cls.__module__.split(".")[0] == "asrtools"


def _same_definition(one: type, other: type) -> bool:
    return one is other or (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


tables = Tables(BUILT_IN)
